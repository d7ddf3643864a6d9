import type Koa from 'koa'
import type { Context } from 'koa'
import type { Exchange, ExchangeRequest } from '../../../core/exchange.ts'
import type { Sessions } from '../../../core/sessions.ts'
import { TOKEN_LENGTH } from '../../../core/token.ts'
import { createSessions } from '../../../index.ts'
import { hookResponse } from '../../node/response-hook.ts'
import { commitAfter, refuse } from '../commit-after.ts'
import { entered, type Next } from '../entered.ts'
import { ContextSession } from './context-session.ts'
import {
  type Attributes,
  INNER_COOKIE,
  type KoaSessionOptions,
  readOptions,
  type Settings,
} from './options.ts'
import { secretsFrom } from './secrets.ts'

export { KoaSessionModel } from './model.ts'
export type { Behaviour, CookieSettings, ExternalKey, KoaSessionOptions } from './options.ts'

/** Fits `app.use` of Koa 2 and 3. */
export interface KoaSessionMiddleware {
  (ctx: Context, next: Next): Promise<unknown>
  /** Those behind it: `sessions.from(ctx)`, `sessions.of(principal)`, `sessions.close()`. */
  readonly sessions: Sessions<Attributes>
}

const CONTEXT_SESSION: unique symbol = Symbol('sojourn.koa-session')
type Holder = { [CONTEXT_SESSION]?: ContextSession }

/**
 * Stands in for koa-session 7: its options, and its `ctx.session`, on sessions of Sojourn. docs/koa.md says
 * what is the same and what is not.
 * @throws OptionError, TypeError without an application
 */
export function koaSession(options: KoaSessionOptions, app: Koa): KoaSessionMiddleware
export function koaSession(app: Koa, options?: KoaSessionOptions): KoaSessionMiddleware
export function koaSession(
  first: KoaSessionOptions | Koa | undefined,
  second?: KoaSessionOptions | Koa,
): KoaSessionMiddleware {
  const [app, options] = isApp(first) ? [first, second] : [second, first]
  if (!isApp(app)) throw new TypeError('app instance required: `session(opts, app)`')
  const settings = readOptions((options ?? {}) as KoaSessionOptions)
  extendContext(app.context)
  let made: Sessions<Attributes> | undefined
  // Applications may set their keys after the middleware.
  const sessionsOf = (): Sessions<Attributes> => (made ??= makeSessions(settings, app.keys))
  if (settings.createOptions.secrets !== undefined || app.keys !== undefined) sessionsOf()
  const middleware = (ctx: Context, next: Next): Promise<unknown> =>
    handle(ctx, next, sessionsOf(), settings)
  return Object.defineProperty(middleware, 'sessions', { get: sessionsOf }) as KoaSessionMiddleware
}

/** @alias */
export default koaSession

function isApp(value: unknown): value is Koa {
  return typeof (value as Partial<Koa> | undefined)?.use === 'function'
}

function makeSessions(settings: Settings, keys: unknown): Sessions<Attributes> {
  const { createOptions } = settings
  const secrets = createOptions.secrets ?? secretsFrom(keys)
  if (secrets === undefined && settings.isSigned)
    throw new Error('.keys required for signed cookies')
  return createSessions<Attributes>({ ...createOptions, secrets })
}

function handle(
  ctx: Context,
  next: Next,
  sessions: Sessions<Attributes>,
  settings: Settings,
): Promise<unknown> {
  const presented = presentedBy(ctx, settings)
  const start = (opened: Exchange<Attributes>): Promise<unknown> => {
    const exchange = checked(ctx, opened, presented, sessions, settings)
    const contextSession = new ContextSession(ctx, exchange, settings)
    ;(ctx as Holder)[CONTEXT_SESSION] ??= contextSession
    sessions.alias(ctx, ctx.req)
    sessions.alias(ctx, ctx.request)
    hookResponse(ctx.res, contextSession, (error) => refuse(ctx, error), sessions)
    return commitAfter(ctx, contextSession, next())
  }
  return entered(sessions, {}, ctx, requestOf(ctx, presented), start, next)
}

/** What the client has shown as its session. */
function presentedBy(ctx: Context, { cookie, behaviour }: Settings): string | undefined {
  const { externalKey } = behaviour
  const value = externalKey ? externalKey.get(ctx) : ctx.cookies.get(cookie.key, { signed: false })
  return value === '' ? undefined : value
}

function requestOf(ctx: Context, presented: string | undefined): ExchangeRequest {
  const { cookie } = ctx.req.headers
  const isToken = presented?.length === TOKEN_LENGTH
  return {
    // In front, under a name that has no one else: a legacy cookie stays to be seen by those who adopt it.
    cookie: isToken ? `${INNER_COOKIE}=${presented}${cookie ? `; ${cookie}` : ''}` : cookie,
    secure: ctx.secure,
    host: ctx.host,
    proxied: false,
  }
}

/** The exchange to go on with, after what koa-session asks of a session that it has found. */
function checked(
  ctx: Context,
  exchange: Exchange<Attributes>,
  presented: string | undefined,
  sessions: Sessions<Attributes>,
  { behaviour }: Settings,
): Exchange<Attributes> {
  const { session } = exchange
  if (session.isNew) {
    if (presented !== undefined) tell(ctx, 'missed', exchange.lastId ?? presented, undefined)
    return exchange
  }
  const { valid } = behaviour
  if (valid === undefined) return exchange
  const data = session.toJSON()
  if (valid(ctx, data)) return exchange
  tell(ctx, 'invalid', session.id, data)
  const nobody = { cookie: undefined, secure: ctx.secure, host: ctx.host, proxied: false }
  return sessions.exchange(ctx, nobody) as Exchange<Attributes>
}

/** `session:missed` and `session:invalid` of the application. The key is the session's public id, or what is none of ours. */
function tell(ctx: Context, event: string, key: string | undefined, value: unknown): void {
  setImmediate(() => ctx.app.emit(`session:${event}`, { key, value, ctx }))
}

function extendContext(context: object): void {
  if (CONTEXT_SESSION in context) return
  Object.defineProperties(context, {
    [CONTEXT_SESSION]: { value: undefined, writable: true },
    session: {
      configurable: true,
      get(this: Holder) {
        return this[CONTEXT_SESSION]?.model
      },
      set(this: Holder, value: unknown) {
        const contextSession = this[CONTEXT_SESSION]
        if (contextSession === undefined) {
          throw new TypeError('this request has no session: is the middleware in use?')
        }
        contextSession.assign(value)
      },
    },
    sessionOptions: {
      configurable: true,
      get(this: Holder) {
        return this[CONTEXT_SESSION]?.options
      },
    },
  })
}
