import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Exchange } from '../../core/exchange.ts'
import type { Sessions } from '../../core/sessions.ts'
import { toDictionary } from '../node/dictionary.ts'
import { hookResponse } from '../node/response-hook.ts'
import { retryOf } from '../node/retry-after.ts'
import { pathOf } from './connection.ts'
import { MemoryStore } from './memory-store.ts'
import { type CompatOptions, settingsOf } from './options.ts'
import { factsOf } from './parsed-cookies.ts'
import { defineProperties } from './request-properties.ts'
import { CompatSession } from './session.ts'
import { SessionCookie, type SessionCookieOptions } from './session-cookie.ts'
import type { Settings } from './settings.ts'
import { endOnce } from './single-end.ts'
import { CompatStore, type SessionRecord } from './store.ts'
import type * as types from './types.ts'
import { Visit } from './visit.ts'

export { MemoryStore } from './memory-store.ts'
export type { CompatOptions } from './options.ts'
export type { CompatSecret } from './secrets.ts'
export type { CompatSession } from './session.ts'
export type { SessionCookie, SessionCookieOptions } from './session-cookie.ts'
export type { CompatStore, SessionRecord } from './store.ts'
export type { Cookie, Session, SessionData, Store } from './types.ts'

/** Fits `app.use` of Express 4 and 5, and what is called middleware since connect. */
export interface CompatMiddleware<Data extends object> {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  /** The sessions behind it: `sessions.of(user)`, `sessions.on(…)`, `sessions.close()`. */
  readonly sessions: Sessions<Data>
  /** What `req.sessionStore` is. */
  readonly store: CompatStore
}

export interface Compat {
  /**
   * express-session's API on sessions of ours: `req.session`, `req.sessionID` and `req.sessionStore`, by its options,
   * with its callbacks. A store that does not answer is passed to the error handler as `StoreUnavailableError`
   * with `status` 503.
   * @throws OptionError
   */
  <Data extends object = Record<string, unknown>>(
    options: CompatOptions<Data>,
  ): CompatMiddleware<Data>
  /** What `req.session.cookie` is. */
  readonly Cookie: new (
    options?: SessionCookieOptions,
  ) => SessionCookie
  /** What `req.session` is, for `instanceof` and its prototype: requests make them. */
  readonly Session: (abstract new (
    ...none: never[]
  ) => CompatSession) & {
    readonly prototype: CompatSession
  }
  /** What `req.sessionStore` is, for `instanceof` and its prototype: `compat` makes it. */
  readonly Store: (abstract new (
    ...none: never[]
  ) => CompatStore) & {
    readonly prototype: CompatStore
  }
  readonly MemoryStore: new () => MemoryStore
}

/**
 * The types by the names that express-session's have, for `import { compat as session }`: `session.SessionOptions`.
 * What @types/express-session says a request has fits them, and they fit it.
 */
// biome-ignore lint/style/noNamespace: what stands at `session.Store` as a value stands there as a type
export declare namespace compat {
  type Cookie = types.Cookie
  type CookieOptions = SessionCookieOptions
  type MemoryStore = InstanceType<Compat['MemoryStore']>
  type Session = types.Session
  type SessionData = types.SessionData
  type SessionOptions<Data extends object = Record<string, unknown>> = CompatOptions<Data>
  type Store = types.Store
}

export const compat: Compat = Object.assign(middlewareOf, {
  Cookie: SessionCookie,
  Session: CompatSession,
  Store: CompatStore,
  MemoryStore,
})

function middlewareOf<Data extends object = Record<string, unknown>>(
  options: CompatOptions<Data>,
): CompatMiddleware<Data> {
  const settings = settingsOf(options)
  const store = options.store instanceof MemoryStore ? options.store : new CompatStore(settings)
  store.serve(settings)
  const middleware = (
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): void => {
    toDictionary(request, 'url')
    toDictionary(response, 'req')
    try {
      if (!store.isConnected || isDone(request, settings) || !isMeant(request, settings)) {
        return next()
      }
    } catch (error) {
      // The application's own function of the request.
      return next(error)
    }
    open(request, response, settings, store, next)
  }
  const sessions = settings.sessions as Sessions<Data>
  return Object.assign(middleware, { sessions, store })
}

/** Mounted twice the first one counts; and whatever else has made a session for the request. */
function isDone(request: IncomingMessage, { sessions }: Settings): boolean {
  return sessions.has(request) || Boolean((request as { session?: unknown }).session)
}

function isMeant(request: IncomingMessage, { cookies }: Settings): boolean {
  const path = cookies.pathFor(request)
  return path === '/' || pathOf(request).startsWith(path)
}

function open(
  request: IncomingMessage,
  response: ServerResponse,
  settings: Settings,
  store: CompatStore,
  next: (error?: unknown) => void,
): void {
  const { sessions, name, cookieReader: cookie, isSecure } = settings
  const start = (exchange: Exchange<object>): void => {
    const visit = new Visit(request, settings, exchange, store)
    const enter = (record?: SessionRecord | null): void => {
      try {
        defineProperties(request, visit, store)
        if (hookResponse(response, visit, next, sessions)) endOnce(response)
        if (record === null) visit.generate()
        else if (record !== undefined) store.createSession(request, record)
      } catch (error) {
        // Nobody else would hear of it: it may be long since the middleware was called.
        return next(error)
      }
      next()
    }
    const { replacedGet } = store
    if (replacedGet === undefined || exchange.session.isNew) return enter()
    replacedGet.call(store, exchange.id, (error, record) => {
      if (!error || (error as { code?: unknown }).code === 'ENOENT') return enter(record ?? null)
      exchange.release()
      next(error)
    })
  }
  const facts = factsOf(request, name, cookie, isSecure)
  const opened = sessions.exchange(request, facts, { cookie })
  if (!(opened instanceof Promise)) return start(opened)
  opened.then(start, retryOf(response, next))
}
