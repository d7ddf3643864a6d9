import type { JSX } from 'preact'
import type { Snapshot } from '../../../src/operations/console/api.ts'
import { latency, percent, rate } from '../format.ts'

interface Row {
  readonly name: string
  readonly perSecond: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly failed: number
}

/** What applications ask; where none reports, what the servers are asked. */
export function Operations({ look }: { look: Snapshot }): JSX.Element {
  const reported = look.application?.operations
  const rows: readonly Row[] = reported ?? look.commands
  const shown = [...rows].sort((a, b) => b.perSecond - a.perSecond).slice(0, 10)
  const scale = scaleOf(shown)
  return (
    <section>
      <h2>
        {reported ? 'Operations' : 'Commands'}{' '}
        <span class="quiet">
          {reported ? 'as applications measure them' : 'as the servers measure them'}
        </span>
      </h2>
      {shown.length === 0 ? (
        <p class="quiet">Nothing is asked now.</p>
      ) : (
        <table class="plain-table">
          <thead>
            <tr>
              <th scope="col">{reported ? 'Operation' : 'Command'}</th>
              <th scope="col" class="number">
                /s
              </th>
              <th scope="col" class="number">
                p50
              </th>
              <th scope="col" class="number">
                p99
              </th>
              <th scope="col" class="wide range-head">
                p50 to p99
              </th>
              <th scope="col" class="number">
                Failed
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ name, perSecond, p50, p99, failed }) => (
              <tr key={name}>
                <td>{name}</td>
                <td class="number">{rate(perSecond)}</td>
                <td class="number">{latency(p50)}</td>
                <td class="number">{latency(p99)}</td>
                <td class="wide">
                  <Range from={p50} to={p99} scale={scale} />
                </td>
                <td class={failed >= 0.01 ? 'number bad' : 'number'}>{percent(failed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

interface Scale {
  readonly low: number
  readonly high: number
}

/** Latencies differ by powers: a logarithm brings them on one line. */
function scaleOf(rows: readonly Row[]): Scale {
  const all = rows.flatMap(({ p50, p99 }) => [p50, p99].filter((value) => value !== undefined))
  if (all.length === 0) return { low: 0, high: 1 }
  const low = Math.log(Math.max(0.01, Math.min(...all)) / 1.4)
  return { low, high: Math.max(low + 1, Math.log(Math.max(0.01, ...all) * 1.2)) }
}

function Range({
  from,
  to,
  scale,
}: {
  from: number | undefined
  to: number | undefined
  scale: Scale
}): JSX.Element {
  if (from === undefined || to === undefined) return <span class="quiet">–</span>
  const at = (value: number): number =>
    ((Math.log(Math.max(0.01, value)) - scale.low) / (scale.high - scale.low)) * 100
  const [start, end] = [at(from), at(to)]
  return (
    <svg class="range" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <line class="track" x1="0" x2="100" y1="4" y2="4" />
      <line class="span" x1={start} x2={Math.max(start + 1, end)} y1="4" y2="4" />
    </svg>
  )
}
