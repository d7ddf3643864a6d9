import { useComputed } from '@preact/signals'
import type { JSX } from 'preact'
import type { HistoryPoint, Snapshot } from '../../../src/operations/console/api.ts'
import { bytes, count, latency, percent, rate, short, timeOf } from '../format.ts'
import { noReports } from '../reports.ts'
import { points } from '../state/live.ts'
import { Chart, hovered, type Line } from './chart.tsx'

const values = (pick: (point: HistoryPoint) => number | undefined): (number | undefined)[] =>
  points.value.map(pick)

const rates: readonly (readonly [
  title: string,
  line: Pick<Line, 'name' | 'color' | 'dash'>,
  pick: (point: HistoryPoint) => number | undefined,
])[] = [
  ['Made /s', { name: 'made', color: '--accent' }, (point) => point.createdPerSecond],
  ['Ended /s', { name: 'ended', color: '--violet', dash: [4, 3] }, (point) => point.endedPerSecond],
  [
    'Refused /s',
    { name: 'refused', color: '--amber-mark', dash: [1, 3] },
    (point) => point.rejectedPerSecond,
  ],
]

/**
 * Four instruments side by side: the number is the head of the line of the last 15 minutes, or what it was where the
 * mouse is.
 */
export function Figures({ look }: { look: Snapshot }): JSX.Element {
  const times = useComputed(() => points.value.map(({ at }) => at)).value
  const before = hovered.value === undefined ? undefined : points.value[hovered.value]
  const point = before ?? points.value.at(-1)
  const { sessions, application } = look
  const limit = limitOf(look)
  const then = before && `at ${timeOf(before.at)}`
  const used = point?.usedMemory
  return (
    <section class="band figures" aria-label="Now, and the last 15 minutes">
      <Instrument
        title="Live sessions"
        value={`${sessions.exact || point?.active === undefined ? '' : '≈ '}${count(point?.active)}`}
        note={
          then ??
          (sessions.signedInShare === undefined
            ? ''
            : `${percent(sessions.signedInShare)} signed in`)
        }
      >
        <Chart
          label={`Live sessions in the last 15 minutes, now ${count(sessions.active)}`}
          times={times}
          lines={[{ name: 'live', color: '--accent', values: values(({ active }) => active) }]}
          format={short}
          fromZero={false}
        />
      </Instrument>
      <div class="instrument">
        <h2 class="unseen">Sessions a second</h2>
        <dl class="legend">
          {rates.map(([title, line, pick]) => (
            <div key={title}>
              <dt>
                <Swatch {...line} />
                {title}
              </dt>
              <dd>{rate(point && pick(point))}</dd>
            </div>
          ))}
        </dl>
        <Chart
          label="Sessions made, ended and refused a second, in the last 15 minutes"
          times={times}
          lines={rates.map(([, line, pick]) => ({ ...line, values: values(pick) }))}
          format={rate}
        />
      </div>
      <Instrument
        title="Loads, p99"
        value={latency(point?.p99)}
        note={
          then ??
          (application === undefined
            ? noReports(look)
            : point?.hitRate === undefined
              ? ''
              : `${percent(point.hitRate)} cached`)
        }
      >
        <Chart
          label={`99 of 100 loads took at most so long, now ${latency(point?.p99)}`}
          times={times}
          lines={[{ name: 'p99', color: '--accent', values: values(({ p99 }) => p99) }]}
          format={latency}
        />
      </Instrument>
      <Instrument
        title="Memory of the primaries"
        value={bytes(used)}
        note={
          then ??
          (limit && used !== undefined ? `${percent(used / limit)} of ${bytes(limit)}` : 'no limit')
        }
      >
        <Chart
          label={`Memory in use, now ${bytes(used)}`}
          times={times}
          lines={[
            {
              ...{ name: 'memory', color: '--accent', area: true },
              values: values(({ usedMemory }) => usedMemory),
            },
          ]}
          format={bytes}
          binary
          upTo={limit}
        />
      </Instrument>
    </section>
  )
}

/** Of all primaries; undefined where one of them has none. */
function limitOf({ servers }: Snapshot): number | undefined {
  let limit = 0
  for (const { role, maxMemory } of servers) {
    if (role !== 'primary') continue
    if (maxMemory === undefined) return undefined
    limit += maxMemory
  }
  return limit
}

function Swatch({ color, dash }: Pick<Line, 'color' | 'dash'>): JSX.Element {
  return (
    <svg width="14" height="8" viewBox="0 0 14 8" aria-hidden="true">
      <line
        x2="14"
        y1="4"
        y2="4"
        stroke={`var(${color})`}
        stroke-width="2"
        stroke-dasharray={dash?.join(' ')}
      />
    </svg>
  )
}

interface InstrumentProps {
  readonly title: string
  readonly value: string
  readonly note: string
  readonly children: JSX.Element
}

function Instrument({ title, value, note, children }: InstrumentProps): JSX.Element {
  return (
    <div class="instrument">
      <h2>{title}</h2>
      <p class="figure">
        <span class="value">{value}</span> <span class="quiet">{note}</span>
      </p>
      {children}
    </div>
  )
}
