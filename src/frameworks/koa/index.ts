import type { Context } from 'koa'
import type { Exchange } from '../../core/exchange.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { checkOptions, type MountOptions } from '../node/mount.ts'
import { NodeRequest } from '../node/request.ts'
import { hookResponse } from '../node/response-hook.ts'
import { commitAfter, refuse } from './commit-after.ts'
import { entered, type Next } from './entered.ts'
import { defineSession } from './session-accessor.ts'

/**
 * The attributes of `ctx.session`, for applications to extend:
 * `declare module 'sojourn/koa' { interface SessionData { cart: Item[] } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface SessionData {}

/** Attributes by name (`get`, `set`, `update`) and as plain properties. */
export type KoaSession = Session<SessionData> & Partial<SessionData>

declare module 'koa' {
  interface ExtendableContext {
    get session(): KoaSession
    /** `null` ends the session with the answer; an object replaces all attributes. */
    set session(attributes: Partial<SessionData> | null)
  }
}

export interface KoaSessionsOptions extends MountOptions<Context> {}

/** Fits `app.use` of Koa 2 and 3. */
export type KoaMiddleware = (ctx: Context, next: Next) => Promise<unknown>

/**
 * Gives each request its session, stores it when the middleware below is done and before the answer goes
 * out, and keeps the cookie. Errors, such as `StoreUnavailableError` with `status` 503, are thrown to the
 * middleware above and to Koa's error handling.
 * @throws OptionError
 */
export function koaSessions<Data extends object>(
  sessions: Sessions<Data>,
  options: KoaSessionsOptions = {},
): KoaMiddleware {
  checkOptions(sessions, options, ['fresh', 'outage'])
  return (ctx, next) => {
    const start = (exchange: Exchange<Data>): Promise<unknown> => {
      // Koa hands out three objects for a request, and whoever has one of them has the session.
      sessions.alias(ctx, ctx.req)
      sessions.alias(ctx, ctx.request)
      defineSession(ctx, exchange)
      hookResponse(ctx.res, exchange, (error) => refuse(ctx, error), sessions)
      return commitAfter(ctx, exchange, next())
    }
    return entered(sessions, options, ctx, new NodeRequest(ctx.req, ctx, isSecure), start, next)
  }
}

/** Koa knows whether the application trusts proxies (`app.proxy`). */
function isSecure(ctx: Context): boolean {
  return ctx.secure
}
