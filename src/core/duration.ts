import { OptionError } from './errors.ts'

/** Milliseconds, or a number with a unit: `'500ms'`, `'90s'`, `'30m'`, `'12h'`, `'30d'`, `'2w'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** 400 days: browsers keep no cookie longer (RFC 6265bis, section 5.5). */
export const LONGEST_LIFETIME: number = 400 * 86_400_000

/**
 * Whole milliseconds between 1 and `max`.
 * @throws OptionError for anything else: a lifetime that is silently zero or NaN signs people out,
 * or never does.
 */
export function parseDuration(
  option: string,
  value: unknown,
  max: number = LONGEST_LIFETIME,
): number {
  const takes =
    "takes milliseconds or a number with a unit, such as 1500, '90s', '30m', '12h', '30d'"
  let ms: number
  if (typeof value === 'number') {
    ms = value
  } else {
    const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(value) : null
    if (match === null) throw new OptionError(option, takes)
    ms = Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN)
  }
  if (!Number.isFinite(ms)) throw new OptionError(option, takes)
  ms = Math.round(ms)
  if (ms < 1) throw new OptionError(option, `must be at least 1 millisecond; it ${takes}`)
  if (ms > max)
    throw new OptionError(option, `is longer than the longest possible, ${longest(max)}`)
  return ms
}

function longest(max: number): string {
  return max === LONGEST_LIFETIME ? '400 days' : `${max} ms`
}
