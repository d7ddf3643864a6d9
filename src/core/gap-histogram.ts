import { type Duration, parseDuration } from './duration.ts'

/*
 * Durations in buckets as an HdrHistogram has them: eight from one power of two seconds to the next, so
 * that no bucket is wider than an eighth of the shortest duration in it. From 1 second to more than the
 * 400 days that a session can live. The numbers of the buckets are in the store: protocol/README.md.
 */

/** Milliseconds; the shortest duration that is told apart has eight of them. */
const UNIT = 125
export const SHORTEST_GAP: number = 8 * UNIT
/** 2^25 seconds are 388 days. */
export const GAP_BUCKETS: number = 26 * 8

/** The number of the bucket of a duration, milliseconds; what is beyond the range goes to its ends. */
export function bucketOf(ms: number): number {
  const units = Math.min(Math.max(ms / UNIT, 8), 15.99 * 2 ** 25) | 0
  const power = 28 - Math.clz32(units)
  return power * 8 + (units >> power) - 8
}

/** Where a bucket begins, milliseconds. */
export function bucketStart(bucket: number): number {
  return UNIT * (8 + (bucket & 7)) * 2 ** (bucket >> 3)
}

/** Durations from `from` up to, not including, `to`, milliseconds. */
export interface DurationBucket {
  readonly from: number
  readonly to: number
  readonly count: number
}

/** Milliseconds, with a relative error of at most a sixteenth; of no durations at all undefined. */
export interface Percentiles {
  readonly p50: number | undefined
  readonly p90: number | undefined
  readonly p95: number | undefined
  readonly p99: number | undefined
}

/** Many durations, as they are distributed. */
export class Durations {
  readonly count: number
  readonly percentiles: Percentiles
  /** Those that hold any, shortest first. */
  readonly buckets: readonly DurationBucket[]

  /** @param counts by number of the bucket */
  constructor(counts: ReadonlyMap<number, number>) {
    this.buckets = [...counts]
      .filter(([bucket, count]) => count > 0 && bucket >= 0 && bucket < GAP_BUCKETS)
      .sort(([a], [b]) => a - b)
      .map(([bucket, count]) => ({ from: bucketStart(bucket), to: bucketStart(bucket + 1), count }))
    this.count = this.buckets.reduce((sum, { count }) => sum + count, 0)
    const at = (part: number): number | undefined => this.#percentile(part)
    this.percentiles = { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) }
  }

  /**
   * Which part of them is longer, 0 to 1. Exact where a bucket begins, as it does at whole powers of
   * two seconds; else the bucket that holds `duration` is divided as if it were evenly filled.
   * @throws OptionError
   */
  shareLongerThan(duration: Duration): number {
    const limit = parseDuration('duration', duration)
    let longer = 0
    for (const { from, to, count } of this.buckets) {
      longer += count * Math.min(1, Math.max(0, (to - limit) / (to - from)))
    }
    return this.count === 0 ? 0 : longer / this.count
  }

  /** The middle of the bucket in which the shortest lies that so many do not exceed. */
  #percentile(part: number): number | undefined {
    let left = Math.max(1, Math.ceil(part * this.count))
    for (const { from, to, count } of this.buckets) {
      left -= count
      if (left <= 0) return (from + to) / 2
    }
    return undefined
  }
}
