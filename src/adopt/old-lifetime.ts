import { type Duration, LONGEST_LIFETIME, parseDuration } from '../core/duration.ts'
import { OptionError } from '../core/errors.ts'

/**
 * A number with its unit: `'90s'`, `'12h'`, `'14d'`. Those from whom such options are taken over count in seconds, and
 * options here in milliseconds: a plain number would be a thousandth of what was meant, and nobody would see it.
 */
export type OldLifetime = Exclude<Duration, number>

const DAY = 86_400

/**
 * Milliseconds.
 * @throws OptionError
 */
export function parseOldLifetime(option: string, value: unknown, usual: OldLifetime): number {
  if (typeof value !== 'number') return parseDuration(option, value ?? usual)
  const why = 'a number would be milliseconds here and seconds there'
  throw new OptionError(option, `give '${inText(value)}': ${why}`)
}

/** Where it is 0 there, or longer than anything here, the longest is what comes next to it. */
function inText(seconds: number): string {
  const isPossible = seconds > 0 && seconds * 1_000 <= LONGEST_LIFETIME
  if (!isPossible) return '400d'
  return seconds % DAY === 0 ? `${seconds / DAY}d` : `${seconds}s`
}
