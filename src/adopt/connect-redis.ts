import type { LegacySource } from '../core/legacy.ts'
import { refuseUnknown } from '../core/unknown-options.ts'
import type { Attributes } from './json.ts'
import { SIGNED_OPTIONS, type SignedOptions, signedSource } from './signed-source.ts'

export interface ConnectRedisOptions<Old extends object = Attributes> extends SignedOptions<Old> {
  /** As given to RedisStore. Default `'sess:'`. */
  readonly prefix?: string | undefined
  /** As given to express-session as `name`. Default `'connect.sid'`. */
  readonly cookieName?: string | undefined
}

const NEEDS = 'RedisStore needs its default serializer, JSON'

/**
 * Sessions of express-session with connect-redis as its store.
 * @throws OptionError
 */
export function connectRedis<Old extends object = Attributes>(
  options: ConnectRedisOptions<Old>,
): LegacySource {
  refuseUnknown(options, SIGNED_OPTIONS)
  const { prefix = 'sess:', cookieName = 'connect.sid' } = options
  return signedSource(options, {
    library: 'connect-redis',
    ...{ prefix, cookieName, needs: NEEDS, marker: 's:' },
  })
}
