import { OptionError } from '../../core/errors.ts'
import type { SessionsStats } from '../../index.ts'
import type { MetricId } from './catalogue.ts'
import type { Series } from './meter.ts'

/** What is asked for the figures of the near cache. */
export interface StatsSource {
  stats(): SessionsStats
}

export type MeasuredSessions = StatsSource | readonly StatsSource[]

export function sourcesOf(sessions: MeasuredSessions | undefined): readonly StatsSource[] {
  const sources = sessions === undefined ? [] : [sessions].flat()
  for (const source of sources) {
    if (typeof (source as Partial<StatsSource> | null)?.stats !== 'function') {
      throw new OptionError('sessions', 'takes what createSessions has made, or a list of them')
    }
  }
  return sources
}

/** Of all near caches together; nothing for what is none of theirs. */
export function cacheSeries(
  id: MetricId,
  sources: readonly StatsSource[],
): readonly Series<number>[] | undefined {
  const sum = (of: (stats: SessionsStats['nearCache']) => number): number =>
    sources.reduce((total, source) => total + of(source.stats().nearCache), 0)
  const one = (value: number): Series<number>[] =>
    sources.length === 0 ? [] : [{ labels: [], value }]
  switch (id) {
    case 'cacheRequests':
      if (sources.length === 0) return []
      return [
        { labels: ['hit'], value: sum(({ hits }) => hits) },
        { labels: ['miss'], value: sum(({ misses }) => misses) },
      ]
    case 'cacheInvalidations':
      return one(sum(({ invalidations }) => invalidations))
    case 'cacheEvictions':
      return one(sum(({ evictions }) => evictions))
    case 'cacheEntries':
      return one(sum(({ entries }) => entries))
    case 'cacheBytes':
      return one(sum(({ bytes }) => bytes))
    case 'cacheOn':
      return one(sources.every((source) => source.stats().nearCache.state === 'on') ? 1 : 0)
    default:
      return undefined
  }
}
