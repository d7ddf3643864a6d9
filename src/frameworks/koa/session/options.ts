import { randomUUID } from 'node:crypto'
import type { Context } from 'koa'
import type { CookieReader } from '../../../core/cookie.ts'
import { LONGEST_LIFETIME } from '../../../core/duration.ts'
import { ENGINE_OPTION_NAMES } from '../../../core/engine-option-names.ts'
import { OptionError } from '../../../core/errors.ts'
import { checkAdopt } from '../../../core/legacy.ts'
import { SESSIONS_OPTION_NAMES } from '../../../core/options.ts'
import type { Sessions } from '../../../core/sessions.ts'
import { refuseUnknown } from '../../../core/unknown-options.ts'
import type { CreateSessionsOptions } from '../../../index.ts'
import { isCookieAttribute } from '../../node/cookie-attributes.ts'
import type { KoaSessionModel } from './model.ts'
import { cookieNamed, tokenSource } from './token-source.ts'

export type Attributes = Record<string, unknown>
type SameSite = 'strict' | 'lax' | 'none' | boolean

/** Those of koa-session that have the same meaning here. */
export interface CookieSettings {
  /** Name of the cookie. Default `'koa.sess'`. */
  readonly key?: string | undefined
  /**
   * Milliseconds that a session lives after it was last stored, and its cookie with it; `'session'`: the cookie
   * ends with the browser. Default one day, and such a cookie.
   */
  maxAge?: number | 'session' | undefined
  /** Default `'/'`. */
  readonly path?: string | undefined
  /** Default: this host only. */
  readonly domain?: string | undefined
  /** Default: as the connection is. `true` on a connection that is not secure is an error, as with koa-session. */
  readonly secure?: boolean | null | undefined
  /** Default true. */
  readonly httpOnly?: boolean | null | undefined
  /** Default: none is sent. */
  readonly sameSite?: SameSite | null | undefined
  readonly partitioned?: boolean | undefined
  readonly priority?: 'low' | 'medium' | 'high' | undefined
}

/** Another transport for what the cookie holds. */
export interface ExternalKey {
  get(ctx: Context): string | undefined
  /** Called with the secret of the session before the headers go out. */
  set(ctx: Context, value: string): void
}

/** What is decided for the application, and not for one request. */
export interface Behaviour {
  /** Whether changes are stored by themselves; else by `ctx.session.manuallyCommit()`. Default true. */
  readonly autoCommit?: boolean | null | undefined
  /** Every answer renews the session and its cookie. Default false. */
  readonly rolling?: boolean | undefined
  /** An answer renews them when less than half of `maxAge` is left. Default false. */
  readonly renew?: boolean | undefined
  /** Refuses a session that has been found: the request goes on with a new one. */
  readonly valid?: ((ctx: Context, session: Attributes) => unknown) | undefined
  /** May change the session before it is stored. */
  readonly beforeSave?: ((ctx: Context, session: KoaSessionModel) => void) | undefined
  readonly externalKey?: ExternalKey | undefined
  /** Names a new session, for `ctx.session.externalKey`. Default its public id. */
  readonly genid?: ((ctx: Context) => string) | undefined
}

type Own = 'cookie' | 'prefix' | 'schema' | 'merge'

/** Options of koa-session 7, and beside them those of `createSessions`. */
export interface KoaSessionOptions<Data extends object = Attributes>
  extends CookieSettings,
    Behaviour,
    Omit<CreateSessionsOptions<Attributes>, Own>,
    Pick<CreateSessionsOptions<Attributes>, 'merge'> {
  /** What `createSessions` has made, instead of its options and `app.keys`. Its `cookie` is not used. */
  readonly sessions?: Sessions<Data> | undefined
  /** What the names of sessions, and in Redis the keys, begin with; not where `genid` is given. */
  readonly prefix?: string | undefined
  /**
   * Whether the cookie has a second one beside it with its signature by `app.keys`, for `ctx.cookies.get`. Whether a
   * cookie is one of ours is seen by its value. Default true; `false` where `app.keys` is not set.
   */
  readonly signed?: boolean | null | undefined
  /** Without effect: there is one cookie of this name in an answer. */
  readonly overwrite?: boolean | null | undefined
}

