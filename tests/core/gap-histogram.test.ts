import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bucketOf,
  bucketStart,
  Durations,
  GAP_BUCKETS,
  SHORTEST_GAP,
} from '../../src/core/gap-histogram.ts'

const LONGEST = 400 * 86_400_000
/** As many short ones as long ones. */
const duration = fc
  .double({ min: Math.log2(SHORTEST_GAP), max: Math.log2(LONGEST), noNaN: true })
  .map((power) => Math.min(LONGEST, Math.max(SHORTEST_GAP, Math.round(2 ** power))))
/** The bucket that holds the longest possible ends beyond it. */
const inWholeBucket = duration.filter((ms) => ms < bucketStart(200))
const durations = fc.array(duration, { minLength: 1, maxLength: 300 })

function counted(list: readonly number[]): Durations {
  const counts = new Map<number, number>()
  for (const ms of list) counts.set(bucketOf(ms), (counts.get(bucketOf(ms)) ?? 0) + 1)
  return new Durations(counts)
}

describe('buckets', () => {
  it('lie end to end from a second to beyond 400 days, none wider than an eighth of its start', () => {
    expect(bucketStart(0)).toBe(1_000)
    expect(bucketStart(GAP_BUCKETS)).toBeGreaterThan(LONGEST)
    expect(GAP_BUCKETS).toBeLessThanOrEqual(256)
    for (let bucket = 0; bucket < GAP_BUCKETS; bucket++) {
      const [from, to] = [bucketStart(bucket), bucketStart(bucket + 1)]
      expect(to - from).toBeLessThanOrEqual(from / 8)
      expect([bucketOf(from), bucketOf(to - 1)]).toEqual([bucket, bucket])
    }
  })

  it('take what is beyond their range at their ends', () => {
    expect([-1, 0, 999].map(bucketOf)).toEqual([0, 0, 0])
    expect([1e12, Number.MAX_SAFE_INTEGER].map(bucketOf)).toEqual([207, 207])
  })
})

describe('Durations', () => {
  it('percentiles are within a sixteenth of the exact ones', () => {
    fc.assert(
      fc.property(durations, (list) => {
        const { count, percentiles } = counted(list)
        const sorted = list.toSorted((a, b) => a - b)
        expect(count).toBe(list.length)
        const parts = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const
        for (const name of ['p50', 'p90', 'p95', 'p99'] as const) {
          const exact = sorted[Math.ceil(parts[name] * list.length) - 1] ?? Number.NaN
          expect(Math.abs((percentiles[name] ?? Number.NaN) - exact)).toBeLessThanOrEqual(
            exact / 16,
          )
        }
      }),
    )
  })

  it('the share of the longer ones is exact at the ends of buckets, between them in between', () => {
    fc.assert(
      fc.property(durations, inWholeBucket, (list, limit) => {
        const all = counted(list)
        const [from, to] = [bucketStart(bucketOf(limit)), bucketStart(bucketOf(limit) + 1)]
        const [most, least] = [from, to].map(
          (end) => list.filter((ms) => ms >= end).length / list.length,
        )
        expect(all.shareLongerThan(from)).toBeCloseTo(most ?? Number.NaN, 12)
        expect(all.shareLongerThan(to)).toBeCloseTo(least ?? Number.NaN, 12)
        expect(all.shareLongerThan(limit)).toBeLessThanOrEqual((most ?? 0) + 1e-12)
        expect(all.shareLongerThan(limit)).toBeGreaterThanOrEqual((least ?? 1) - 1e-12)
      }),
    )
  })

  it('of none there are no percentiles', () => {
    const none = counted([])
    expect(none.percentiles.p50).toBeUndefined()
    expect([none.count, none.buckets, none.shareLongerThan('5m')]).toEqual([0, [], 0])
  })

  it('is plain data, without what is no bucket', () => {
    const all = new Durations(
      new Map([
        [8, 3],
        [0, 1],
        [9, 0],
        [208, 5],
        [Number.NaN, 5],
      ]),
    )
    expect(JSON.parse(JSON.stringify(all))).toEqual({
      count: 4,
      buckets: [
        { from: 1_000, to: 1_125, count: 1 },
        { from: 2_000, to: 2_250, count: 3 },
      ],
      percentiles: { p50: 2_125, p90: 2_125, p95: 2_125, p99: 2_125 },
    })
  })

  it('takes durations as the options do', () => {
    const all = counted([60_000, 4_000_000])
    expect(all.shareLongerThan('30m')).toBe(0.5)
    expect(() => all.shareLongerThan(0)).toThrow(/duration/)
  })
})
