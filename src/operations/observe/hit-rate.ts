import type { CacheState } from './snapshot.ts'

/** Which part of reads near caches have answered, 0 to 1; undefined: nothing was read, or there is none. */
export function hitRate(cache: CacheState | undefined): number | undefined {
  if (cache === undefined) return undefined
  const reads = cache.hitsPerSecond + cache.missesPerSecond
  return reads === 0 ? undefined : cache.hitsPerSecond / reads
}