export interface Settings {
  readonly cookie: CookieSettings & { readonly key: string }
  readonly behaviour: Behaviour
  /** How a request's token is found. */
  readonly opening: { readonly cookie: CookieReader }
  readonly isSigned: boolean
  readonly createOptions: CreateSessionsOptions<Attributes>
  /** Instead of those that `createOptions` would make. */
  readonly sessions: Sessions<Attributes> | undefined
  /** Of new sessions, where `sessions` may have another one. Milliseconds. */
  readonly idleTimeout: number | undefined
}

/** What koa-session takes for a lifetime that has not been given, milliseconds. */
const ONE_DAY = 86_400_000

const REFUSED: Readonly<Record<string, string>> = {
  store:
    'is not taken: sessions are kept by Sojourn (option redis). See docs/koa.md, "From koa-session"',
  ContextStore: 'is not taken: sessions are kept by Sojourn (option redis)',
  encode: 'is not taken: the cookie holds a random token, and no data',
  decode: 'is not taken: the cookie holds a random token, and no data',
  cookie: 'is not taken: the options path, domain, secure, … are those of koa-session',
}
/** Those that `createSessions` does not know, or knows otherwise. */
const OWN: readonly string[] = [
  ...['key', 'maxAge', 'maxage', 'path', 'domain', 'secure', 'httpOnly', 'sameSite', 'partitioned'],
  ...['priority', 'autoCommit', 'rolling', 'renew', 'valid', 'beforeSave', 'externalKey', 'genid'],
  ...['prefix', 'signed', 'overwrite', 'sessions'],
]
/** Those of `createSessions` that have the same meaning here. */
const OF_SESSIONS = [...ENGINE_OPTION_NAMES, ...SESSIONS_OPTION_NAMES].filter(
  (name) => !OWN.includes(name) && !Object.hasOwn(REFUSED, name),
)
// Koa's cookies may have a name that is no token, such as `koa:sess`.
const KEY = /^[\x21\x23-\x2b\x2d-\x3a\x3c\x3e-\x5b\x5d-\x7e]+$/
const COOKIE_ATTRIBUTES: Readonly<Record<string, string>> = {
  path: "takes a path, without ';'",
  domain: 'takes a domain name',
  sameSite: "takes 'strict', 'lax', 'none', true or false",
  priority: "takes 'low', 'medium' or 'high'",
  maxAge: "Invalid input: takes milliseconds, up to 400 days, or 'session'",
}
const FUNCTIONS = ['valid', 'beforeSave', 'genid']
const BOOLEANS = [
  ...['autoCommit', 'overwrite', 'httpOnly', 'signed', 'rolling', 'renew', 'secure', 'partitioned'],
]

/** @throws OptionError */
export function readOptions(options: KoaSessionOptions & { maxage?: unknown }): Settings {
  check(options)
  const {
    key = 'koa.sess',
    path,
    domain,
    secure,
    httpOnly,
    sameSite,
    partitioned,
    priority,
  } = options
  const { autoCommit, rolling, renew, valid, beforeSave, externalKey, prefix, signed } = options
  const maxAge = options.maxAge ?? (options.maxage as CookieSettings['maxAge'])
  const { genid = prefix === undefined ? undefined : () => `${prefix}${randomUUID()}` } = options
  const others = Object.entries(options).filter(([name]) => OF_SESSIONS.includes(name))
  const given = Object.fromEntries(others) as CreateSessionsOptions<Attributes>
  const sessions = givenSessions(options, key)
  checkAdopt(given.adopt, [])
  if (externalKey === undefined) checkMirror(key, () => checkAdopt(given.adopt, [key]))
  if (externalKey !== undefined && given.adopt !== undefined) {
    throw new OptionError('adopt', 'reads cookies, and with `externalKey` none are read')
  }
  return {
    cookie: { key, maxAge, path, domain, secure, httpOnly, sameSite, partitioned, priority },
    behaviour: { autoCommit, rolling, renew, valid, beforeSave, externalKey, genid },
    opening: { cookie: tokenSource(externalKey === undefined ? key : undefined) },
    isSigned: signed !== false,
    createOptions: {
      idleTimeout: lifetimeOf(maxAge),
      absoluteTimeout: LONGEST_LIFETIME,
      ...(prefix === undefined || given.redis === undefined ? {} : { prefix }),
      ...given,
      cookie: {
        ...cookieNamed(externalKey === undefined ? key : undefined),
        persistent: typeof maxAge === 'number',
      },
    },
    sessions,
    idleTimeout: sessions !== undefined && isLifetime(maxAge) ? maxAge : undefined,
  }
}

