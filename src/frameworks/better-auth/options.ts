import { hasRegions } from '../../core/engine.ts'
import { OptionError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { type CreateSessionsOptions, createSessions } from '../../index.ts'

/** Those of `createSessions` that say where values are kept, and how. better-auth decides on all else. */
export type SojournStorageOptions = Pick<
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

const NAMES: readonly (keyof SojournStorageOptions)[] = [
  ...(['redis', 'engine', 'secrets', 'prefix', 'commandTimeout', 'nearCache'] as const),
  ...(['durability', 'outage', 'outageGrace', 'seal', 'codec', 'compress'] as const),
  ...(['maxBytes', 'clock'] as const),
]
const NO_REGIONS = 'has regions: the keys of better-auth do not tell theirs'

/** @throws OptionError */
export function sessionsOf(given: Sessions<never> | SojournStorageOptions): Sessions {
  if (typeof given !== 'object' || given === null) {
    throw new OptionError('options', 'takes an object, or what createSessions has made')
  }
  if (isSessions(given)) {
    if (hasRegions(given.engine)) throw new OptionError('sessions', NO_REGIONS)
    return given as unknown as Sessions
  }
  refuseUnknown(given, NAMES)
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
  return createSessions<Record<string, unknown>>(given)
}

function isSessions(given: object): given is Sessions<never> {
  return typeof (given as Partial<Sessions>).derived === 'function'
}
