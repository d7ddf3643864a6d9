import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

interface Props {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

/** A `<dialog>`: the browser keeps the focus in it, and Esc closes it. The focus goes back to where it was. */
export function Dialog({ title, onClose, children }: Props): JSX.Element {
  const element = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => {
        // Only the backdrop is the dialog itself.
        if (event.target === element.current) element.current?.close()
      }}
    >
      <div class="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <button
            type="button"
            class="plain"
            aria-label="Close"
            onClick={() => element.current?.close()}
          >
            <svg width="14" height="14" viewBox="0 0 12 12" aria-hidden="true">
              <path d="m2 2 8 8M10 2 2 10" stroke="currentColor" stroke-width="1.3" />
            </svg>
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