/** @throws OptionError */
function givenSessions(options: KoaSessionOptions, key: string): Sessions<Attributes> | undefined {
  const { sessions, externalKey } = options
  if (sessions === undefined) return undefined
  if (typeof (sessions as Partial<Sessions> | null)?.exchange !== 'function') {
    throw new OptionError('sessions', 'takes what createSessions has made')
  }
  for (const name of OF_SESSIONS) {
    if (!(name in options)) continue
    throw new OptionError(name, 'stands beside `sessions`, which has its own: leave it out')
  }
  if (externalKey === undefined) checkMirror(key, () => sessions.checkCookieName(key))
  return sessions
}

/** By the name that the option has here. @throws OptionError */
function checkMirror(key: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    throw new OptionError(
      'key',
      `old: 'mirror' of \`adopt\` needs two cookies, and both are named ${key}: give another \`key\``,
    )
  }
}

/** Milliseconds that a session lives. */
export function lifetimeOf(maxAge: CookieSettings['maxAge']): number {
  return isLifetime(maxAge) ? maxAge : ONE_DAY
}

function isLifetime(maxAge: CookieSettings['maxAge']): maxAge is number {
  return typeof maxAge === 'number' && maxAge > 0
}

/**
 * Whether a setting of the cookie can be sent, at the start or for one request.
 * @param name as koa-session calls it
 */
export function isCookieSetting(name: string, value: unknown): boolean {
  if (name !== 'maxAge') return isCookieAttribute(name, value)
  if (typeof value === 'number') return value <= LONGEST_LIFETIME && value >= -LONGEST_LIFETIME
  return value === undefined || value === null || value === 'session'
}

function check(options: object): void {
  const given = options as Attributes
  for (const [name, reason] of Object.entries(REFUSED)) {
    if (given[name] !== undefined) throw new OptionError(name, reason)
  }
  const rest = Object.entries(given).filter(([name]) => !Object.hasOwn(REFUSED, name))
  refuseUnknown(Object.fromEntries(rest), [...OWN, ...OF_SESSIONS])
  for (const name of FUNCTIONS) {
    if (given[name] !== undefined && typeof given[name] !== 'function') {
      throw new OptionError(name, 'must be a function')
    }
  }
  for (const name of BOOLEANS) {
    const value = given[name]
    if (value !== undefined && value !== null && typeof value !== 'boolean') {
      throw new OptionError(name, 'takes true or false')
    }
  }
  if (given['prefix'] !== undefined && typeof given['prefix'] !== 'string') {
    throw new OptionError('prefix', 'takes a string')
  }
  const { key, externalKey } = given
  if (key !== undefined && !(typeof key === 'string' && KEY.test(key))) {
    throw new OptionError('key', 'takes a cookie\'s name: no spaces, and none of = ; , "')
  }
  for (const [name, takes] of Object.entries(COOKIE_ATTRIBUTES)) {
    if (!isCookieSetting(name, given[name])) throw new OptionError(name, takes)
  }
  if (given['maxAge'] === undefined && !isCookieSetting('maxAge', given['maxage'])) {
    throw new OptionError('maxage', COOKIE_ATTRIBUTES['maxAge'] as string)
  }
  if (externalKey === undefined) return
  for (const name of ['get', 'set']) {
    if (typeof (externalKey as Attributes | null)?.[name] !== 'function') {
      throw new OptionError(`externalKey.${name}`, 'must be function')
    }
  }
}
