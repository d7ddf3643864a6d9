import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Exchange } from '../../core/exchange.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { toDictionary } from '../node/dictionary.ts'
import { checkOptions, enter, type MountOptions } from '../node/mount.ts'
import { NodeRequest } from '../node/request.ts'
import { type AnyExchange, hookResponse } from '../node/response-hook.ts'
import { holdSession, sessionOf } from '../node/session-property.ts'

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
      session: ExpressSession
    }
  }
}

export interface ExpressSessionsOptions extends MountOptions<IncomingMessage> {}

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
 * @throws OptionError
 */
export function expressSessions<Data extends object>(
  sessions: Sessions<Data>,
  options: ExpressSessionsOptions = {},
): ExpressMiddleware {
  checkOptions(sessions, options, ['fresh', 'outage'])
  return (request, response, next) => {
    // Before anything is asked of the request: until then each look for what is not there takes 0.5 µs, more
    // than doing this again where it is mounted twice.
    toDictionary(request, 'url')
    toDictionary(response, 'req')
    const facts = new NodeRequest(request, request, isSecure)
    const start = (exchange: Exchange<Data>): void => {
      defineSession(request, exchange)
      hookResponse(response, exchange, next, sessions)
      next()
    }
    enter(sessions, options, request, facts, start, next, response)
  }
}

/** `req.secure` is Express' own: it knows which proxies the application trusts. */
function isSecure(request: object): boolean {
  return (request as { secure?: boolean }).secure === true
}

// One for all requests: with a getter of its own each would keep the last one alive for a while.
const PROPERTY: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: object) {
    return sessionOf(this)
  },
}

function defineSession(request: object, exchange: AnyExchange): void {
  // With sessions under several cookies the first is `req.session`, as with express-session; the
  // others are at their own `from(req)`.
  if ('session' in request) return
  holdSession(request, exchange)
  Object.defineProperty(request, 'session', PROPERTY)
}

// Here as well, for those who look for it here. With TypeScript from `sojourn/express-compat`: a program can give
// `req.session` one type, and this entry gives it ours.
export { compat } from '../express-compat/index.ts'
