import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { inForm, namedCookie } from '../../core/cookie.ts'
import { ENGINE_OPTION_NAMES } from '../../core/engine-option-names.ts'
import { OptionError } from '../../core/errors.ts'
import { SESSIONS_OPTION_NAMES } from '../../core/options.ts'
import { principalFrom } from '../../core/principal-from.ts'
import type { Sessions } from '../../core/sessions.ts'
import { SIGNED } from '../../core/token-form.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { type CreateSessionsOptions, createSessions } from '../../index.ts'
import { readInHandshakes } from '../node/other-cookie.ts'
import { securityOf } from './connection.ts'
import { CookieSource } from './cookie-source.ts'
import { isLasting } from './lifetime.ts'
import { MemoryStore } from './memory-store.ts'
import { type CompatSecret, secretsFrom, signerWith } from './secrets.ts'
import { isCookieName } from './serialize-cookie.ts'
import type { SessionCookieOptions } from './session-cookie.ts'
import type { Settings } from './settings.ts'

/** Of node's request. As a method, so that one of a narrower request fits too, such as Express' own. */
interface OfRequest<Result> {
  call(request: IncomingMessage & { readonly url: string }): Result
}

/** Those of express-session, so that its type `SessionOptions` fits. */
interface ExpressSessionOptions<Data extends object> {
  /** Any text or bytes. In a list the first signs, the others still open. */
  readonly secret?: CompatSecret | readonly CompatSecret[] | undefined
  /** Of the cookie. Default `'connect.sid'`. */
  readonly name?: string | undefined
  /** An older name of `name`. */
  readonly key?: string | undefined
  /** Default `{ path: '/', httpOnly: true, secure: false, maxAge: null }`. */
  readonly cookie?: SessionCookieOptions | OfRequest<SessionCookieOptions>['call'] | undefined
  /** Changes nothing: an unmodified session is renewed, and a rewrite would undo what others have changed. */
  readonly resave?: boolean | undefined
  /** Whether new sessions are stored that hold nothing. Default true. */
  readonly saveUninitialized?: boolean | undefined
  /** Whether each response sets the cookie anew. Default false. */
  readonly rolling?: boolean | undefined
  /** What `req.session.id` is; the cookie holds a random token all the same. */
  readonly genid?: OfRequest<string>['call'] | undefined
  /** Whether X-Forwarded-Proto is believed. Default: as Express' `trust proxy` says. */
  readonly proxy?: boolean | undefined
  /** What happens when `req.session` is deleted or set to null. Default `'keep'`. */
  readonly unset?: 'keep' | 'destroy' | undefined
  /** `new MemoryStore()`, or what `sojourn/express-session` has made. Others (an `EventEmitter`) are refused at the start. */
  readonly store?:
    | MemoryStore
    | { readonly sessions: Sessions<Data> }
    | EventEmitter
    | null
    | undefined
}

export interface CompatOptions<Data extends object>
  extends ExpressSessionOptions<Data>,
    Omit<CreateSessionsOptions<Data>, 'cookie'> {
  /** What `createSessions` has made, instead of its options and `secret`. */
  readonly sessions?: Sessions<Data> | undefined
  /**
   * Whose session it is, as its data says: `(session) => session.passport?.user`. It then is in that principal's
   * list, and `sessions.of(user).revokeAll()` ends it.
   */
  readonly principal?: ((session: Partial<Data>) => string | number | null | undefined) | undefined
}

const OWN_NAMES = [
  ...[
    'secret',
    'name',
    'key',
    'cookie',
    'resave',
    'saveUninitialized',
    'rolling',
    'genid',
    'proxy',
  ],
  ...['unset', 'store', 'sessions', 'principal'],
]
const KNOWN_NAMES = [
  ...OWN_NAMES,
  ...[...SESSIONS_OPTION_NAMES, ...ENGINE_OPTION_NAMES].filter((name) => !OWN_NAMES.includes(name)),
]
const SWITCHES = ['resave', 'saveUninitialized', 'rolling', 'proxy'] as const

/** As with connect-redis. */
const IDLE_TIMEOUT = '24h'
/** The longest that there is: express-session knows none. */
const ABSOLUTE_TIMEOUT = '400d'
const MOST_BYTES = 8_388_608

