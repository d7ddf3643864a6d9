import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import type { Exchange } from '../../../core/exchange.ts'
import { enter } from '../../node/mount.ts'
import { NodeRequest } from '../../node/request.ts'
import { type AnyExchange, hookResponse } from '../../node/response-hook.ts'
import { isSecure, type Next, refuse } from '../reply.ts'
import { CompatExchange } from './compat-exchange.ts'
import { type DecryptSession, decryptSession } from './decrypt-session.ts'
import { heldBy, hold } from './held.ts'
import { type FastifySessionOptions, planOf } from './options.ts'
import { SessionStore } from './session-store.ts'
import type { FastifySessionObject, SessionCookieData } from './types.ts'

export type { AnySessions, FastifySessionOptions, SessionAttributes } from './options.ts'
export type { CookieOptions, SameSite, SessionCookie } from './session-cookie.ts'
export type { SessionCallback, SessionStore, StoredSession } from './session-store.ts'
export type { DecryptSession, FastifySessionObject, SessionCookieData }

declare module 'fastify' {
  interface FastifyInstance {
    decryptSession: DecryptSession
  }

  interface FastifyRequest {
    /** There from the plugin's own onRequest hook on; null before, and after `destroy`. */
    session: FastifySessionObject
    readonly sessionStore: SessionStore
  }

  /** For applications to extend: `declare module 'fastify' { interface Session { user_id: string } }` */
  interface Session extends SessionCookieData {}
}

/**
 * What @fastify/session gives, on Sojourn's sessions: `request.session` as a plain object with `save`, `regenerate`,
 * `destroy` and the others. Holds for the instance that it is registered at, and for all below.
 * @throws OptionError
 */
export const fastifySession: FastifyPluginCallback<FastifySessionOptions> = (
  app,
  options,
  done,
) => {
  let plan: ReturnType<typeof planOf>
  try {
    plan = planOf(options)
  } catch (error) {
    return done(error as Error)
  }
  const { sessions, mount } = plan
  const path = plan.cookie.path ?? '/'
  const how = { cookie: plan.reader }
  // The sessions, with the cookie that is read here.
  const arrivals = {
    has: (request: object) => sessions.has(request),
    refresh: (request: object) => sessions.refresh(request),
    outageOf: (request: object) => sessions.outageOf(request),
    reportError: (operation: string, error: unknown) => sessions.reportError(operation, error),
    exchange: (key: object, request: NodeRequest<FastifyRequest>, given: object = {}) =>
      sessions.exchange(key, request, { ...given, ...how }),
  }
  if (plan.isOwn) app.addHook('onClose', () => sessions.close())
  if (!app.hasDecorator('decryptSession')) app.decorate('decryptSession', decryptSession(plan))
  if (!app.hasRequestDecorator('session')) {
    app.decorateRequest('session', SESSION)
    app.decorateRequest('sessionStore', {
      getter(this: FastifyRequest) {
        return new SessionStore(plan, this)
      },
    })
  }
  app.addHook('onRequest', (request, reply, next) => {
    if (!isBelow(request.raw.url ?? '/', path)) {
      hold(request, { value: {} })
      return next()
    }
    const start = (opened: AnyExchange): void => {
      const exchange = new CompatExchange(
        opened as Exchange<Record<string, unknown>>,
        request,
        plan,
      )
      hold(request, exchange)
      hookResponse(reply.raw, exchange, (error) => refuse(reply, sessions, error), sessions)
      next()
    }
    const source = new NodeRequest(request.raw, request, isSecure)
    enter(arrivals as typeof sessions, mount, request, source, start, next as Next, reply.raw)
  })
  done()
}

// What fastify-plugin does. Under the name that other plugins ask for.
Object.assign(fastifySession, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@fastify/session',
  [Symbol.for('plugin-meta')]: { name: '@fastify/session', fastify: '5.x' },
})

const SESSION = {
  getter(this: FastifyRequest): FastifySessionObject {
    return (heldBy(this)?.value ?? null) as FastifySessionObject
  },
  setter(this: FastifyRequest, value: unknown): void {
    const held = heldBy(this)
    if (held !== undefined) held.value = value
  },
}

/** Whether the cookie's path leads to the request's (RFC 6265, section 5.1.4). */
function isBelow(url: string, path: string): boolean {
  const end = url.indexOf('?')
  const asked = end === -1 ? url : url.slice(0, end)
  if (!asked.startsWith(path)) return false
  return asked.length === path.length || path.endsWith('/') || asked[path.length] === '/'
}
