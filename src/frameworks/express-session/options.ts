import type { Store } from 'express-session'
import { parseDuration } from '../../core/duration.ts'
import { hasRegions } from '../../core/engine-abilities.ts'
import { OptionError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { type CreateSessionsOptions, createSessions } from '../../index.ts'
import { markOtherCookie } from '../node/other-cookie.ts'

export interface FormerOptions {
  /**
   * The store that was used before, such as connect-redis': a session that is only there is taken over when its
   * browser comes, under the same sid, and deleted there. Nobody is signed out by the switch.
   */
  readonly former?: Store
}

/** What express-session decides, or what needs a `login` or the request: see docs/express-session-store.md. */
const NOT_HERE = [
  'cookie',
  'rotateEvery',
  'rotationGrace',
  'rotationPatience',
  'reuseWindow',
  'tokenReuse',
  'maxSessions',
  'region',
  'adopt',
  'binding',
  'newSessions',
] as const

/**
 * Those of `createSessions`. `idleTimeout` is that of sessions whose cookie has no `maxAge`, default 24 hours;
 * `absoluteTimeout` is 400 days unless given, the longest possible, and `maxBytes` 8 MiB, the most: express-session
 * knows neither.
 */
export interface OwnSessionsOptions<Data extends object>
  extends Omit<CreateSessionsOptions<Data>, (typeof NOT_HERE)[number]>,
    FormerOptions {
  readonly sessions?: never
}

export interface GivenSessionsOptions<Data extends object> extends FormerOptions {
  /** Sessions that the application has made, and closes. */
  readonly sessions: Sessions<Data>
}

export type SojournStoreOptions<Data extends object> =
  | OwnSessionsOptions<Data>
  | GivenSessionsOptions<Data>

const DAY = 86_400_000
const MOST_BYTES = 8_388_608

/** @throws OptionError */
export function sessionsOf<Data extends object>(
  options: SojournStoreOptions<Data>,
): Sessions<Data> {
  if (options.sessions !== undefined) {
    refuseUnknown(options, ['sessions', 'former'])
    const { sessions } = options
    if (typeof (sessions as Partial<Sessions> | null)?.derived !== 'function') {
      throw new OptionError('sessions', 'takes what createSessions has made')
    }
    if (hasRegions(sessions.engine)) throw new OptionError('sessions', NO_REGIONS)
    return sessions
  }
  for (const name of NOT_HERE) {
    if (!(name in options)) continue
    const why = 'is not for sessions of express-session'
    const instead = ', which reads its own cookie: `former` takes the store that was used before'
    throw new OptionError(name, name === 'adopt' ? why + instead : why)
  }
  const { redis, engine, outage } = options
  if (outage === 'anonymous') {
    const why = 'express-session would set the cookie of a new session in place of the old one'
    throw new OptionError('outage', `takes 'fail' or 'serve-cached': ${why}`)
  }
  if (typeof redis === 'object' && redis !== null && 'regions' in redis) {
    throw new OptionError('redis', NO_REGIONS)
  }
  if (engine !== undefined && hasRegions(engine)) throw new OptionError('engine', NO_REGIONS)
  const { absoluteTimeout = 400 * DAY, idleTimeout = idleBelow(absoluteTimeout) } = options
  const { former: _, maxBytes = MOST_BYTES, ...rest } = options
  const sessions = createSessions<Data>({ ...rest, maxBytes, absoluteTimeout, idleTimeout })
  markOtherCookie(sessions, OTHER_COOKIE)
  return sessions
}

/** @throws OptionError */
export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError('options', 'takes an object')
  }
  const { former } = options as FormerOptions
  const { get, destroy } = (former ?? {}) as Partial<Store>
  if (former === undefined || (typeof get === 'function' && typeof destroy === 'function')) return
  throw new OptionError('former', 'takes a store of express-session')
}

const OTHER_COOKIE =
  "are of a SojournStore, whose sessions express-session's cookie leads to: let express-session read the " +
  'handshake, and watch store.idOf(sid), as in docs/express-session-store.md'

const NO_REGIONS = 'has regions: the ids of express-session do not tell theirs'

function idleBelow(absoluteTimeout: unknown): number {
  return Math.min(DAY, parseDuration('absoluteTimeout', absoluteTimeout))
}