/** @throws OptionError naming the first option that is wrong */
export function settingsOf<Data extends object>(options: CompatOptions<Data>): Settings {
  refuseUnknown(options, KNOWN_NAMES)
  const name = options.name ?? options.key ?? 'connect.sid'
  if (!isCookieName(name))
    throw new OptionError(
      options.name == null ? 'key' : 'name',
      "takes 1 to 200 letters, digits and -_.!#$%&'*+^`|~",
    )
  for (const option of ['genid', 'principal'] as const) {
    const value: unknown = options[option]
    if (value === undefined || value === null || typeof value === 'function') continue
    throw new OptionError(option, 'must be a function')
  }
  const unset = options.unset ?? 'keep'
  if (unset !== 'keep' && unset !== 'destroy') {
    throw new OptionError('unset', 'must be "destroy" or "keep"')
  }
  for (const option of SWITCHES) {
    const value: unknown = options[option]
    if (value === undefined || value === null || typeof value === 'boolean') continue
    throw new OptionError(option, 'takes true or false')
  }
  const isSecure = securityOf(options.proxy ?? undefined)
  const cookies = new CookieSource<IncomingMessage>(options.cookie, isSecure)
  // Last, for it may make connections.
  const isUsuallyLasting = typeof cookies.fixed?.maxAge === 'number'
  const sessions = sessionsOf(options, name, isUsuallyLasting)
  sessions.checkCookieName(name)
  sessions.lastingBy((meta) => isLasting(meta, cookies))
  const { principal } = options
  if (principal)
    sessions.ownedBy((data) => principalFrom(principal(Object.fromEntries(data) as never)))
  const cookieReader = namedCookie(name, SIGNED)
  readInHandshakes(sessions, name, cookieReader)
  for (const option of ['resave', 'saveUninitialized'] as const) {
    if (options[option] !== undefined) continue
    process.emitWarning(
      `undefined ${option} option; provide ${option} option`,
      'DeprecationWarning',
    )
  }
  return {
    sessions: sessions as Sessions<object>,
    name,
    cookieReader,
    cookies,
    isSecure,
    cookieValueOf: options.secret === undefined ? (token) => token : signerWith(options.secret),
    resave: options.resave ?? true,
    saveUninitialized: options.saveUninitialized ?? true,
    rolling: options.rolling ?? false,
    unsetDestroys: unset === 'destroy',
    renewsAlways: options.touchAfter === undefined,
    genid: (options.genid ?? undefined) as Settings['genid'],
    principal: options.principal ?? undefined,
  }
}

function sessionsOf<Data extends object>(
  options: CompatOptions<Data>,
  cookieName: string,
  persistent: boolean,
): Sessions<Data> {
  const { sessions: given, secret, secrets } = options
  const memory = options.store instanceof MemoryStore ? options.store : undefined
  const store =
    memory === undefined ? (options.store as { sessions?: Sessions<Data> } | null) : null
  if (memory !== undefined) refuseBeside(options)
  const made = given ?? store?.sessions
  if (store && !isSessions(store.sessions)) {
    throw new OptionError(
      'store',
      "takes what 'sojourn/express-session' has made: other stores cannot compare before they write. Name " +
        'the Redis in `redis`, or leave it out for sessions in this process; the option `adopt` takes over the sessions of a connect-redis that is in use',
    )
  }
  if (made !== undefined) {
    if (!isSessions(made)) throw new OptionError('sessions', 'takes what createSessions has made')
    const names = [...OWN_NAMES.filter((name) => name !== 'secret')]
    const which = given === undefined ? 'store' : 'sessions'
    for (const name of Object.keys(options)) {
      if (names.includes(name)) continue
      throw new OptionError(name, `stands beside \`${which}\`, which has its own: leave it out`)
    }
    if (given !== undefined && store) {
      throw new OptionError('store', 'stands beside `sessions`: give one of them')
    }
    return made
  }
  if (secret === undefined && secrets === undefined) {
    throw new OptionError('secret', 'secret option required for sessions')
  }
  const former = secret === undefined ? [] : secretsFrom(secret)
  const current = secrets === undefined ? [] : Array.isArray(secrets) ? secrets : [secrets]
  const rest = Object.fromEntries(
    Object.entries(options).filter(([name]) => !OWN_NAMES.includes(name)),
  ) as Omit<CreateSessionsOptions<Data>, 'cookie'>
  const isPrefixed = /^__(?:Host|Secure)-/i.test(cookieName)
  const { idleTimeout = IDLE_TIMEOUT, absoluteTimeout = ABSOLUTE_TIMEOUT } = options
  return createSessions<Data>({
    maxBytes: MOST_BYTES,
    ...rest,
    idleTimeout,
    absoluteTimeout,
    ...(memory === undefined ? {} : { engine: memory.engine(options.clock) }),
    secrets: [...current, ...former],
    // For the old store of `adopt`, and frameworks that call themselves.
    cookie: inForm({ name: cookieName, secure: isPrefixed, persistent }, SIGNED),
  })
}

/** Sessions live in one place. */
function refuseBeside(options: object): void {
  for (const name of ['sessions', 'redis', 'engine'] as const) {
    if ((options as Record<string, unknown>)[name] === undefined) continue
    throw new OptionError('store', `stands beside \`${name}\`: give one of them`)
  }
}

function isSessions(value: unknown): boolean {
  return typeof (value as Partial<Sessions> | undefined)?.exchange === 'function'
}
