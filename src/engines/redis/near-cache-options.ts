import { type Duration, parseDuration } from '../../core/duration.ts'
import { OptionError } from '../../core/errors.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import type { NearCacheLimits } from './near-cache.ts'

export interface NearCacheOptions {
  /**
   * No node serves a session later than this after it was revoked or changed elsewhere, whatever
   * fails; usually it is milliseconds. Default 1 second, 100 ms to 1 minute.
   */
  readonly maxStaleness?: Duration
  /** Default 100,000. At least half of them are kept when there are more. */
  readonly maxEntries?: number
  /** What the entries may take in memory, estimated. Default 128 MiB. */
  readonly maxBytes?: number
}

const LEAST_STALENESS = 100
const MOST_STALENESS = 60_000
const MOST_ENTRIES = 10_000_000
const LEAST_BYTES = 1024 * 1024
const MOST_BYTES = 64 * 1024 * LEAST_BYTES

/** @throws OptionError. Undefined: no near cache. */
export function nearCacheLimits(
  option: boolean | NearCacheOptions = true,
): NearCacheLimits | undefined {
  if (option === false) return undefined
  const given = option === true ? {} : option
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new OptionError('nearCache', 'takes true, false or an object')
  }
  refuseUnknown(given, ['maxStaleness', 'maxEntries', 'maxBytes'], 'nearCache.')
  const { maxStaleness: stale = '1s', maxEntries = 100_000, maxBytes = 128 * 1024 * 1024 } = given
  const name = 'nearCache.maxStaleness'
  const maxStaleness = parseDuration(name, stale, MOST_STALENESS)
  if (maxStaleness < LEAST_STALENESS) {
    throw new OptionError(
      name,
      `takes ${LEAST_STALENESS} ms or more: a heartbeat has to come and go`,
    )
  }
  checkCount('nearCache.maxEntries', maxEntries, 2, MOST_ENTRIES)
  checkCount('nearCache.maxBytes', maxBytes, LEAST_BYTES, MOST_BYTES)
  return { maxStaleness, maxEntries, maxBytes }
}

function checkCount(option: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new OptionError(option, `takes a whole number from ${least} to ${most}`)
}
