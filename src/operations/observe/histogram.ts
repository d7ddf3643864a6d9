import type { Histogram } from './snapshot.ts'

/** @param bounds ascending @returns which of the buckets, of which there is one more than bounds */
export function bucketOf(bounds: readonly number[], value: number): number {
  const at = bounds.findIndex((bound) => value <= bound)
  return at === -1 ? bounds.length : at
}

export const noCounts = (bounds: readonly number[]): number[] =>
  new Array<number>(bounds.length + 1).fill(0)

export function add(sums: number[], counts: readonly number[]): void {
  for (const [i, count] of counts.entries()) sums[i] = (sums[i] ?? 0) + count
}

/**
 * Within the bucket as if what is in it lay evenly; above the last bound it is that.
 * @param part 0.5 for the median @returns nothing where nothing was counted
 */
export function percentile({ bounds, counts }: Histogram, part: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let below = 0
  for (const [i, count] of counts.entries()) {
    const upper = bounds[i]
    if (upper === undefined) break
    if (below + count >= total * part && count > 0) {
      const lower = bounds[i - 1] ?? 0
      return lower + (upper - lower) * ((total * part - below) / count)
    }
    below += count
  }
  return bounds.at(-1)
}
