import { LONGEST_LIFETIME } from '../core/duration.ts'
import { LegacyFormatError, OptionError } from '../core/errors.ts'
import type { LegacySource } from '../core/legacy.ts'
import { refuseUnknown } from '../core/unknown-options.ts'
import { LegacyStore, type StoreOptions } from './client.ts'
import { LegacyCookieJar, type LegacyCookieOptions } from './cookie.ts'
import { type Attributes, parseValue } from './json.ts'
import { Conversion, SOURCE_OPTIONS, type SourceOptions } from './source-options.ts'
import { storedSource } from './stored-source.ts'

export interface SpringSessionOptions<Old extends object = Attributes>
  extends StoreOptions,
    SourceOptions<Old> {
  /** `spring.session.redis.namespace`. Default `'spring:session'`. */
  readonly namespace?: string | undefined
  /** Default `'SESSION'`. */
  readonly cookieName?: string | undefined
  /** As DefaultCookieSerializer sets it. */
  readonly cookie?: LegacyCookieOptions | undefined
  /** `useBase64Encoding` of DefaultCookieSerializer. Default true, as there. */
  readonly base64?: boolean | undefined
}

const NAMES = [
  ...['client', 'timeout', 'namespace', 'cookieName', 'cookie', 'base64'],
  ...SOURCE_OPTIONS,
]
const NEEDS = 'the bean springSessionDefaultRedisSerializer has to be one of JSON'
/** They are not signed, and part of a key in the store. */
const SESSION_ID = /^[\w-]{16,128}$/
const ATTRIBUTE = 'sessionAttr:'

/**
 * Sessions of Spring Session in Redis, with a serialiser of JSON. Java's own serialisation is refused.
 * @throws OptionError
 */
export function springSession<Old extends object = Attributes>(
  options: SpringSessionOptions<Old>,
): LegacySource {
  refuseUnknown(options, NAMES)
  const { namespace = 'spring:session', cookieName = 'SESSION', base64 = true } = options
  if (typeof namespace !== 'string') throw new OptionError('namespace', 'takes a text')
  if (typeof base64 !== 'boolean') throw new OptionError('base64', 'takes true or false')
  const name = `spring-session:${namespace}`
  const prefix = `${namespace}:sessions:`
  const store = new LegacyStore(name, options)
  if (!store.canReadHashes) {
    throw new OptionError('client', 'takes a client of node-redis or ioredis, with hGetAll')
  }
  return storedSource({
    ...{ name, prefix, store, cookieNames: [cookieName] },
    jar: new LegacyCookieJar(cookieName, options.cookie),
    conversion: new Conversion(options, false),
    keyOf: (value) => {
      const id = base64 ? Buffer.from(value, 'base64').toString('latin1') : value
      return SESSION_ID.test(id) ? id : undefined
    },
    read: async (key) => {
      const data: Attributes = {}
      const times: Attributes = {}
      for (const [field, text] of await store.hash(prefix + key)) {
        const value = parseValue(name, text, NEEDS)
        if (!field.startsWith(ATTRIBUTE)) times[field] = value
        else if (field !== `${ATTRIBUTE}__proto__`) data[field.slice(ATTRIBUTE.length)] = value
      }
      const { lastAccessedTime, maxInactiveInterval } = times
      // What is being deleted, or was never whole.
      if (lastAccessedTime === undefined || maxInactiveInterval === undefined) return undefined
      const last = numberOf(name, lastAccessedTime)
      const idle = numberOf(name, maxInactiveInterval) * 1000
      // A negative one is for ever. The entry itself outlives its session by minutes.
      if (idle >= 0 && last + idle <= Date.now()) return undefined
      return { data, maxAge: undefined, lasts: idle > 0 ? idle : LONGEST_LIFETIME }
    },
  })
}

/** `5`, or with its type as Jackson writes it: `['java.lang.Long', 5]`. */
function numberOf(name: string, value: unknown): number {
  const number: unknown = Array.isArray(value) ? value[1] : value
  if (typeof number === 'number') return number
  throw new LegacyFormatError(name, `a session's times are not numbers: ${NEEDS}`)
}
