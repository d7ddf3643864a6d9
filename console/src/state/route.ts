import { type ReadonlySignal, type Signal, signal } from '@preact/signals'

export const views = [
  { id: 'overview', name: 'Overview', key: 'o' },
  { id: 'principals', name: 'Principals', key: 'p' },
  { id: 'sessions', name: 'Sessions', key: 's' },
  { id: 'events', name: 'Events', key: 'e' },
  { id: 'topology', name: 'Topology', key: 't' },
  { id: 'doctor', name: 'Doctor', key: 'd' },
  { id: 'audit', name: 'Audit', key: 'a' },
] as const

export type ViewId = (typeof views)[number]['id']

/** Where the person is: all of it is in the address, after the `#`, which no server and no log sees. */
export interface Route {
  readonly view: ViewId
  /** What is there instead of a view that there is. */
  readonly unknown?: string | undefined
  readonly params: Readonly<Record<string, string>>
}

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const known = views.find(({ id }) => id === path)?.id
  const unknown = known === undefined && path !== '' ? path : undefined
  return {
    view: known ?? 'overview',
    unknown,
    params: Object.fromEntries(new URLSearchParams(query)),
  }
}

const current: Signal<Route> = signal(read())
export const route: ReadonlySignal<Route> = current

addEventListener('hashchange', () => {
  const next = read()
  if (JSON.stringify(next) !== JSON.stringify(current.value)) current.value = next
})

export function addressOf(view: ViewId, params: Record<string, string | undefined> = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value)
  const text = query.toString()
  return `#/${view}${text === '' ? '' : `?${text}`}`
}

export function go(view: ViewId, params: Record<string, string | undefined> = {}): void {
  location.hash = addressOf(view, params)
  // The event comes later, and a key may come before it.
  current.value = read()
}

/** Changes what the address says of this view. `push`: the browser's back button undoes it. */
export function setParams(changes: Record<string, string | undefined>, push = false): void {
  const { view, params } = current.value
  const address = addressOf(view, { ...params, ...changes })
  if (address === location.hash) return
  if (push) location.hash = address
  else history.replaceState(null, '', address)
  current.value = read()
}

export const param = (name: string): string => current.value.params[name] ?? ''
