import { type Signal, signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { isDark } from '../state/theme.ts'

export interface Line {
  readonly name: string
  /** Of the style sheet: `--accent`. */
  readonly color: string
  readonly values: readonly (number | undefined)[]
  /** Filled down to the base. */
  readonly area?: boolean
  readonly dash?: readonly number[]
}

interface Props {
  readonly label: string
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** Whether the axis begins at 0; else it shows what there is. */
  readonly fromZero?: boolean
  /** Bytes: the axis goes by powers of two. */
  readonly binary?: boolean
  /** Where the axis ends at least. */
  readonly upTo?: number | undefined
}

/** Which of the points the mouse is at, in all charts. */
export const hovered: Signal<number | undefined> = signal(undefined)

const HEIGHT = 112
/** Looks come each second: where there is more between two, nobody has looked. Seconds. */
const UNSEEN = 5
const powers = Array.from({ length: 50 }, (_, exponent) => 2 ** exponent)

/** What was seen in 15 minutes. Its cursor stands at the same moment in all charts of the page. */
export function Chart({
  label,
  times,
  lines,
  format,
  fromZero = true,
  upTo = 0,
  binary = false,
}: Props): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const data = (): uPlot.AlignedData => [
    times.map((at) => at / 1_000),
    ...lines.map(({ values }) => values.map((value) => value ?? null)),
  ]
  const dark = isDark()

  useEffect(() => {
    const element = place.current
    if (element === null) return
    const options = optionsOf(element, lines, format, fromZero, upTo, binary)
    const made = new uPlot(options, data(), element)
    plot.current = made
    const resized = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0)
      if (width > 0 && width !== made.width) made.setSize({ width, height: HEIGHT })
    })
    resized.observe(element)
    return () => {
      resized.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [dark, upTo, lines.map(({ name }) => name).join()])

  useEffect(() => {
    plot.current?.setData(data())
  }, [times])

  return <div class="chart" ref={place} role="img" aria-label={label} />
}

function optionsOf(
  element: HTMLElement,
  lines: readonly Line[],
  format: (value: number) => string,
  fromZero: boolean,
  upTo: number,
  binary: boolean,
): uPlot.Options {
  const style = getComputedStyle(element)
  // A canvas knows no `light-dark()`: an element does.
  const color = (name: string): string => {
    const probe = document.createElement('i')
    probe.style.color = `var(${name})`
    element.append(probe)
    const value = getComputedStyle(probe).color
    probe.remove()
    return value
  }
  const font = `11px ${style.fontFamily}`
  const axis = { stroke: color('--muted'), font, ticks: { show: false } }
  return {
    width: Math.max(80, element.clientWidth),
    height: HEIGHT,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    hooks: {
      setCursor: [
        ({ cursor }) => {
          hovered.value = cursor.idx ?? undefined
        },
      ],
    },
    cursor: { sync: { key: 'console' }, drag: { x: false, y: false }, points: { size: 5 } },
    scales: {
      y: {
        range: (_plot, least, most) => {
          if (least === null || most === null || most === 0) return [0, Math.max(1, upTo)]
          const spread = Math.max(most - least, Math.abs(most) * 0.02, 1e-9)
          return fromZero
            ? [0, Math.max(most * 1.15, upTo, 1e-9)]
            : [Math.max(0, least - spread * 0.4), most + spread * 0.4]
        },
      },
    },
    axes: [
      {
        ...axis,
        size: 22,
        gap: 4,
        space: 90,
        grid: { show: false },
        values: (_plot, seconds) => namesOf(seconds),
      },
      {
        ...axis,
        size: (_plot, values) =>
          14 + 6.4 * Math.max(2, ...(values ?? []).map((text) => text.length)),
        gap: 6,
        space: 26,
        ...(binary ? { incrs: powers } : {}),
        grid: { stroke: color('--line'), width: 1 },
        values: (_plot, values) => values.map((value) => (value === 0 ? '0' : format(value))),
      },
    ],
    series: [
      {},
      ...lines.map(
        (line): uPlot.Series => ({
          label: line.name,
          stroke: color(line.color),
          width: 1.5,
          points: { show: false },
          gaps: withUnseen,
          ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
          ...(line.area ? { fill: color(`${line.color}-faint`) } : {}),
        }),
      ),
    ],
  }
}

/** Of times when nobody looked nothing is known: no line, rather than a straight one. */
const withUnseen: uPlot.Series.GapsRefiner = (plot, _series, first, last, gaps) => {
  const [times] = plot.data
  const place = (index: number): number =>
    Math.round(plot.valToPos(times[index] as number, 'x', true))
  for (let i = first + 1; i <= last; i++) {
    const between = (times[i] as number) - (times[i - 1] as number)
    if (between > UNSEEN) uPlot.addGap(gaps, place(i - 1), place(i))
  }
  return gaps.sort(([one], [other]) => one - other)
}

const minutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const seconds = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

/** To the second where they are less than a minute apart. */
function namesOf(times: readonly number[]): string[] {
  const [first = 0, second = Number.POSITIVE_INFINITY] = times
  const format = second - first < 60 ? seconds : minutes
  return times.map((at) => format.format(at * 1_000))
}
