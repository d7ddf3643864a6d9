import { OptionError } from '../core/errors.ts'
import type { LegacySource, MirroredSession } from '../core/legacy.ts'
import { LegacyStore, type StoreOptions } from './client.ts'
import { LegacyCookieJar, type LegacyCookieOptions } from './cookie.ts'
import { type Attributes, parseEntry } from './json.ts'
import { type OldLifetime, parseOldLifetime } from './old-lifetime.ts'
import { type SecretOptions, type SigningKey, secretsOf, sign, unsign } from './signature.ts'
import { Conversion, SOURCE_OPTIONS, type SourceOptions } from './source-options.ts'
import { storedSource } from './stored-source.ts'

export interface SignedOptions<Old extends object = Attributes>
  extends StoreOptions,
    SecretOptions,
    SourceOptions<Old> {
  readonly prefix?: string | undefined
  readonly cookieName?: string | undefined
  /** As given to the other application as `cookie`, but for `maxAge`. */
  readonly cookie?: LegacyCookieOptions | undefined
  /** As given to RedisStore there as a number of seconds: of entries whose cookie ends with the browser. Default `'1d'`. */
  readonly ttl?: OldLifetime | undefined
}

export const SIGNED_OPTIONS: readonly string[] = [
  ...['client', 'timeout', 'secret', 'secrets', 'prefix', 'cookieName', 'cookie', 'ttl'],
  ...SOURCE_OPTIONS,
]

interface SignedForm {
  /** Its name begins with it; the prefix follows. */
  readonly library: string
  readonly prefix: string
  readonly cookieName: string
  readonly needs: string
  /** Before the signed key in the cookie. */
  readonly marker: string
  /** Of the signature's HMAC. Default SHA-256. */
  readonly algorithm?: string
  /** Whether it says of itself that its time is over; where the store's lifetime alone does not count. */
  isOver?(cookie: Attributes): boolean
}

/** Where a signed cookie names a JSON entry that has the cookie's attributes among its own. */
export function signedSource(options: SignedOptions<never>, form: SignedForm): LegacySource {
  const { library, prefix, cookieName, needs, marker, algorithm = 'sha256' } = form
  if (typeof prefix !== 'string') throw new OptionError('prefix', 'takes a text')
  const name = `${library}:${prefix}`
  const secrets = secretsOf(options)
  const ttl = parseOldLifetime('ttl', options.ttl, '1d')
  const store = new LegacyStore(name, options)
  const jar = new LegacyCookieJar(cookieName, options.cookie)
  const conversion = new Conversion(options, store.canWrite)
  return storedSource({
    ...{ name, prefix, store, jar, conversion, cookieNames: [cookieName] },
    keyOf: (value) => {
      if (!value.startsWith(marker)) return undefined
      return unsign(value.slice(marker.length), secrets, algorithm) ?? false
    },
    read: async (key) => {
      const text = await store.get(prefix + key)
      if (text === undefined) return undefined
      const { cookie, ...data } = parseEntry(name, text, needs)
      const attributes = (cookie ?? {}) as Attributes
      if (form.isOver?.(attributes) === true) return undefined
      const { originalMaxAge } = attributes
      const isAge = typeof originalMaxAge === 'number' && originalMaxAge >= 1
      const maxAge = isAge ? Math.floor(originalMaxAge) : undefined
      return { data, maxAge, lasts: Math.max(ttl, maxAge ?? 0) }
    },
    mirror: {
      keyOf: (bytes) => Buffer.from(bytes).toString('base64url'),
      cookies: (key) => [[cookieName, marker + sign(key, secrets[0] as SigningKey, algorithm)]],
      entry: (data, session) =>
        JSON.stringify({ ...data, cookie: cookieOf(options.cookie ?? {}, session) }),
    },
  })
}

/** As both keep it with an entry. */
function cookieOf(
  { path = '/', httpOnly = true, ...given }: LegacyCookieOptions,
  { persistent, idleTimeout, ttl }: MirroredSession,
): Attributes {
  const originalMaxAge = persistent ? idleTimeout : null
  const expires = persistent ? new Date(Date.now() + ttl).toISOString() : null
  return { originalMaxAge, expires, httpOnly, path, ...given }
}
