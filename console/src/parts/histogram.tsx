import type { JSX } from 'preact'
import type { Histogram } from '../../../src/operations/observe/snapshot.ts'
import { percent } from '../format.ts'

interface Props {
  readonly title: string
  readonly note: string
  readonly histogram: Histogram
  readonly format: (bound: number) => string
}

const WIDTH = 300
const HEIGHT = 56
const GAP = 2

/** Bars on a common base, with the bounds between them. */
export function HistogramBars({ title, note, histogram, format }: Props): JSX.Element {
  const { bounds, counts } = histogram
  const total = counts.reduce((all, count) => all + count, 0)
  const most = Math.max(1, ...counts)
  const step = WIDTH / Math.max(1, counts.length)
  const nameOf = (index: number): string =>
    index === 0
      ? `up to ${format(bounds[0] as number)}`
      : index === bounds.length
        ? `over ${format(bounds[index - 1] as number)}`
        : `${format(bounds[index - 1] as number)} to ${format(bounds[index] as number)}`
  const largest = counts.indexOf(most)
  const summary =
    total === 0
      ? `${title}: nothing in the sample`
      : `${title}: most, ${percent(most / total)}, ${nameOf(largest)}`
  const marks = labelled(bounds.length)
  return (
    <figure class="histogram">
      <figcaption>
        <span class="label">{title}</span>
        <span class="quiet">{total === 0 ? 'nothing yet' : note}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={summary}
      >
        {counts.map((value, index) => {
          const height = value === 0 ? 0 : Math.max(1.5, (value / most) * (HEIGHT - 2))
          return (
            <g key={index}>
              <title>{`${nameOf(index)}: ${percent(total === 0 ? 0 : value / total)}`}</title>
              <rect class="bar-hit" x={index * step} y={0} width={step} height={HEIGHT} />
              <rect
                class={index === largest ? 'bar most' : 'bar'}
                x={index * step + GAP / 2}
                y={HEIGHT - height}
                width={Math.max(1, step - GAP)}
                height={height}
              />
            </g>
          )
        })}
        <line class="base" x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      </svg>
      <div class="bounds" aria-hidden="true">
        {marks.map((index) => (
          <span key={index} style={{ left: `${((index + 1) / counts.length) * 100}%` }}>
            {format(bounds[index] as number)}
          </span>
        ))}
      </div>
    </figure>
  )
}

/** As many bounds as have room for their names: every second or third. */
function labelled(length: number): number[] {
  const every = Math.ceil(length / 5)
  return Array.from({ length }, (_, index) => index).filter((index) => index % every === 0)
}
