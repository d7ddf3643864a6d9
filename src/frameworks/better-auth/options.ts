import { hasRegions } from '../../core/engine-abilities.ts'
import { OptionError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { type CreateSessionsOptions, createSessions } from '../../index.ts'
import { checkFormer, type FormerStorage } from './former.ts'

/** Those of `createSessions` that say where values are kept, and how. better-auth decides on all else. */
type OwnSessionsOptions = Pick<
  CreateSessionsOptions<Record<string, unknown>>,
  | 'redis'
  | 'engine'
  | 'secrets'
  | 'prefix'
  | 'commandTimeout'
  | 'nearCache'
  | 'durability'
  | 'outage'
  | 'outageGrace'
  | 'seal'
  | 'codec'
  | 'compress'
  | 'maxBytes'
  | 'clock'
>

interface FormerOptions {
  /**
   * The storage that was used before: what is only there is taken over when it is asked for, and deleted there.
   * Nobody is signed out by the switch.
   */
  readonly former?: FormerStorage | undefined
}

export type SojournStorageOptions<Data extends object = Record<string, unknown>> =
  | (OwnSessionsOptions & FormerOptions & { readonly sessions?: never })
  | (FormerOptions & { readonly sessions: Sessions<Data> })

const NAMES: readonly (keyof OwnSessionsOptions)[] = [
  ...(['redis', 'engine', 'secrets', 'prefix', 'commandTimeout', 'nearCache'] as const),
  ...(['durability', 'outage', 'outageGrace', 'seal', 'codec', 'compress'] as const),
  ...(['maxBytes', 'clock'] as const),
]
const NO_REGIONS = 'has regions: the keys of better-auth do not tell theirs'

/** @throws OptionError */
export function readOptions<Data extends object>(
  given: Sessions<Data> | SojournStorageOptions<Data>,
): {
  readonly sessions: Sessions
  readonly former: FormerStorage | undefined
} {
  if (typeof given !== 'object' || given === null) {
    throw new OptionError('options', 'takes an object, or what createSessions has made')
  }
  if (isSessions<Data>(given)) return { sessions: checked(given), former: undefined }
  const { former } = given
  checkFormer(former)
  if (given.sessions === undefined) return { sessions: ownSessions(given), former }
  refuseUnknown(given, ['sessions', 'former'])
  if (!isSessions(given.sessions)) {
    throw new OptionError('sessions', 'takes what createSessions has made')
  }
  return { sessions: checked(given.sessions), former }
}

function ownSessions(given: OwnSessionsOptions & FormerOptions): Sessions {
  refuseUnknown(given, [...NAMES, 'sessions', 'former'])
  const { redis, engine, outage, seal } = given
  if (outage === 'anonymous') {
    throw new OptionError(
      'outage',
      "takes 'fail' or 'serve-cached': to say that there is no value would sign out",
    )
  }
  if (seal === 'token')
    throw new OptionError('seal', 'takes true or false: nothing here has a token')
  if (typeof redis === 'object' && redis !== null && 'regions' in redis) {
    throw new OptionError('redis', NO_REGIONS)
  }
  if (engine !== undefined && hasRegions(engine)) throw new OptionError('engine', NO_REGIONS)
  const names = Object.entries(given).filter(([name]) => name !== 'former' && name !== 'sessions')
  return createSessions(Object.fromEntries(names))
}

/** They are used for data of our own, whatever that of the application is. */
function checked<Data extends object>(sessions: Sessions<Data>): Sessions {
  if (hasRegions(sessions.engine)) throw new OptionError('sessions', NO_REGIONS)
  return sessions as unknown as Sessions
}

function isSessions<Data extends object>(given: unknown): given is Sessions<Data> {
  return given instanceof Object && 'derived' in given && typeof given.derived === 'function'
}
