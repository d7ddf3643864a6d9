import type { JSX } from 'preact'
import { rate } from '../format.ts'
import { Bar } from './meter.tsx'

interface Props {
  readonly title: string
  readonly rates: Readonly<Record<string, number>>
  readonly empty: string
  readonly tone?: (name: string) => string
}

/** Rates by name, largest first. */
export function RateBars({ title, rates, empty, tone }: Props): JSX.Element {
  const rows = Object.entries(rates)
    .filter(([, value]) => value > 0)
    .sort(([, a], [, b]) => b - a)
  const most = rows[0]?.[1] ?? 1
  return (
    <section class="rates">
      <h3>{title}</h3>
      {rows.length === 0 ? (
        <p class="quiet">{empty}</p>
      ) : (
        <dl>
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <Bar part={value / most} level={tone?.(name) ?? 'plain'} />
                <span class="number">{rate(value)} /s</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  )
}
