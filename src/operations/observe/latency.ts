import { fieldPairs } from '../../engines/redis/fields.ts'
import type { Histogram } from './snapshot.ts'

/** How many calls of a command took at most so long, by the bound in microseconds, since it was first called. */
export type Cumulative = ReadonlyMap<number, number>

/** The answer to LATENCY HISTOGRAM, by command. Of what is not of that form nothing. */
export function latenciesOf(answer: unknown): Map<string, Cumulative> {
  const latencies = new Map<string, Cumulative>()
  for (const [command, told] of fieldPairs(answer)) {
    for (const [name, buckets] of fieldPairs(told)) {
      if (name !== 'histogram_usec') continue
      const cumulative = fieldPairs(buckets).map(
        ([bound, count]) => [Number(bound), Number(count)] as const,
      )
      latencies.set(command.toLowerCase(), new Map(cumulative))
    }
  }
  return latencies
}

/**
 * What came between two answers, by the upper bound. Servers leave out bounds at which nothing was added.
 * @returns nothing where the counters were reset in between
 */
export function latencyBetween(
  before: Cumulative,
  now: Cumulative,
): Map<number, number> | undefined {
  const bounds = [...new Set([...before.keys(), ...now.keys()])].sort((one, other) => one - other)
  const between = new Map<number, number>()
  let [atBefore, atNow, counted] = [0, 0, 0]
  for (const bound of bounds) {
    atBefore = before.get(bound) ?? atBefore
    atNow = now.get(bound) ?? atNow
    const count = atNow - atBefore - counted
    if (count < 0) return undefined
    if (count > 0) between.set(bound, count)
    counted += count
  }
  return between
}

/** Milliseconds. Each bound of theirs is twice the one before. */
export function latencyHistogram(counts: ReadonlyMap<number, number>): Histogram {
  const bounds: number[] = []
  const all: number[] = []
  for (const [bound, count] of [...counts].sort(([one], [other]) => one - other)) {
    const lower = bound / 2_000
    if ((bounds.at(-1) ?? 0) < lower) {
      bounds.push(lower)
      all.push(0)
    }
    bounds.push(bound / 1_000)
    all.push(count)
  }
  return { bounds, counts: [...all, 0] }
}
