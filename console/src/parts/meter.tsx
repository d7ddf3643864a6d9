import type { JSX } from 'preact'
import { bytes, percent } from '../format.ts'

/** How full: the bar changes its colour at 75 and 90 %, the number beside it says so too. */
export function MemoryMeter({
  used,
  limit,
}: {
  used: number | undefined
  limit: number | undefined
}): JSX.Element {
  if (used === undefined) return <span class="quiet">not told</span>
  if (!limit) {
    return (
      <span class="meter-line">
        <span class="meter unknown" aria-hidden="true" />
        <span>
          {bytes(used)} <span class="quiet">no limit</span>
        </span>
      </span>
    )
  }
  const part = used / limit
  const level = part >= 0.9 ? 'error' : part >= 0.75 ? 'warn' : 'ok'
  return (
    <span class="meter-line">
      <Bar part={part} level={level} />
      <span title={`${bytes(used)} of ${bytes(limit)}`}>
        {percent(part)} <span class="quiet">of {bytes(limit)}</span>
      </span>
    </span>
  )
}

export function Bar({ part, level = 'ok' }: { part: number; level?: string }): JSX.Element {
  return (
    <span class={`meter ${level}`} aria-hidden="true">
      <span style={{ width: `${Math.min(100, Math.max(part > 0 ? 1 : 0, part * 100))}%` }} />
    </span>
  )
}
