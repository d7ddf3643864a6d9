import type { Duration } from '../core/duration.ts'
import { OptionError } from '../core/errors.ts'
import type { LegacySource, MirroredSession } from '../core/legacy.ts'
import { refuseUnknown } from '../core/unknown-options.ts'
import { type LegacyClient, LegacyStore } from './client.ts'
import { LegacyCookieJar, type LegacyCookieOptions } from './cookie.ts'
import { cookieSource } from './cookie-source.ts'
import { type Attributes, parseEntry } from './json.ts'
import {
  keygripSign,
  keygripVerify,
  type OldSecret,
  type SigningKey,
  signingKeys,
} from './signature.ts'
import {
  Conversion,
  type OldSession,
  SOURCE_OPTIONS,
  type SourceOptions,
} from './source-options.ts'
import { storedSource } from './stored-source.ts'

export interface KoaSessionOptions<Old extends object = Attributes> extends SourceOptions<Old> {
  /** `app.keys`: texts or bytes. All verify. */
  readonly keys: readonly OldSecret[]
  /** Of the external store; absent: the sessions are in the cookie itself. */
  readonly client?: LegacyClient | undefined
  /** Milliseconds or `'1s'`, the default: after so long the old store counts as away. */
  readonly timeout?: Duration | undefined
  /** What your store puts before the key. Default `''`. */
  readonly prefix?: string | undefined
  /** As given to koa-session as `key`. Default `'koa.sess'`. */
  readonly cookieName?: string | undefined
  /** As given to koa-session. */
  readonly cookie?: LegacyCookieOptions | undefined
  /** Of the signature, as given to Keygrip. Default `'sha1'`, as there. */
  readonly algorithm?: 'sha1' | 'sha256' | 'sha512' | undefined
}

const NAMES = [
  ...['keys', 'client', 'timeout', 'prefix', 'cookieName', 'cookie', 'algorithm'],
  ...SOURCE_OPTIONS,
]
const ALGORITHMS: readonly unknown[] = ['sha1', 'sha256', 'sha512']
/** Of koa-session, where no `maxAge` is given. */
const ONE_DAY = 86_400_000
const NEEDS = 'the store has to keep JSON'

/**
 * Sessions of koa-session, with an external store that keeps JSON in Redis, or in a signed cookie.
 * @throws OptionError
 */
export function koaSession<Old extends object = Attributes>(
  options: KoaSessionOptions<Old>,
): LegacySource {
  refuseUnknown(options, NAMES)
  const { client, prefix = '', cookieName = 'koa.sess', algorithm = 'sha1' } = options
  const keys = signingKeys(options.keys)
  if (keys === undefined) {
    throw new OptionError('keys', 'takes the keys of the application, texts or bytes')
  }
  if (!ALGORITHMS.includes(algorithm))
    throw new OptionError('algorithm', "takes 'sha1', 'sha256' or 'sha512'")
  if (typeof prefix !== 'string') throw new OptionError('prefix', 'takes a text')
  const jar = new LegacyCookieJar(cookieName, options.cookie)
  const signatures = `${cookieName}.sig`
  const signed = (value: string): string => `${cookieName}=${value}`
  const isSigned = (value: string, header: string): boolean =>
    jar
      .values(header, signatures)
      .some((signature) => keygripVerify(signed(value), signature, keys, algorithm))
  if (client === undefined) {
    const name = `koa-session:cookie:${cookieName}`
    return cookieSource({
      ...{ name, jar, conversion: new Conversion(options, false) },
      open: (value, header) => {
        if (!isSigned(value, header)) return false
        const text = Buffer.from(value, 'base64').toString()
        return () => sessionOf(parseEntry(name, text, 'koa-session needs its default `encode`'))
      },
      clear: () => [jar.clear(), jar.clear(signatures)],
    })
  }
  const name = `koa-session:${prefix}`
  const { timeout } = options
  const store = new LegacyStore(name, { client, ...(timeout === undefined ? {} : { timeout }) })
  return storedSource({
    ...{ name, jar, store, prefix, cookieNames: [cookieName, signatures] },
    conversion: new Conversion(options, store.canWrite),
    keyOf: (value, header) => {
      if (value === '') return undefined
      return isSigned(value, header) && value
    },
    read: async (key) => {
      const text = await store.get(prefix + key)
      return text === undefined ? undefined : sessionOf(parseEntry(name, text, NEEDS))
    },
    mirror: {
      keyOf: (bytes) => Buffer.from(bytes).toString('base64url'),
      cookies: (key) => [
        [cookieName, key],
        [signatures, keygripSign(signed(key), keys[0] as SigningKey, algorithm)],
      ],
      // Those that `sojourn/koa-session` keeps with a session say nothing there, or something else.
      entry: ({ _maxAge, _externalKey, ...data }, session) =>
        JSON.stringify({ ...data, ...lifetimeOf(session) }),
    },
  })
}

/** As koa-session keeps it with the data. */
function lifetimeOf({ persistent, idleTimeout, ttl }: MirroredSession): Attributes {
  return persistent ? { _expire: Date.now() + ttl, _maxAge: idleTimeout } : { _session: true }
}

function sessionOf({ _expire, _maxAge, _session, ...data }: Attributes): OldSession | undefined {
  if (typeof _expire === 'number' && _expire < Date.now()) return undefined
  const maxAge = typeof _maxAge === 'number' && _maxAge >= 1 ? Math.floor(_maxAge) : undefined
  return { data, maxAge: _session === true ? undefined : maxAge, lasts: maxAge ?? ONE_DAY }
}
