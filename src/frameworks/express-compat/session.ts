import { answer, type Callback } from './callback.ts'
import type { SessionCookie } from './session-cookie.ts'
import type { Session } from './types.ts'

/** Where a session object is at home: the request that it belongs to, or a store. */
export interface Home {
  readonly request: object
  idOf(session: CompatSession): string
  save(session: CompatSession): Promise<void>
  reload(session: CompatSession): Promise<void>
  destroy(session: CompatSession): Promise<void>
  regenerate(session: CompatSession): Promise<void>
  /** Tells of what failed where nobody may have been told. */
  report(operation: string, error: unknown): void
  /** `req.sessionStore.set` of a request's own session. @returns nothing where it is not that one */
  store?(session: CompatSession, id: string): Promise<void> | undefined
}

/** A function, so that no member of a session leads to its request's. */
export let homeOf: (session: CompatSession) => Home

/**
 * `req.session`: the attributes are its own properties, and `cookie`. What is set is stored with the
 * response, as JSON has it.
 */
export class CompatSession implements Session {
  static {
    homeOf = (session) => session.#home
  }

  declare cookie: SessionCookie
  readonly #home: Home

  constructor(home: Home, cookie: SessionCookie) {
    this.#home = home
    this.cookie = cookie
  }

  /** Public name: safe to log and to keep, of no use as a cookie. */
  get id(): string {
    return this.#home.idOf(this)
  }

  get req(): object {
    return this.#home.request
  }

  /** Renews `cookie.maxAge`, as each response does. */
  touch(): this {
    return this.resetMaxAge()
  }

  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge
    return this
  }

  /**
   * Stores it now, a new session without anything in it too.
   * @throws AttributeError for what JSON cannot hold, and as `Session.commit`
   */
  save(callback: Callback): this
  save(): Promise<void>
  save(callback?: Callback): this | Promise<void> {
    return answer(this, this.#home.save(this), callback)
  }

  /**
   * Reads it anew: `req.session` is another object then, and what was not stored is gone.
   * @throws Error `failed to load session` when it has ended, or never was stored
   */
  reload(callback: Callback): this
  reload(): Promise<void>
  reload(callback?: Callback): this | Promise<void> {
    return answer(this, this.#home.reload(this), callback)
  }

  /** Ends it on every node. `req.session` is gone at once. */
  destroy(callback: Callback): this
  destroy(): Promise<void>
  destroy(callback?: Callback): this | Promise<void> {
    const report = (error: unknown): void => this.#home.report('destroy', error)
    return answer(this, this.#home.destroy(this), callback, report)
  }

  /** Ends it on every node, and makes a new one: `req.session` is that one then. */
  regenerate(callback: Callback): this
  regenerate(): Promise<void>
  regenerate(callback?: Callback): this | Promise<void> {
    const report = (error: unknown): void => this.#home.report('regenerate', error)
    return answer(this, this.#home.regenerate(this), callback, report)
  }
}
