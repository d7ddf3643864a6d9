import { OptionError } from '../../core/errors.ts'
import type { SessionsStats } from '../../index.ts'
import type { MetricId } from './catalogue.ts'
import type { Series } from './meter.ts'

/** What is asked for the figures of near caches and connections. */
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

/** Of all of them together; nothing for a metric that is not of `stats`. */
export function statsSeries(
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
    case 'cacheAge': {
      const ages = sources.map((source) => source.stats().nearCache.age)
      // As good as the worst; in seconds.
      return ages.includes(undefined) ? [] : one(Math.max(...(ages as number[])) / 1_000)
    }
    case 'validations':
      return validationSeries(sources)
    case 'connections':
      return connectionSeries(sources)
    default:
      return undefined
  }
}

function validationSeries(sources: readonly StatsSource[]): readonly Series<number>[] {
  if (sources.length === 0) return []
  const sum = (of: keyof SessionsStats['validations']): number =>
    sources.reduce((total, source) => total + source.stats().validations[of], 0)
  return [
    { labels: ['accepted', 'near'], value: sum('near') },
    { labels: ['accepted', 'store'], value: sum('accepted') },
    { labels: ['rejected', 'store'], value: sum('rejected') },
    { labels: ['rejected', 'keyring'], value: sum('forged') },
    { labels: ['unknown', 'store'], value: sum('unknown') },
  ]
}

function connectionSeries(sources: readonly StatsSource[]): readonly Series<number>[] {
  const all = sources.flatMap((source) => source.stats().connections ?? [])
  if (all.length === 0) return []
  const sum = { connected: 0, connecting: 0, broken: 0 }
  for (const { servers, connected, broken } of all) {
    sum.connected += connected
    sum.connecting += servers - connected - broken
    sum.broken += broken
  }
  return Object.entries(sum).map(([state, value]) => ({ labels: [state], value }))
}
