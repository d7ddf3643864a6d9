import { OptionError } from '../../core/errors.ts'
import { REGIONS } from '../../core/partitions.ts'
import { refuseUnknown, requireObject } from '../../core/unknown-options.ts'
import type { RedisSource } from '../redis/options.ts'

/** A Redis of its own for each region: sessions are in that of their region, and in no other. */
export interface RedisRegionsOptions {
  /** By name. The same on all nodes, but for what can be reached from where. */
  readonly regions: Readonly<Record<string, RegionOptions>>
  /** That of this process. */
  readonly home: string
  /** Where no new sessions are made: they end, or are replaced by logins elsewhere. */
  readonly draining?: readonly string[]
}

export interface RegionOptions {
  /**
   * Stands in the tokens, 0 to 7, and must stay. A deployment that had no regions before is number 0.
   */
  readonly number: number
  /** Absent: not to be reached from here. Its sessions are refused with SessionElsewhereError. */
  readonly redis?: RedisSource | undefined
}

export interface Region {
  readonly name: string
  readonly number: number
  readonly redis: RedisSource | undefined
  readonly isDraining: boolean
}

export interface RegionsPlan {
  readonly regions: readonly Region[]
  readonly home: Region
}

const NAME = /^[A-Za-z0-9_.-]{1,64}$/

export function isRegions(redis: unknown): redis is RedisRegionsOptions {
  return typeof redis === 'object' && redis !== null && 'regions' in redis
}

/** @throws OptionError. Where the servers are is checked by who connects to them. */
export function checkRegions(options: RedisRegionsOptions): RegionsPlan {
  refuseUnknown(options, ['regions', 'home', 'draining'], 'redis.')
  requireObject('redis.regions', options.regions)
  const { draining = [] } = options
  if (!Array.isArray(draining)) throw new OptionError('redis.draining', 'takes a list of regions')
  const numbers = new Set<number>()
  const regions = Object.entries(options.regions).map(([name, region]): Region => {
    const option = `redis.regions.${name}`
    if (!NAME.test(name)) {
      throw new OptionError(
        'redis.regions',
        'takes names of 1 to 64 characters of A-Z a-z 0-9 _ . -',
      )
    }
    requireObject(option, region)
    refuseUnknown(region, ['number', 'redis'], `${option}.`)
    const { number, redis } = region
    if ('redis' in region && redis === undefined && process.env['NODE_ENV'] === 'production') {
      const problem = 'is given but undefined; leave it out where the region is not to be reached'
      throw new OptionError(`${option}.redis`, problem)
    }
    if (!Number.isInteger(number) || number < 0 || number >= REGIONS || numbers.has(number)) {
      const takes = `takes a whole number from 0 to ${REGIONS - 1} that no other region has`
      throw new OptionError(`${option}.number`, takes)
    }
    if (isRegions(redis)) throw new OptionError(`${option}.redis`, 'takes the Redis of one region')
    numbers.add(number)
    return { name, number, redis, isDraining: draining.includes(name) }
  })
  const named = (option: string, name: unknown): Region => {
    const region = regions.find((each) => each.name === name)
    if (region !== undefined) return region
    throw new OptionError(option, `takes one of ${regions.map((each) => each.name).join(', ')}`)
  }
  for (const name of draining) named('redis.draining', name)
  const home = named('redis.home', options.home)
  if (home.redis === undefined) {
    throw new OptionError(
      `redis.regions.${home.name}.redis`,
      'is needed: it is that of this process',
    )
  }
  if (regions.every(({ redis, isDraining }) => redis === undefined || isDraining)) {
    throw new OptionError('redis.draining', 'leaves no region for new sessions')
  }
  return { regions, home }
}
