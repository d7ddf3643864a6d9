import type { FastifyRequest, Session } from 'fastify'
import { LONGEST_LIFETIME } from '../../../core/duration.ts'
import { ENGINE_OPTION_NAMES } from '../../../core/engine-option-names.ts'
import { OptionError } from '../../../core/errors.ts'
import { SESSIONS_OPTION_NAMES } from '../../../core/options.ts'
import { principalFrom } from '../../../core/principal-from.ts'
import type { Sessions } from '../../../core/sessions.ts'
import { DOTTED, dotted, PLAIN } from '../../../core/token-form.ts'
import { refuseUnknown, requireObject } from '../../../core/unknown-options.ts'
import { type CreateSessionsOptions, createSessions } from '../../../index.ts'
import { borrowedSecrets } from '../../node/borrowed-secrets.ts'
import { type Arrivals, checkOptions, type MountOptions } from '../../node/mount.ts'
import { readInHandshakes } from '../../node/other-cookie.ts'
import type { AnyExchange } from '../../node/response-hook.ts'
import { PrefixedCookie } from './cookie-reader.ts'
import { isLasting } from './session.ts'
import type { CookieOptions } from './session-cookie.ts'
import type { FastifySessionObject } from './types.ts'

/** The attributes of sessions, as the application has declared them in `interface Session` of fastify. */
export type SessionAttributes = {
  [Name in Exclude<keyof Session, 'cookie'>]: Session[Name]
}

/** Sessions of any data. */
export interface AnySessions
  extends Arrivals<AnyExchange>,
    Pick<
      Sessions,
      | 'stored'
      | 'revoke'
      | 'close'
      | 'checkCookieName'
      | 'lastingBy'
      | 'ownedBy'
      | 'of'
      | 'watch'
      | 'on'
    > {}

/** Null, undefined and '' are nobody. */
export type PrincipalOf = (session: FastifySessionObject) => string | number | null | undefined

/** A `Signer` of @fastify/cookie. */
export interface CookieSigner {
  sign(value: string): string
  unsign(value: string): unknown
}

export interface FastifySessionOptions
  extends MountOptions<FastifyRequest>,
    Omit<CreateSessionsOptions<SessionAttributes>, 'cookie' | 'prefix' | 'outage'> {
  /**
   * At least 32 characters, or a list: the first one signs, the others still verify; or a `Signer` of @fastify/cookie,
   * which has them. Of it Sojourn's `secrets` are made, which may be given instead. Not needed beside `sessions`.
   */
  readonly secret?:
    | string
    | Uint8Array
    | readonly (string | Uint8Array)[]
    | CookieSigner
    | undefined
  /** What `createSessions` has made, instead of its options. */
  readonly sessions?: AnySessions | undefined
  /** An object whose `sessions` are Sojourn's; no other store. */
  readonly store?: { readonly sessions: AnySessions } | undefined
  /** First part of every key in Redis: `prefix` of `createSessions`, which Fastify has another meaning for. Default `'sj'`. */
  readonly keyPrefix?: string | undefined
  /** Default `'sessionId'`. */
  readonly cookieName?: string | undefined
  /** In front of each cookie's value. Default: nothing. */
  readonly cookiePrefix?: string | undefined
  readonly cookie?: CookieOptions | undefined
  /** Whether a session is stored though nothing has been set. Default true. */
  readonly saveUninitialized?: boolean | undefined
  /** Whether each reply sets the cookie and renews the session. Default true. */
  readonly rolling?: boolean | undefined
  /** Names sessions: `request.session.sessionId`. The cookie is Sojourn's random token all the same. */
  readonly idGenerator?: ((request: FastifyRequest) => string) | undefined
  /**
   * Whose session it is, by its data: when a reply that stores it brings another principal than before, the session is
   * signed in to that one, with all its data and a new token; with none (undefined, null or '') it is nobody's again.
   * Numbers count as their text. For lists, limits and sign-out of all of a principal's sessions.
   */
  readonly principal?: PrincipalOf | undefined
  /** Without effect: nothing is signed by it. */
  readonly algorithm?: string | undefined
}

/** The options, checked and with defaults. */
export interface Plan {
  readonly sessions: AnySessions
  /** Whether the plugin has made them, and is to close them. */
  readonly isOwn: boolean
  readonly mount: MountOptions<FastifyRequest>
  readonly cookieName: string
  readonly cookiePrefix: string
  readonly cookie: CookieOptions
  readonly reader: PrefixedCookie
  /** What the cookie holds for a token, behind the prefix. */
  readonly valueOf: (token: string) => string
  readonly saveUninitialized: boolean
  readonly rolling: boolean
  readonly idGenerator: ((request: FastifyRequest) => string) | undefined
  readonly principal: PrincipalOf | undefined
}

