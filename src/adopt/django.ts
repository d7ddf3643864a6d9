import { createHash, createHmac } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { LegacyFormatError, OptionError } from '../core/errors.ts'
import type { LegacySource } from '../core/legacy.ts'
import { refuseUnknown } from '../core/unknown-options.ts'
import { LegacyStore, type StoreOptions } from './client.ts'
import { LegacyCookieJar, type LegacyCookieOptions } from './cookie.ts'
import { cookieSource } from './cookie-source.ts'
import { type Attributes, parseEntry } from './json.ts'
import { type OldLifetime, parseOldLifetime } from './old-lifetime.ts'
import { equalTexts, type SecretOptions, type SigningKey, secretsOf } from './signature.ts'
import {
  Conversion,
  type OldSession,
  SOURCE_OPTIONS,
  type SourceOptions,
} from './source-options.ts'
import { storedSource } from './stored-source.ts'
import { timeReader } from './zoned-time.ts'

interface DjangoOptions<Old extends object = Attributes> extends SourceOptions<Old> {
  /** SESSION_COOKIE_NAME. Default `'sessionid'`. */
  readonly cookieName?: string | undefined
  /** SESSION_COOKIE_PATH, SESSION_COOKIE_DOMAIN and their like. */
  readonly cookie?: LegacyCookieOptions | undefined
  /** SESSION_COOKIE_AGE, which is a number of seconds there. Default `'14d'`, as there. */
  readonly age?: OldLifetime | undefined
  /** SESSION_EXPIRE_AT_BROWSER_CLOSE. Default false. */
  readonly expireAtBrowserClose?: boolean | undefined
  /**
   * TIME_ZONE of an application with `USE_TZ = False`: of the ends that `set_expiry` was given as a date. Without it a session that has
   * one is not taken over, which is an `error` event.
   */
  readonly timeZone?: string | undefined
}

export interface DjangoCacheOptions<Old extends object = Attributes>
  extends DjangoOptions<Old>,
    StoreOptions {
  /**
   * Of the keys, with KEY_PREFIX and VERSION of the cache. Default `':1:django.contrib.sessions.cache'`, as of a
   * cache without either.
   */
  readonly prefix?: string | undefined
}

export interface DjangoCookieOptions<Old extends object = Attributes>
  extends DjangoOptions<Old>,
    SecretOptions {}

const NAMES = [
  ...['cookieName', 'cookie', 'age', 'expireAtBrowserClose', 'timeZone'],
  ...SOURCE_OPTIONS,
]
const CACHE_NAMES = [...NAMES, 'client', 'timeout', 'prefix']
const COOKIE_NAMES = [...NAMES, 'secret', 'secrets']
const CACHE_NEEDS = 'the cache needs SERIALIZER django_redis.serializers.json.JSONSerializer'
const COOKIE_NEEDS =
  'SESSION_SERIALIZER has to be django.contrib.sessions.serializers.JSONSerializer'
/** Of session keys: they are not signed, and part of a key in the store. */
const SESSION_KEY = /^[a-z0-9]{16,64}$/
const SALT = 'django.contrib.sessions.backends.signed_cookies'
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Of an inflated cookie, bytes. */
const LARGEST = 1024 * 1024

/**
 * Sessions of Django in a cache of django-redis that keeps JSON. A pickle is refused.
 * @throws OptionError
 */
export function djangoCache<Old extends object = Attributes>(
  options: DjangoCacheOptions<Old>,
): LegacySource {
  refuseUnknown(options, CACHE_NAMES)
  const { prefix = ':1:django.contrib.sessions.cache', cookieName = 'sessionid' } = options
  if (typeof prefix !== 'string') throw new OptionError('prefix', 'takes a text')
  const name = `django-cache:${prefix}`
  const store = new LegacyStore(name, options)
  const sessionOf = lifetimes(name, options)
  return storedSource({
    ...{ name, prefix, store, cookieNames: [cookieName] },
    jar: new LegacyCookieJar(cookieName, options.cookie),
    conversion: new Conversion(options, false),
    keyOf: (value) => (SESSION_KEY.test(value) ? value : undefined),
    read: async (key) => {
      const text = await store.get(prefix + key)
      return text === undefined ? undefined : sessionOf(parseEntry(name, text, CACHE_NEEDS))
    },
  })
}

