import { randomUUID } from 'node:crypto'
import type { Context } from 'koa'
import { LONGEST_LIFETIME } from '../../../core/duration.ts'
import { OptionError } from '../../../core/errors.ts'
import type { CreateSessionsOptions } from '../../../index.ts'
import type { KoaSessionModel } from './model.ts'

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
export interface KoaSessionOptions
  extends CookieSettings,
    Behaviour,
    Omit<CreateSessionsOptions<Attributes>, Own>,
    Pick<CreateSessionsOptions<Attributes>, 'merge'> {
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
  readonly isSigned: boolean
  readonly createOptions: CreateSessionsOptions<Attributes>
}

/** What koa-session takes for a lifetime that has not been given, milliseconds. */
export const ONE_DAY = 86_400_000

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
  ...['prefix', 'signed', 'overwrite', 'store', 'ContextStore', 'encode', 'decode', 'cookie'],
]
const FUNCTIONS = ['valid', 'beforeSave', 'genid']
const BOOLEANS = ['autoCommit', 'overwrite', 'httpOnly', 'signed', 'rolling', 'renew', 'secure']

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
  const others = Object.entries(options).filter(([name]) => !OWN.includes(name))
  const given = Object.fromEntries(others) as CreateSessionsOptions<Attributes>
  return {
    cookie: { key, maxAge, path, domain, secure, httpOnly, sameSite, partitioned, priority },
    behaviour: { autoCommit, rolling, renew, valid, beforeSave, externalKey, genid },
    isSigned: signed !== false,
    createOptions: {
      idleTimeout: lifetimeOf(maxAge),
      absoluteTimeout: LONGEST_LIFETIME,
      ...(prefix === undefined || given.redis === undefined ? {} : { prefix }),
      ...given,
      // Only the exchange sees it: the cookie itself is written by koa-session's rules.
      cookie: { name: INNER_COOKIE, secure: false },
    },
  }
}

/** Milliseconds that a session lives. */
export function lifetimeOf(maxAge: CookieSettings['maxAge']): number {
  return typeof maxAge === 'number' && maxAge > 0 ? maxAge : ONE_DAY
}

/** The name under which the token is handed to the sessions, whatever the cookie is called. */
export const INNER_COOKIE = 'sojourn.koa-session'

function check(options: object): void {
  const given = options as Attributes
  for (const [name, reason] of Object.entries(REFUSED)) {
    if (given[name] !== undefined) throw new OptionError(name, reason)
  }
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
  for (const name of ['key', 'prefix', 'path', 'domain']) {
    if (given[name] !== undefined && typeof given[name] !== 'string') {
      throw new OptionError(name, 'takes a string')
    }
  }
  const { maxAge, externalKey } = given
  if (maxAge !== undefined && maxAge !== 'session' && typeof maxAge !== 'number') {
    throw new OptionError('maxAge', "Invalid input: takes milliseconds or 'session'")
  }
  if (externalKey === undefined) return
  for (const name of ['get', 'set']) {
    if (typeof (externalKey as Attributes | null)?.[name] !== 'function') {
      throw new OptionError(`externalKey.${name}`, 'must be function')
    }
  }
}
