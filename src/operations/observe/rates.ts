import { DURATIONS } from '../metrics/catalogue.ts'
import type { CacheCounts, ReportMessage } from '../metrics/report-message.ts'
import { add, noCounts, percentile } from './histogram.ts'
import type { ApplicationState, CacheState, OperationState } from './snapshot.ts'

/** Milliseconds. */
const BOUNDS: readonly number[] = DURATIONS.map((seconds) => seconds * 1_000)

interface OperationRates {
  failed: number
  readonly counts: number[]
}

type ByName = Map<string, number>

/** Reports are half a second apart, or more. */
const LEAST_SECONDS = 0.1
/** Of all together: each has fewer, and they are the same ones. */
const MOST_NAMES = 64

/** What happens in a process, or in several together, a second. */
export class Rates {
  readonly operations: Map<string, OperationRates> = new Map()
  readonly created: ByName = new Map<string, number>()
  readonly ended: ByName = new Map()
  readonly rejected: ByName = new Map()
  conflicts: number = 0
  errors: number = 0
  outages: number = 0
  cache: CacheState | undefined

  /** @returns nothing where its counters are lower than before: they are not of one run */
  static between(before: ReportMessage, now: ReportMessage): Rates | undefined {
    const seconds = (now.counted - before.counted) / 1_000
    if (seconds < LEAST_SECONDS) return undefined
    const rates = new Rates()
    for (const [name, { failed, counts }] of now.operations) {
      const was = before.operations.get(name) ?? { failed: 0, counts: noCounts(BOUNDS) }
      rates.operations.set(name, {
        failed: (failed - was.failed) / seconds,
        counts: counts.map((count, i) => (count - (was.counts[i] ?? 0)) / seconds),
      })
    }
    for (const of of ['created', 'ended', 'rejected'] as const) {
      for (const [name, count] of now[of]) {
        rates[of].set(name, (count - (before[of].get(name) ?? 0)) / seconds)
      }
    }
    for (const of of ['conflicts', 'errors', 'outages'] as const) {
      rates[of] = (now[of] - before[of]) / seconds
    }
    rates.cache = cacheBetween(before.cache, now.cache, seconds)
    return rates.#isSound ? rates : undefined
  }

  static together(all: Iterable<Rates>): Rates {
    const sums = new Rates()
    for (const rates of all) sums.#add(rates)
    return sums
  }

  state(): ApplicationState {
    return {
      operations: this.#operations(),
      created: moving(this.created),
      ended: moving(this.ended),
      rejected: moving(this.rejected),
      conflictsPerSecond: this.conflicts,
      errorsPerSecond: this.errors,
      outagesPerSecond: this.outages,
      cache: this.cache,
    }
  }

  get #isSound(): boolean {
    const { conflicts, errors, outages, cache } = this
    const numbers = [
      ...[...this.operations.values()].flatMap(({ failed, counts }) => [failed, ...counts]),
      ...[this.created, this.ended, this.rejected].flatMap((each) => [...each.values()]),
      ...[conflicts, errors, outages, cache?.hitsPerSecond ?? 0, cache?.missesPerSecond ?? 0],
      cache?.invalidationsPerSecond ?? 0,
    ]
    return numbers.every((number) => number >= 0)
  }

  #add(rates: Rates): void {
    for (const [name, { failed, counts }] of rates.operations) {
      if (!hasRoom(this.operations, name)) continue
      const own = this.operations.get(name) ?? { failed: 0, counts: noCounts(BOUNDS) }
      this.operations.set(name, own)
      own.failed += failed
      add(own.counts, counts)
    }
    for (const of of ['created', 'ended', 'rejected'] as const) {
      for (const [name, rate] of rates[of]) {
        if (hasRoom(this[of], name)) this[of].set(name, (this[of].get(name) ?? 0) + rate)
      }
    }
    this.conflicts += rates.conflicts
    this.errors += rates.errors
    this.outages += rates.outages
    this.cache = cacheSum(this.cache, rates.cache)
  }

  /** Those that were asked for, most frequent first. */
  #operations(): OperationState[] {
    return [...this.operations]
      .flatMap(([name, { failed, counts }]) => {
        const perSecond = counts.reduce((sum, count) => sum + count, 0)
        if (perSecond === 0) return []
        const histogram = { bounds: BOUNDS, counts }
        return {
          ...{ name, perSecond, failed: failed / perSecond },
          p50: percentile(histogram, 0.5),
          p99: percentile(histogram, 0.99),
        }
      })
      .sort((one, other) => other.perSecond - one.perSecond)
  }
}

const hasRoom = (sums: ReadonlyMap<string, unknown>, name: string): boolean =>
  sums.has(name) || sums.size < MOST_NAMES

function moving(rates: ByName): Record<string, number> {
  return Object.fromEntries([...rates].filter(([, rate]) => rate > 0))
}

function cacheBetween(
  before: CacheCounts | undefined,
  now: CacheCounts | undefined,
  seconds: number,
): CacheState | undefined {
  if (before === undefined || now === undefined) return undefined
  const { entries, bytes, isOn } = now
  return {
    hitsPerSecond: (now.hits - before.hits) / seconds,
    missesPerSecond: (now.misses - before.misses) / seconds,
    invalidationsPerSecond: (now.invalidations - before.invalidations) / seconds,
    ...{ entries, bytes, on: isOn ? 1 : 0, count: 1 },
  }
}

function cacheSum(
  one: CacheState | undefined,
  other: CacheState | undefined,
): CacheState | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const names = Object.keys(one) as (keyof CacheState)[]
  return Object.fromEntries(
    names.map((name) => [name, one[name] + other[name]]),
  ) as unknown as CacheState
}
