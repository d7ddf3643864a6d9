import { createHmac } from 'node:crypto'
import { OptionError } from '../core/errors.ts'
import type { LegacySource } from '../core/legacy.ts'
import { refuseUnknown } from '../core/unknown-options.ts'
import type { Attributes } from './json.ts'
import { SIGNED_OPTIONS, type SignedOptions, signedSource } from './signed-source.ts'

export interface FastifySessionOptions<Old extends object = Attributes> extends SignedOptions<Old> {
  /** Of the keys in the store, as given to RedisStore. Default `'sess:'`. */
  readonly prefix?: string | undefined
  /** Default `'sessionId'`. */
  readonly cookieName?: string | undefined
  /** Default `''`. */
  readonly cookiePrefix?: string | undefined
  /** Of the signature, as given to @fastify/session. Default `'sha256'`, as there. */
  readonly algorithm?: string | undefined
}

/**
 * Sessions of @fastify/session with RedisStore of connect-redis as its store. Its cookie is `Secure` by default,
 * as there.
 * @throws OptionError
 */
export function fastifySession<Old extends object = Attributes>(
  options: FastifySessionOptions<Old>,
): LegacySource {
  refuseUnknown(options, [...SIGNED_OPTIONS, 'cookiePrefix', 'algorithm'])
  const { prefix = 'sess:', cookieName = 'sessionId', cookiePrefix = '', ...signed } = options
  const { algorithm = 'sha256', cookie } = options
  if (typeof cookiePrefix !== 'string') throw new OptionError('cookiePrefix', 'takes a text')
  if (!isAlgorithm(algorithm)) {
    throw new OptionError('algorithm', "takes the name of a hash that Node has, such as 'sha512'")
  }
  const source = signedSource(
    { ...signed, cookie: { ...cookie, secure: cookie?.secure ?? true } },
    {
      library: 'fastify-session',
      ...{ prefix, cookieName, marker: cookiePrefix, algorithm },
      needs: 'RedisStore needs its default serializer, JSON',
      isOver: ({ originalExpires, expires }) => {
        const end = Date.parse(String(originalExpires ?? expires))
        return end <= Date.now()
      },
    },
  )
  return { ...source, assumesSecure: cookie?.secure === undefined }
}

function isAlgorithm(name: unknown): name is string {
  try {
    return typeof name === 'string' && createHmac(name, 'any') !== undefined
  } catch {
    return false
  }
}
