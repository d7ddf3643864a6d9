import { type Signal, signal } from '@preact/signals'
import { togglePause } from './live.ts'
import { go, views } from './route.ts'
import { nextTheme } from './theme.ts'

export const helpIsOpen: Signal<boolean> = signal(false)

/** After `g` a view's letter is waited for, this long. */
const CHORD = 1_200
let chordUntil = 0

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches('input:not([type=checkbox]), textarea, select'))

/** The search of this view, or that for principals. */
function search(): void {
  const field = document.querySelector<HTMLInputElement>('[data-search]')
  if (field === null) return go('principals')
  field.focus()
  field.select()
}

/** The rows of the view, for whoever begins with j. */
function firstRow(): void {
  document.querySelector<HTMLElement>('main [data-row][tabindex="0"]')?.focus()
}

const inRows = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('[data-row]') !== null

export function listenToKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (document.querySelector('dialog[open]') !== null) return
    if (isTyping(event.target)) {
      if (event.key === 'Escape') (event.target as HTMLElement).blur()
      return
    }
    const view = performance.now() < chordUntil ? views.find(({ key }) => key === event.key) : null
    chordUntil = 0
    if (view) go(view.id)
    else if (event.key === 'g') chordUntil = performance.now() + CHORD
    else if (event.key === '/') search()
    else if (event.key === '?') helpIsOpen.value = true
    else if (event.key === 'p') togglePause()
    else if (event.key === 't') nextTheme()
    else if ((event.key === 'j' || event.key === 'k') && !inRows(event.target)) firstRow()
    else return
    event.preventDefault()
  })
}
