import { OptionError } from '../core/errors.ts'

/** With its offset from UTC, as ISO 8601 has it. */
const AWARE = /(?:Z|[+-]\d\d(?::?\d\d)?)$/i

/**
 * Reads a time as Python's `isoformat` writes it: milliseconds since the epoch, or NaN. One without an offset is of the zone,
 * and not of that in which this process happens to run.
 */
export type TimeReader = (text: string) => number | 'no zone'

/**
 * @param zone of times that have none
 * @throws OptionError
 */
export function timeReader(zone: unknown): TimeReader {
  const offsetAt = zone === undefined ? undefined : offsetsOf(zone)
  return (text) => {
    if (AWARE.test(text)) return Date.parse(text)
    if (offsetAt === undefined) return 'no zone'
    // What a clock there shows, as if it were in UTC.
    const shown = Date.parse(`${text}Z`)
    if (Number.isNaN(shown)) return shown
    // The offset at `shown` may be that of before a change of the clocks, or of after it.
    return shown - offsetAt(shown - offsetAt(shown))
  }
}

function offsetsOf(zone: unknown): (time: number) => number {
  const format = formatOf(zone)
  return (time) => {
    const parts = format.formatToParts(time).map(({ type, value }) => [type, Number(value)])
    const { year, month, day, hour, minute, second } = Object.fromEntries(parts) as Shown
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1_000) * 1_000
  }
}

type Shown = Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>

function formatOf(zone: unknown): Intl.DateTimeFormat {
  try {
    if (typeof zone !== 'string') throw new TypeError('no text')
    return new Intl.DateTimeFormat('en-u-ca-gregory', {
      ...{ timeZone: zone, hourCycle: 'h23' },
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    })
  } catch {
    throw new OptionError('timeZone', "takes the name of a time zone, such as 'Europe/Berlin'")
  }
}
