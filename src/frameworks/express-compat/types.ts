import type { EventEmitter } from 'node:events'

declare global {
  namespace Express {
    // Empty: it is asked below whether something has said what a request has.
    interface Request {}
  }
}

/**
 * What `declare module 'express-session' { interface SessionData { … } }` says, where the application has those types.
 * They alone give the store a `generate`: one that is a `Store` of here must not be asked what `SessionData` is.
 */
type DeclaredData = Express.Request extends { sessionStore: { generate: unknown } }
  ? DataOf<Express.Request['sessionStore']>
  : object
type DataOf<Theirs> = Theirs extends {
  createSession(request: never, session: infer Data extends object): unknown
}
  ? Data
  : object

/** A method's type, so that a callback with a narrower error fits: `(error: Error | null) => …`. */
type Callback<Arguments extends unknown[]> = { call(...args: Arguments): void }['call']

type ErrorCallback = Callback<[error?: unknown]>

/**
 * What a session holds, for applications to extend: `declare module 'sojourn/express-compat' { interface SessionData {
 * views: number } }`. What is declared for `express-session` is here too.
 */
export interface SessionData extends DeclaredData {
  cookie: Cookie
}

/** `req.session.cookie`, as it is typed there: what has been set to `false` reads so all the same. */
export interface Cookie {
  originalMaxAge: number | null
  maxAge?: number | undefined
  expires?: Date | null | undefined
  path?: string | undefined
  domain?: string | undefined
  httpOnly?: boolean | undefined
  secure?: boolean | 'auto' | undefined
  sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined
}

/** `req.session` without its attributes: `Session & Partial<SessionData>` has them. By callbacks, as it is typed there. */
export interface Session {
  /** Public name: safe to log and to keep, of no use as a cookie. */
  readonly id: string
  cookie: Cookie
  regenerate(callback: ErrorCallback): this
  destroy(callback: ErrorCallback): this
  reload(callback: ErrorCallback): this
  save(callback?: ErrorCallback): this
  touch(): this
  resetMaxAge(): this
}

/** `req.sessionStore`. */
export interface Store extends EventEmitter {
  get(id: string, callback: Callback<[error: unknown, session?: SessionData | null]>): void
  set(id: string, session: SessionData, callback?: ErrorCallback): void
  destroy(id: string, callback?: ErrorCallback): void
  load(id: string, callback: Callback<[error: unknown, session?: SessionData]>): void
  createSession(request: object, session: SessionData): Session & SessionData
  regenerate(request: object, callback: ErrorCallback): void
  all?(
    callback: Callback<
      [error: unknown, sessions?: SessionData[] | { [id: string]: SessionData } | null]
    >,
  ): void
  length?(callback: Callback<[error: unknown, count?: number]>): void
  clear?(callback?: ErrorCallback): void
  touch?(id: string, session: SessionData, callback?: () => void): void
}
