import { checkDurabilityDefault, type DurabilityDefault } from './core/durability.ts'
import { type Duration, parseDuration } from './core/duration.ts'
import type { Engine } from './core/engine.ts'
import { type ExpiryEvents, hasExpiryEvents, hasRegions } from './core/engine-abilities.ts'
import { ENGINE_OPTION_NAMES } from './core/engine-option-names.ts'
import { OptionError } from './core/errors.ts'
import { checkOptions, SESSIONS_OPTION_NAMES, type SessionsOptions } from './core/options.ts'
import { Sessions } from './core/sessions.ts'
import { refuseUnknown } from './core/unknown-options.ts'
import { memoryEngine } from './engines/memory/memory-engine.ts'
import { checkExpiry } from './engines/redis/expiry.ts'
import { checkPrefix } from './engines/redis/keys.ts'
import { type NearCacheOptions, nearCacheLimits } from './engines/redis/near-cache-options.ts'
import { type RedisSource, redisPlan } from './engines/redis/options.ts'
import { type RedisEngineOptions, redisEngine } from './engines/redis/redis-engine.ts'
import { checkRegions, isRegions, type RedisRegionsOptions } from './engines/regions/options.ts'
import { RegionalEngine } from './engines/regions/regional-engine.ts'

export interface CreateSessionsOptions<Data extends object> extends SessionsOptions<Data> {
  /**
   * Where the sessions live: `redis://…`, `rediss://…`, a unix socket's path, the parts, or `{ regions }`.
   * Absent: the embedded engine, in this process.
   */
  readonly redis?: RedisSource | RedisRegionsOptions | undefined
  /**
   * An engine of your own making, or one shared by several `Sessions` of a process: it is closed with
   * the last of them.
   */
  readonly engine?: Engine
  /** First part of every key in Redis. Default `'sj'`. */
  readonly prefix?: string
  /** After so long a command counts as failed. Default 500 ms. */
  readonly commandTimeout?: Duration
  /**
   * Sessions read lately stay in this process, kept true by Redis, so that most requests ask nothing.
   * Default `true`; `false`: every read goes to Redis; an object sets its bounds.
   */
  readonly nearCache?: boolean | NearCacheOptions
  /**
   * Whether sessions that expire in Redis are told of by the event `expired`: docs/events.md. The same on
   * all nodes. `'reliable'`: each one at least once, to one node that listens. `'notify'`: by the server's
   * notifications, to every node at most once. Default `'off'`; the embedded engine always tells.
   */
  readonly expiry?: ExpiryEvents['expiry']
  /**
   * What writes to Redis wait for before they count as done, touches excepted: `'replicated'`, `'disk'`,
   * `{ replicas: 2, disk: true, timeout: '500ms' }`; docs/reliability.md. Default `'async'`: nothing.
   */
  readonly durability?: DurabilityDefault
}

const LONGEST_COMMAND = 60_000

/**
 * Makes the sessions of an application. Synchronous, so that a module can export them: connections
 * are made in the background; `await sessions.ready()` to fail at start.
 * @throws OptionError at once, naming the first option that is wrong
 */
export function createSessions<Data extends object = Record<string, unknown>>(
  options: CreateSessionsOptions<Data> = {},
): Sessions<Data> {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError('options', 'takes an object')
  }
  refuseUnknown(options, [...SESSIONS_OPTION_NAMES, ...ENGINE_OPTION_NAMES])
  const { engine: given, redis, prefix, clock } = options
  if (given !== undefined && !isEngine(given)) {
    throw new OptionError('engine', 'takes an engine, such as memoryEngine() or redisEngine({ … })')
  }
  if (given !== undefined && options.durability !== undefined) {
    throw new OptionError('durability', 'is an option of the engine, where one is given')
  }
  if (given !== undefined && redis !== undefined) {
    throw new OptionError('engine', 'stands beside `redis`: give one of them')
  }
  if ('redis' in options && redis === undefined && process.env['NODE_ENV'] === 'production') {
    throw new OptionError(
      'redis',
      'is given but undefined; is the environment variable set? Leave it out to keep the sessions ' +
        'in this process, where a restart ends them',
    )
  }
  if (prefix !== undefined) checkPrefix(prefix)
  const { nearCache = true, commandTimeout: timeout = 500 } = options
  const commandTimeout = parseDuration('commandTimeout', timeout, LONGEST_COMMAND)
  nearCacheLimits(nearCache)
  const expiry = checkExpiry(options.expiry)
  const { durability = 'async' } = options
  checkDurabilityDefault(durability)
  // Checked before the engine is made: a wrong option must not leave a connection behind.
  const embedded = given === undefined && redis === undefined
  const settings = checkOptions(options, embedded)
  if (embedded && process.env['NODE_ENV'] === 'production') warnEmbedded()
  if (settings.outage === 'serve-cached' && redis !== undefined && nearCache === false) {
    throw new OptionError('outage', "'serve-cached' needs the near cache: nearCache is false")
  }
  // With 'notify' each node would enter what all are told of.
  const isToldOnce = given === undefined ? embedded || expiry === 'reliable' : tellsOnce(given)
  if (settings.audit.needsExpired && !isToldOnce) {
    throw new OptionError(
      'audit.events',
      "names 'expired', which only comes to an audit with expiry: 'reliable'",
    )
  }
  const shared = clock === undefined ? {} : { clock }
  const common = {
    ...{ commandTimeout, nearCache, expiry, durability, ...shared },
    ...(prefix === undefined ? {} : { prefix }),
  }
  const engine = given ?? (redis === undefined ? memoryEngine(shared) : engineOf(redis, common))
  if (options.region !== undefined && !hasRegions(engine)) {
    void engine.close()
    throw new OptionError('region', 'needs redis: { regions }')
  }
  if (settings.adopt.length > 0 && hasRegions(engine)) {
    void engine.close()
    throw new OptionError('adopt', 'is not offered together with redis: { regions }')
  }
  return new Sessions<Data>({ ...settings, engine })
}

function engineOf(
  redis: RedisSource | RedisRegionsOptions,
  common: Omit<RedisEngineOptions, 'redis'>,
): Engine {
  if (!isRegions(redis)) return redisEngine({ redis, ...common })
  const plan = checkRegions(redis)
  // All of them before the first one is made: a wrong one must not leave connections behind.
  for (const region of plan.regions) if (region.redis !== undefined) redisPlan(region.redis)
  return new RegionalEngine(plan, ({ number, redis: source }) =>
    redisEngine({ redis: source as RedisSource, region: number, ...common }),
  )
}

let isWarned = false

function warnEmbedded(): void {
  if (isWarned) return
  isWarned = true
  process.emitWarning(
    '`createSessions` has no `redis`: sessions are in this process only, other nodes do not know them, and a restart ends ' +
      'them. Where that is meant, say so: `engine: memoryEngine()`.',
    { code: 'SOJOURN_IN_PROCESS' },
  )
}

function tellsOnce(engine: Engine): boolean {
  return hasExpiryEvents(engine) && engine.expiry === 'reliable'
}

function isEngine(value: unknown): boolean {
  return typeof (value as Partial<Engine> | null)?.commit === 'function'
}
