import type { JSX } from 'preact'
import { dayAndTimeOf, momentOf, since, timeOf } from '../format.ts'
import { now } from '../state/clock.ts'

export function Ago({ at }: { at: number | undefined }): JSX.Element {
  if (at === undefined) return <span class="quiet">–</span>
  return (
    <time dateTime={new Date(at).toISOString()} title={momentOf(at)}>
      {since(at, now.value)}
    </time>
  )
}

export function At({ at, whole = false }: { at: number; whole?: boolean }): JSX.Element {
  return (
    <time dateTime={new Date(at).toISOString()} title={momentOf(at)}>
      {whole ? dayAndTimeOf(at) : timeOf(at)}
    </time>
  )
}
