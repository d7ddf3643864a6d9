import type { JSX } from 'preact'
import { param, setParams } from '../state/route.ts'

interface Span {
  readonly name: string
  /** Milliseconds. */
  readonly ms: number
}

/** By what stands for them in the address; the first is that of an address without. */
export type Spans = readonly (readonly [value: string, span: Span])[]

/** The one that the address names. */
export function chosenSpan(spans: Spans): Span {
  const [first] = spans
  const [, span] = spans.find(([value]) => value === param('since')) ?? first ?? ['', NONE]
  return span
}

const NONE: Span = { name: '', ms: 0 }

/** From when on a list is to be. */
export function Since({ spans }: { spans: Spans }): JSX.Element {
  return (
    <label>
      <span>From</span>
      <select
        value={param('since')}
        onChange={({ currentTarget }) => setParams({ since: currentTarget.value })}
      >
        {spans.map(([value, { name }]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
