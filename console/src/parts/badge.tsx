import type { JSX } from 'preact'
import type { Level } from '../verdict.ts'

export type Mark = Level | 'revoked'

const words: Readonly<Record<Mark, string>> = {
  ok: 'Well',
  info: 'To know',
  warn: 'To mend',
  error: 'To mend now',
  unknown: 'Not seen',
  revoked: 'Ended',
}

/** A shape of its own for each, so that colour is never all that tells. */
export function Shape({ mark, size = 12 }: { mark: Mark; size?: number }): JSX.Element {
  return (
    <svg class={`shape ${mark}`} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">
      {shapes[mark]}
    </svg>
  )
}

const shapes: Readonly<Record<Mark, JSX.Element>> = {
  ok: <path d="M2 6.4 4.8 9.2 10 3.2" fill="none" stroke="currentColor" stroke-width="1.8" />,
  info: (
    <>
      <circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" stroke-width="1.3" />
      <path d="M6 5.4v3.2M6 3.2v1.1" stroke="currentColor" stroke-width="1.4" />
    </>
  ),
  warn: <path d="M6 1 11.4 10.6H.6Z" fill="currentColor" />,
  error: <path d="M3.7.8h4.6l3.2 3.2v4l-3.2 3.2H3.7L.5 8V4Z" fill="currentColor" />,
  unknown: (
    <>
      <rect x="1.2" y="1.2" width="9.6" height="9.6" fill="none" stroke="currentColor" />
      <path d="M1.2 6 6 1.2M1.2 10.8 10.8 1.2M6 10.8 10.8 6" stroke="currentColor" />
    </>
  ),
  revoked: <path d="m2.4 2.4 7.2 7.2M9.6 2.4 2.4 9.6" stroke="currentColor" stroke-width="1.8" />,
}

export function Badge({ mark, word }: { mark: Mark; word?: string }): JSX.Element {
  return (
    <span class={`badge ${mark}`}>
      <Shape mark={mark} size={10} />
      {word ?? words[mark]}
    </span>
  )
}