const OPTIONS = [
  ...['secret', 'sessions', 'store', 'cookieName', 'cookiePrefix', 'cookie', 'saveUninitialized'],
  ...['rolling', 'idGenerator', 'principal', 'algorithm', 'fresh', 'outage'],
]
/** Of the sessions that the plugin makes. */
const OF_SESSIONS = [
  ...['keyPrefix', ...ENGINE_OPTION_NAMES.filter((name) => name !== 'prefix')],
  ...SESSIONS_OPTION_NAMES.filter((name) => !OPTIONS.includes(name)),
]
/** Fastify's own. Its `prefix` says nothing of keys. */
const OF_REGISTER = ['prefix', 'logLevel', 'logSerializers']
const COOKIE_OPTIONS = [
  ...['maxAge', 'expires', 'path', 'domain', 'httpOnly', 'secure', 'sameSite', 'partitioned'],
]
const KEY_PREFIX = /^[A-Za-z0-9:_.-]{1,64}$/
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/
const DOMAIN = /^(?=.{1,254}$)\.?[\w-]+(?:\.[\w-]+)*$/
const SHORTEST_SECRET = 32
const NO_SECRET =
  'the secret option is required, and must be a String, Array of Strings, or a signer object with .sign and .unsign methods'
/** As long as connect-redis keeps sessions whose cookie has no age. */
const IDLE_TIMEOUT = '24h'

/** @throws OptionError */
export function planOf(options: FastifySessionOptions): Plan {
  const { cookieName = 'sessionId', cookiePrefix = '', idGenerator } = options
  if (typeof cookieName !== 'string' || !NAME.test(cookieName)) {
    throw new OptionError('cookieName', "takes 1 to 200 letters, digits and -_.!#$%&'*+^`|~")
  }
  if (typeof cookiePrefix !== 'string') throw new OptionError('cookiePrefix', 'takes a string')
  if (idGenerator !== undefined && typeof idGenerator !== 'function') {
    throw new OptionError('idGenerator', 'takes a function of the request')
  }
  const { principal } = options
  if (principal !== undefined && typeof principal !== 'function') {
    throw new OptionError('principal', 'takes a function of the session')
  }
  const saveUninitialized = flag('saveUninitialized', options.saveUninitialized)
  const rolling = flag('rolling', options.rolling)
  const cookie = cookieOf(options.cookie)
  const { fresh, outage } = options
  const mount = {
    ...(fresh === undefined ? {} : { fresh }),
    ...(outage === undefined ? {} : { outage }),
  }
  if (cookie.secure === false) refuseAssumed(options.adopt)
  const isDotted = options.secret !== undefined
  const given = givenSessions(options)
  const sessions = given ?? ownSessions(options, cookie)
  try {
    checkOptions(sessions, mount, ['fresh', 'outage'])
    checkCookieName(sessions, cookieName)
    sessions.lastingBy((meta, attributes) => isLasting(meta, attributes, cookie))
    if (principal !== undefined) {
      sessions.ownedBy((data) => principalFrom(principal(Object.fromEntries(data) as never)))
    }
  } catch (error) {
    if (given === undefined) void sessions.close()
    throw error
  }
  const reader = new PrefixedCookie(cookieName, cookiePrefix, isDotted ? DOTTED : PLAIN)
  readInHandshakes(sessions, cookieName, reader)
  return {
    ...{ sessions, isOwn: given === undefined, mount, cookieName, cookiePrefix, cookie },
    ...{
      reader,
      valueOf: isDotted ? dotted : (token: string) => token,
      saveUninitialized,
      rolling,
      idGenerator,
      principal,
    },
  }
}

/** The old application would take what is written for it as a session of HTTPS, and drop each change without a word. */
function refuseAssumed(adopt: FastifySessionOptions['adopt']): void {
  if (adopt?.some(({ mirror, assumesSecure }) => mirror && assumesSecure) !== true) return
  throw new OptionError(
    'adopt',
    "with old: 'mirror' keeps a cookie that is Secure unless the source says otherwise: give it the old application's, `cookie: { secure: false }`",
  )
}

function checkCookieName(sessions: AnySessions, name: string): void {
  try {
    sessions.checkCookieName(name)
  } catch (cause) {
    if (!(cause instanceof OptionError)) throw cause
    throw new OptionError(
      'cookieName',
      `old: 'mirror' of \`adopt\` needs two cookies, and both are named ${name}: give ours another cookieName`,
    )
  }
}

function givenSessions(options: FastifySessionOptions): AnySessions | undefined {
  const { store, sessions } = options
  if (store !== undefined && !isSessions((store as Partial<typeof store> | null)?.sessions)) {
    throw new OptionError(
      'store',
      'takes one of Sojourn’s only: sessions go to Redis by its own scripts. Give `redis` or `sessions` instead; ' +
        'the sessions of another store are taken along by `adopt`',
    )
  }
  const given = sessions ?? store?.sessions
  if (given === undefined) return undefined
  if (!isSessions(given)) throw new OptionError('sessions', 'takes what createSessions has made')
  refuseUnknown(options, [...OPTIONS, ...OF_REGISTER])
  return given
}

