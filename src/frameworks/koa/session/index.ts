import type Koa from 'koa'
import type { Context } from 'koa'
import type { CookieReader } from '../../../core/cookie.ts'
import { type Exchange, type ExchangeRequest, insideOf } from '../../../core/exchange.ts'
import type { Sessions } from '../../../core/sessions.ts'
import { createSessions } from '../../../index.ts'
import { readInHandshakes } from '../../node/other-cookie.ts'
import { hookResponse } from '../../node/response-hook.ts'
import { commitAfter, refuse } from '../commit-after.ts'
import { type Next, refuserOf } from '../entered.ts'
import { ContextSession, isLasting } from './context-session.ts'
import { type Attributes, type KoaSessionOptions, readOptions, type Settings } from './options.ts'
import { secretsFrom } from './secrets.ts'

export { KoaSessionModel } from './model.ts'
export type { Behaviour, CookieSettings, ExternalKey, KoaSessionOptions } from './options.ts'

/** Fits `app.use` of Koa 2 and 3. */
export interface KoaSessionMiddleware<Data extends object = Attributes> {
  (ctx: Context, next: Next): Promise<unknown>
  /** Those behind it: `sessions.from(ctx)`, `sessions.of(principal)`, `sessions.close()`. */
  readonly sessions: Sessions<Data>
}

const CONTEXT_SESSION: unique symbol = Symbol('sojourn.koa-session')
type Holder = { [CONTEXT_SESSION]?: ContextSession }

/**
 * Stands in for koa-session 7: its options, and its `ctx.session`, on sessions of Sojourn. docs/koa.md says
 * what is the same and what is not.
 * @throws OptionError, TypeError without an application
 */
export function koaSession<Data extends object = Attributes>(
  options: KoaSessionOptions<Data>,
  app: Koa,
): KoaSessionMiddleware<Data>
export function koaSession<Data extends object = Attributes>(
  app: Koa,
  options?: KoaSessionOptions<Data>,
): KoaSessionMiddleware<Data>
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
  const { sessions, createOptions } = settings
  if ((sessions ?? createOptions.secrets ?? app.keys) !== undefined) sessionsOf()
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
  const { cookie, opening, behaviour } = settings
  const sessions = settings.sessions ?? createFrom(settings, keys)
  if (behaviour.externalKey === undefined) readInHandshakes(sessions, cookie.key, opening.cookie)
  sessions.lastingBy((meta, attributes) => isLasting(meta, attributes, cookie.maxAge))
  return sessions
}

function createFrom({ createOptions, isSigned }: Settings, keys: unknown): Sessions<Attributes> {
  const secrets = createOptions.secrets ?? secretsFrom(keys)
  if (secrets === undefined && isSigned) throw new Error('.keys required for signed cookies')
  return createSessions<Attributes>({ ...createOptions, secrets })
}

function handle(
  ctx: Context,
  next: Next,
  sessions: Sessions<Attributes>,
  settings: Settings,
): Promise<unknown> {
  // Mounted twice: the first one counts.
  if (sessions.has(ctx)) return next()
  const request = requestOf(ctx, settings)
  const start = (opened: Exchange<Attributes>): Promise<unknown> => {
    const exchange = checked(ctx, opened, request, sessions, settings)
    const contextSession = new ContextSession(ctx, exchange, settings)
    ;(ctx as Holder)[CONTEXT_SESSION] ??= contextSession
    sessions.alias(ctx, ctx.req)
    sessions.alias(ctx, ctx.request)
    hookResponse(ctx.res, contextSession, (error) => refuse(ctx, error), sessions)
    return commitAfter(ctx, contextSession, next())
  }
  const opened = sessions.exchange(ctx, request, settings.opening)
  return opened instanceof Promise ? opened.then(start, refuserOf(ctx)) : start(opened)
}

/** Whether the cookie is there, or may be sent, is decided by koa-session's rules: the rest is not asked for. */
function requestOf(ctx: Context, { behaviour: { externalKey } }: Settings): ExchangeRequest {
  // As `opening` reads it: the header, or the token alone.
  const cookie = externalKey === undefined ? ctx.req.headers.cookie : externalKey.get(ctx)
  return { cookie: cookie || undefined, secure: false, host: undefined, proxied: false }
}

/** The exchange to go on with, after what koa-session asks of a session that it has found. */
function checked(
  ctx: Context,
  exchange: Exchange<Attributes>,
  request: ExchangeRequest,
  sessions: Sessions<Attributes>,
  { behaviour, opening }: Settings,
): Exchange<Attributes> {
  const { session } = exchange
  // To ask the session itself would be a use of it.
  if (insideOf(exchange).state.live === undefined) {
    const presented = presentedIn(request, opening.cookie)
    if (presented !== undefined) tell(ctx, 'missed', exchange.lastId ?? presented, undefined)
    return exchange
  }
  const { valid } = behaviour
  if (valid === undefined) return exchange
  const data = session.toJSON()
  if (valid(ctx, data)) return exchange
  tell(ctx, 'invalid', session.id, data)
  const nobody = { ...request, cookie: undefined }
  return sessions.exchange(ctx, nobody, opening) as Exchange<Attributes>
}

/** What the client has shown as its session. */
function presentedIn(request: ExchangeRequest, reader: CookieReader): string | undefined {
  return reader.candidates(reader.profile(request), request.cookie).find((value) => value !== '')
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
        return this[CONTEXT_SESSION]?.requestOptions
      },
    },
  })
}
