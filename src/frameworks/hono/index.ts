import type { Context, MiddlewareHandler } from 'hono'
import { isOutOfOrder, isSojournError, RETRY_AFTER } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { firstRequest } from '../fetch/first-request.ts'
import { FetchMount } from '../fetch/mount.ts'
import { peerOf } from '../fetch/peer.ts'
import { RequestFacts } from '../fetch/request-facts.ts'
import { discard, takesHeaders } from '../fetch/response.ts'
import { removeBodyHeaders } from '../node/body-headers.ts'
import { checkOptions, type MountOptions } from '../node/mount.ts'
import { withRetry } from '../node/retry-after.ts'

export interface HonoSessionsOptions extends MountOptions<Request> {
  /**
   * Whether X-Forwarded-Proto is believed, which decides on the cookie's form, and of X-Forwarded-For the last address,
   * for `addressOf`. Only behind a proxy that sets them. Default false.
   */
  readonly trustProxy?: boolean
}

/** For `new Hono<SessionEnv<Data>>()`, where calls are not chained. */
export interface SessionEnv<Data extends object> {
  Variables: { session: Session<Data> }
}

/**
 * Gives each request its session, `c.get('session')` and `c.var.session`, stores it before the response
 * is handed out, and keeps the cookie. `sessions.from(c.req.raw)` has it too. Errors, such as
 * `StoreUnavailableError` with `status` 503, go to `app.onError`.
 * @throws OptionError
 */
export function honoSessions<Data extends object>(
  sessions: Sessions<Data>,
  options: HonoSessionsOptions = {},
): MiddlewareHandler<SessionEnv<Data>> {
  checkOptions(sessions, options, ['fresh', 'outage', 'trustProxy'])
  const { trustProxy = false } = options
  const mount = new FetchMount(sessions, options)
  return async (c, next) => {
    const source = firstRequest(c)
    const facts = new RequestFacts(source, trustProxy, () => peerOf(source, c.env))
    const opened = mount.open(source, facts)
    let exchange: Awaited<typeof opened>
    try {
      exchange = opened instanceof Promise ? await opened : opened
    } catch (error) {
      sayRetry(c, error)
      throw error
    }
    if (exchange === undefined) {
      // By the request of another application that mounts this one.
      if (c.get('session') === undefined) c.set('session', sessions.from(source))
      return next()
    }
    // With sessions under several cookies the first is `session`; the others are at their own `from`.
    if (c.get('session') === undefined) c.set('session', exchange.session)
    try {
      await next()
    } catch (error) {
      // Hono has answered for errors by then; what else is thrown goes past all handlers.
      await mount.leave(exchange)
      throw error
    }
    const settling = mount.settle(exchange, facts, takesHeaders(c.res))
    if (settling !== undefined) {
      try {
        await settling
      } catch (error) {
        refuse(c, error)
        mount.addHeaders(exchange, c.res.headers)
        exchange.release()
        throw error
      }
    }
    const response = c.res
    const finished = mount.finish(exchange, facts, response)
    if (finished === response) return
    // Without this Hono would put the headers of the one on top of those of the other.
    c.res = undefined
    c.res = finished
  }
}

/** Takes back the response: what the error handler makes has of its headers only those of no body. */
function refuse(c: Context, error: unknown): void {
  const { res } = c
  discard(res)
  c.res = undefined
  // A new one, with what has been set by `c.header`.
  const { headers } = c.res
  headers.delete('set-cookie')
  for (const [name, value] of res.headers) if (name !== 'set-cookie') headers.set(name, value)
  for (const cookie of res.headers.getSetCookie()) headers.append('Set-Cookie', cookie)
  sayRetry(c, error)
  removeBodyHeaders({
    hasHeader: (name) => headers.has(name),
    removeHeader: (name) => headers.delete(name),
    setHeader: (name, value) => headers.set(name, value),
  })
  c.status((isSojournError(error) ? error.status : 500) as 500)
}

/**
 * What answers for the error gets the header, if it is a 503 and says no time of its own. Hono would put a header of
 * `c.res` in the place of that.
 */
function sayRetry(c: Context, error: unknown): void {
  if (!isOutOfOrder(error)) return
  // Where no other handler is, Hono hands out what `app.onError` makes as it is.
  // `matchedRoutes` of hono/route would be the one thing of Hono that is imported when this runs.
  // oxlint-disable-next-line typescript/no-deprecated
  if (c.req.matchedRoutes.length === 1) return c.header('Retry-After', RETRY_AFTER)
  const usual: object = Object.getPrototypeOf(c)
  Object.defineProperty(c, 'res', {
    configurable: true,
    get: () => Reflect.get(usual, 'res', c) as Response,
    set: (response: Response | undefined) => {
      Reflect.set(usual, 'res', response && withRetry(response), c)
    },
  })
}
