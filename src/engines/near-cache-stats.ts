import type { NearCacheStats } from '../core/engine-abilities.ts'

/** Of several near caches: as good as the worst of them. */
export function sumOfNearCaches(all: readonly NearCacheStats[]): NearCacheStats {
  const [first, ...others] = all
  if (first === undefined) throw new TypeError('no near caches')
  return others.reduce(
    (sum, one) => ({
      state: sum.state === 'on' ? one.state : sum.state,
      reason: sum.reason ?? one.reason,
      entries: sum.entries + one.entries,
      bytes: sum.bytes + one.bytes,
      hits: sum.hits + one.hits,
      misses: sum.misses + one.misses,
      invalidations: sum.invalidations + one.invalidations,
      evictions: sum.evictions + one.evictions,
      age: sum.age === undefined || one.age === undefined ? undefined : Math.max(sum.age, one.age),
    }),
    first,
  )
}
