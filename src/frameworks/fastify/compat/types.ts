import type { Session } from 'fastify'
import type { Callback } from './callback.ts'
import type { CookieOptions, SessionCookie } from './session-cookie.ts'

export interface SessionCookieData {
  cookie: SessionCookie
}

/** `request.session`: the application's data as plain properties, and these. */
export interface FastifySessionObject extends Session {
  /** Public name: safe to log and to show, of no use as a cookie. */
  readonly sessionId: string
  /** What the cookie holds: a secret, not to be logged. */
  readonly encryptedSessionId: string
  get<Name extends keyof Session>(key: Name): Session[Name] | undefined
  set<Name extends keyof Session>(key: Name, value: Session[Name]): void
  /** Moves the cookie's end, where it has an age. */
  touch(): void
  /** Options of this session's cookie. */
  options(options: CookieOptions): void
  /** Whether the data are other than when the session was loaded or saved. */
  isModified(): boolean
  /** Whether `save` has stored it. */
  isSaved(): boolean
  /**
   * Ends the session everywhere, and makes a new one: a new id and a new token.
   * @param keys the names of data that go along
   * @throws StoreUnavailableError, StoreRefusedError, SessionConflictError, HeadersSentError
   */
  regenerate(): Promise<void>
  regenerate(keys: readonly string[]): Promise<void>
  regenerate(callback: Callback): void
  regenerate(keys: readonly string[], callback: Callback): void
  /** Ends the session everywhere; `request.session` is null then. @throws as `regenerate` */
  destroy(): Promise<void>
  destroy(callback: Callback): void
  /** Drops what has been changed, and reads what is stored. @throws as `regenerate` */
  reload(): Promise<void>
  reload(callback: Callback): void
  /** Stores the session now. @throws also AttributeError, SessionTooLargeError, SchemaError */
  save(): Promise<void>
  save(callback: Callback): void
}
