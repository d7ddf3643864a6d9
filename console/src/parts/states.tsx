import type { ComponentChildren, JSX } from 'preact'
import type { Problem } from '../state/api.ts'
import { Shape } from './badge.tsx'

/** Instead of what there would be: a view is never blank. */
export function Empty({
  title,
  children,
}: {
  title: string
  children?: ComponentChildren
}): JSX.Element {
  return (
    <div class="state">
      <p class="state-title">{title}</p>
      {children}
    </div>
  )
}

export function Loading({ what }: { what: string }): JSX.Element {
  return (
    <div class="state loading" role="status">
      <span class="pulse" aria-hidden="true" />
      <p>{what} …</p>
    </div>
  )
}

export function Failed({ problem, again }: { problem: Problem; again?: () => void }): JSX.Element {
  const isDenied = problem.status === 403
  return (
    <div class="state" role="alert">
      <p class="state-title">
        <Shape mark={isDenied ? 'unknown' : 'error'} size={14} />
        {isDenied
          ? 'You may not see this'
          : problem.status === 503
            ? 'The store does not answer'
            : 'That did not work'}
      </p>
      <p>{problem.message}</p>
      <p class="quiet">
        <code>{problem.code}</code>
      </p>
      {again && !isDenied && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}
