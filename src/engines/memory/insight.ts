import type { InsightSample } from '../../core/engine-abilities.ts'

const DAY = 86_400_000
const KEPT_DAYS = 15

/** Counters of each day, as long as they are of use. */
export class DayCounters {
  readonly #days = new Map<number, Map<number, number>>()

  add(now: number, counts: ReadonlyMap<number, number>): void {
    const today = Math.floor(now / DAY)
    for (const day of this.#days.keys()) if (day <= today - KEPT_DAYS) this.#days.delete(day)
    const counters = this.#days.get(today) ?? new Map<number, number>()
    this.#days.set(today, counters)
    addTo(counters, counts)
  }

  /** Of the last so many days, today among them. */
  sum(now: number, days: number): Map<number, number> {
    const today = Math.floor(now / DAY)
    const sums = new Map<number, number>()
    for (const [day, counts] of this.#days) {
      if (day > today - days && day <= today) addTo(sums, counts)
    }
    return sums
  }
}

function addTo(sums: Map<number, number>, counts: ReadonlyMap<number, number>): void {
  for (const [bucket, count] of counts) sums.set(bucket, (sums.get(bucket) ?? 0) + count)
}

/** Evenly from all: they stand in the order of their making. */
export function sampleOf(ttls: readonly number[], most: number): InsightSample {
  if (ttls.length <= most) return { ttls, complete: most > 0 }
  const step = ttls.length / most
  const sample = Array.from({ length: most }, (_, i) => ttls[Math.floor(i * step)] ?? 0)
  return { ttls: sample, complete: false }
}