function isSessions(value: unknown): boolean {
  return typeof (value as Partial<Sessions> | null | undefined)?.exchange === 'function'
}

function ownSessions(options: FastifySessionOptions, cookie: CookieOptions): AnySessions {
  refuseUnknown(options, [...OPTIONS, ...OF_SESSIONS, ...OF_REGISTER])
  const { keyPrefix } = options
  if (keyPrefix !== undefined && !(typeof keyPrefix === 'string' && KEY_PREFIX.test(keyPrefix))) {
    throw new OptionError('keyPrefix', 'takes 1 to 64 characters of A-Z a-z 0-9 : _ . -')
  }
  const taken = [...OPTIONS, ...OF_REGISTER, 'keyPrefix']
  const rest = Object.fromEntries(
    Object.entries(options).filter(([name]) => !taken.includes(name)),
  ) as CreateSessionsOptions<SessionAttributes>
  const secrets = rest.secrets ?? secretsOf(options.secret)
  const { idleTimeout = cookie.maxAge ?? IDLE_TIMEOUT, absoluteTimeout = LONGEST_LIFETIME } = rest
  return createSessions<SessionAttributes>({
    ...{ ...rest, secrets, idleTimeout, absoluteTimeout },
    ...(keyPrefix === undefined ? {} : { prefix: keyPrefix }),
    // The plugin forms its own: this is for the old store of `adopt`.
    cookie: { persistent: cookie.maxAge !== undefined },
  })
}

function secretsOf(given: unknown): Uint8Array[] {
  const secret = secretsIn(given)
  if (typeof secret === 'string' && secret.length < SHORTEST_SECRET) {
    throw worded(`the secret must have length ${SHORTEST_SECRET} or greater`)
  }
  const all: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  if (all.length === 0) throw worded('at least one secret is required')
  const secrets = all.map((each) => {
    const isGiven = typeof each === 'string' || each instanceof Uint8Array
    if (isGiven && each.length > 0) return each
    throw worded(NO_SECRET)
  })
  return borrowedSecrets(secrets, 'secret', 'fastify-session')
}

/** Of a `Signer` of @fastify/cookie those that it has. Others do not show them. */
function secretsIn(secret: unknown): unknown {
  if (typeof secret !== 'object' || secret === null || secret instanceof Uint8Array) return secret
  const { sign, unsign, secrets } = secret as Record<string, unknown>
  if (typeof sign !== 'function' || typeof unsign !== 'function') return secret
  if (Array.isArray(secrets)) return secrets
  throw new OptionError(
    'secret',
    'takes text, bytes, a list, or a Signer of @fastify/cookie: of another signer no keys can be made',
  )
}

/** In the words of @fastify/session, which applications may have come to know. */
function worded(message: string): OptionError {
  return Object.assign(new OptionError('secret', message), { message })
}

function cookieOf(cookie: unknown = {}): CookieOptions {
  requireObject('cookie', cookie)
  refuseUnknown(cookie as object, COOKIE_OPTIONS, 'cookie.')
  const {
    maxAge,
    expires,
    path = '/',
    domain,
    secure = true,
    sameSite,
    ...rest
  } = cookie as CookieOptions
  // 0 has always been none.
  if (
    maxAge != null &&
    !(typeof maxAge === 'number' && (maxAge === 0 || (maxAge >= 1 && maxAge <= LONGEST_LIFETIME)))
  ) {
    throw new OptionError(
      'cookie.maxAge',
      'takes milliseconds, 1 or more, up to 400 days: browsers keep no cookie longer',
    )
  }
  if (expires != null && !(expires instanceof Date && !Number.isNaN(expires.getTime()))) {
    throw new OptionError('cookie.expires', 'takes a Date')
  }
  if (typeof path !== 'string' || !/^\/[\x20-\x3a\x3c-\x7e]*$/.test(path)) {
    throw new OptionError('cookie.path', "takes a path that begins with '/'")
  }
  // Text without characters has always been none.
  if (domain != null && domain !== '' && !(typeof domain === 'string' && DOMAIN.test(domain))) {
    throw new OptionError('cookie.domain', 'takes a domain name')
  }
  if (typeof secure !== 'boolean' && secure !== 'auto') {
    throw new OptionError('cookie.secure', "takes true, false or 'auto'")
  }
  const isSite = typeof sameSite === 'boolean' || /^(?:lax|strict|none)$/i.test(String(sameSite))
  if (sameSite != null && !isSite) {
    throw new OptionError('cookie.sameSite', "takes true, false, 'lax', 'strict' or 'none'")
  }
  for (const name of ['httpOnly', 'partitioned'] as const) {
    if (rest[name] != null) flag(`cookie.${name}`, rest[name])
  }
  return {
    ...rest,
    secure,
    path,
    maxAge: maxAge || undefined,
    expires: expires ?? undefined,
    domain,
    sameSite,
  }
}

function flag(name: string, value: unknown = true): boolean {
  if (typeof value === 'boolean') return value
  throw new OptionError(name, 'takes true or false')
}