/**
 * Sessions of Django in a signed cookie, with its JSON serializer.
 * @throws OptionError
 */
export function djangoCookie<Old extends object = Attributes>(
  options: DjangoCookieOptions<Old>,
): LegacySource {
  refuseUnknown(options, COOKIE_NAMES)
  const secrets = secretsOf(options)
  const jar = new LegacyCookieJar(options.cookieName ?? 'sessionid', options.cookie)
  const name = `django-cookie:${jar.name}`
  const sessionOf = lifetimes(name, options)
  const age = parseOldLifetime('age', options.age, '14d')
  return cookieSource({
    ...{ name, jar, conversion: new Conversion(options, false) },
    open: (cookie) => {
      const [payload = '', timestamp = '', signature = '', ...rest] = cookie.split(':')
      if (timestamp === '' || signature === '' || rest.length > 0) return undefined
      let valid = false
      for (const secret of secrets) {
        valid = equalTexts(djangoSign(`${payload}:${timestamp}`, secret), signature) || valid
      }
      if (!valid) return false
      if (secondsOf(timestamp) * 1000 + age < Date.now()) return undefined
      return () => sessionOf(parseEntry(name, textOf(name, payload), COOKIE_NEEDS))
    },
    clear: () => [jar.clear()],
  })
}

/** django.core.signing: HMAC-SHA-256 under SHA-256 of salt and secret. */
function djangoSign(value: string, secret: SigningKey): string {
  const key = createHash('sha256').update(`${SALT}signer`).update(secret).digest()
  return createHmac('sha256', key).update(value).digest('base64url')
}

/** A dot at the beginning says that it is compressed. Called for what has been signed only. */
function textOf(name: string, payload: string): string {
  if (!payload.startsWith('.')) return Buffer.from(payload, 'base64url').toString()
  try {
    const bytes = Buffer.from(payload.slice(1), 'base64url')
    return inflateSync(bytes, { maxOutputLength: LARGEST }).toString()
  } catch (cause) {
    throw new LegacyFormatError(name, `a cookie does not decompress to ${LARGEST} bytes or less`, {
      cause,
    })
  }
}

function secondsOf(base62: string): number {
  let seconds = 0
  for (const digit of base62) seconds = seconds * BASE62.length + BASE62.indexOf(digit)
  return seconds
}

function lifetimes(
  name: string,
  options: DjangoOptions<never>,
): (data: Attributes) => OldSession | undefined {
  const timeOf = timeReader(options.timeZone)
  const age = parseOldLifetime('age', options.age, '14d')
  const { expireAtBrowserClose = false } = options
  if (typeof expireAtBrowserClose !== 'boolean') {
    throw new OptionError('expireAtBrowserClose', 'takes true or false')
  }
  return ({ _session_expiry: expiry, ...data }) => {
    if (typeof expiry === 'number' && expiry > 0) {
      return { data, maxAge: expiry * 1000, lasts: expiry * 1000 }
    }
    if (typeof expiry === 'string') {
      const end = timeOf(expiry)
      if (end === 'no zone') {
        throw new LegacyFormatError(
          name,
          'a session ends at a time without a zone: give `timeZone`',
        )
      }
      const left = end - Date.now()
      return left >= 1 ? { data, maxAge: Math.floor(left), lasts: left } : undefined
    }
    const isBrowsers = expiry === 0 || expireAtBrowserClose
    return { data, maxAge: isBrowsers ? undefined : age, lasts: age }
  }
}
