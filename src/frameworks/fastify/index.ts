import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import type { Session } from '../../core/session.ts'
import { type Arrivals, checkOptions, enter, type MountOptions } from '../node/mount.ts'
import { NodeRequest } from '../node/request.ts'
import { type AnyExchange, hookResponse } from '../node/response-hook.ts'
import { holdSession, sessionOf } from '../node/session-property.ts'
import { isSecure, type Next, refuse } from './reply.ts'

/**
 * The attributes of `request.session`, for applications to extend:
 * `declare module 'sojourn/fastify' { interface SessionData { cart: Item[] } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface SessionData {}

/** Attributes by name (`get`, `set`, `update`) and as plain properties. */
export type FastifySession = Session<SessionData> & Partial<SessionData>

declare module 'fastify' {
  interface FastifyRequest {
    /** There from the plugin's own onRequest hook on; absent when the session could not be loaded. */
    readonly session: FastifySession
  }
}

export interface FastifySessionsOptions extends MountOptions<FastifyRequest> {
  /** What `createSessions` has made. */
  readonly sessions: Arrivals<AnyExchange>
}

/**
 * Gives each request its session, stores it before the response goes out, and keeps the cookie.
 * Holds for the instance that it is registered at, and for all below. Errors, such as
 * `StoreUnavailableError` with `status` 503, go to the error handler.
 * @throws OptionError
 */
export const fastifySessions: FastifyPluginCallback<FastifySessionsOptions> = (
  app,
  options,
  done,
) => {
  const { sessions } = options
  try {
    checkOptions(sessions, options, OPTIONS)
  } catch (error) {
    return done(error as Error)
  }
  // With sessions under several cookies the first is `request.session`; the others are at their own
  // `from(request)`.
  if (!app.hasRequestDecorator('session')) app.decorateRequest('session', SESSION)
  app.addHook('onRequest', (request, reply, next) => {
    const start = (exchange: AnyExchange): void => {
      holdSession(request, exchange)
      // Not by the hook onSend: it knows nothing of hijacked replies, of `reply.raw` and of what a
      // stream changes, and while it waits an async handler's reply looks as if it was not sent.
      hookResponse(reply.raw, exchange, (error) => refuse(reply, sessions, error), sessions)
      next()
    }
    enter(
      sessions,
      options,
      request,
      new NodeRequest(request.raw, request, isSecure),
      start,
      next as Next,
      reply.raw,
    )
  })
  done()
}

// What fastify-plugin does: hooks and decorators reach the instance that registers the plugin.
Object.assign(fastifySessions, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'sojourn',
  [Symbol.for('plugin-meta')]: { name: 'sojourn', fastify: '5.x' },
})

const OPTIONS = ['sessions', 'fresh', 'outage', 'prefix', 'logLevel', 'logSerializers']

const SESSION = {
  getter(this: FastifyRequest): FastifySession {
    return sessionOf(this) as FastifySession
  },
}
