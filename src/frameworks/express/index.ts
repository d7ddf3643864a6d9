import type { IncomingMessage, ServerResponse } from 'node:http'
import { OptionError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import { withProperties } from '../../core/properties.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { requestOf } from '../node/request.ts'
import { hookResponse } from '../node/response-hook.ts'

/**
 * The attributes of `req.session`, for applications to extend:
 * `declare module 'sojourn/express' { interface SessionData { cart: Item[] } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface SessionData {}

/** Attributes by name (`get`, `set`, `update`) and as plain properties. */
export type ExpressSession = Session<SessionData> & Partial<SessionData>

declare global {
  namespace Express {
    interface Request {
      readonly session: ExpressSession
    }
  }
}

/** Fits `app.use` of Express 4 and 5. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Gives each request its session, stores it before the response goes out, and keeps the cookie.
 * A store that does not answer is passed to the application's error handler as
 * `StoreUnavailableError` with `status` 503.
 */
export function expressSessions<Data extends object>(sessions: Sessions<Data>): ExpressMiddleware {
  if (typeof (sessions as Partial<Sessions<Data>> | undefined)?.exchange !== 'function') {
    throw new OptionError('sessions', 'takes what createSessions has made')
  }
  return (request, response, next) => {
    // Mounted twice, or on a router below: the first one counts.
    if (sessions.has(request)) return next()
    // `secure` is Express' own: it knows which proxies the application trusts.
    const secure = (request as { secure?: boolean }).secure === true
    const start = (exchange: Exchange<Data>): void => {
      // With sessions under several cookies the first is `req.session`, as with express-session; the
      // others are at their own `from(req)`.
      if (!('session' in request)) defineSession(request, exchange)
      hookResponse(response, exchange, {
        fail: next,
        report: (operation, error) => sessions.reportError(operation, error),
      })
      next()
    }
    const opened = sessions.exchange(request, requestOf(request, secure))
    if (opened instanceof Promise) opened.then(start, next)
    else start(opened)
  }
}

function defineSession<Data extends object>(request: object, exchange: Exchange<Data>): void {
  let properties: object | undefined
  Object.defineProperty(request, 'session', {
    configurable: true,
    enumerable: true,
    get: () => {
      exchange.accessed = true
      return (properties ??= withProperties(exchange.session, exchange.state))
    },
  })
}
