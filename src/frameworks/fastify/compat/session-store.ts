import type { FastifyRequest } from 'fastify'
import { isSessionId } from '../../../core/token.ts'
import { answer, type Callback } from './callback.ts'
import type { AnySessions, Plan, SessionAttributes } from './options.ts'
import { COOKIE, Session } from './session.ts'
import { SessionCookie } from './session-cookie.ts'
import type { SessionCookieData } from './types.ts'

/** The session as JSON gives it back. */
export type SessionCallback = (error: unknown, session?: StoredSession) => void
/** What is there of an application's session may be as old as the session. */
export type StoredSession = SessionCookieData & Partial<SessionAttributes>

/** `request.sessionStore`: sessions by their public id. */
export class SessionStore {
  /** All else: `sessions.of(principal)`, `sessions.watch(id)`, … */
  readonly sessions: AnySessions
  readonly #plan: Plan
  readonly #request: FastifyRequest

  constructor(plan: Plan, request: FastifyRequest) {
    this.sessions = plan.sessions
    this.#plan = plan
    this.#request = request
  }

  /** Reads a session, and renews nothing. Nothing for one that is not there. */
  get(id: string, callback: SessionCallback): void {
    const tell = (error: unknown, found?: StoredSession): void =>
      process.nextTick(callback, error, found)
    this.#read(id).then((found) => tell(null, found), tell)
  }

  /**
   * Stores the session of this request, with these data. Others have a token that only their browser knows: none can be
   * made for an id.
   */
  set(id: string, data: object, callback: Callback): void {
    void answer(this.#set(id, data), callback, this.#reporter('save'))
  }

  /** Ends a session on every node. */
  destroy(id: string, callback: Callback): void {
    void answer(this.#destroy(id), callback, this.#reporter('destroy'))
  }

  #reporter(operation: string): (error: unknown) => void {
    return (error) => this.sessions.reportError(operation, error)
  }

  async #read(id: string): Promise<StoredSession | undefined> {
    const stored = await this.sessions.stored.read(id)
    if (stored === undefined) return undefined
    const { [COOKIE]: kept, ...data } = Object.fromEntries(stored.attributes)
    const options = { ...this.#plan.cookie, ...(kept as object | undefined) }
    return { cookie: new SessionCookie(options, this.#request), ...data }
  }

  async #set(id: string, data: object): Promise<void> {
    const session: unknown = this.#request.session
    if (!(session instanceof Session) || session.sessionId !== id) {
      throw new TypeError('sessionStore.set takes the session of its own request, by its sessionId')
    }
    if (session !== data) {
      for (const name of Object.keys(session)) {
        if (name !== 'cookie' && !Object.hasOwn(data, name)) session.set(name, undefined)
      }
      for (const [name, value] of Object.entries(data)) {
        if (name !== 'cookie') session.set(name, value)
      }
    }
    await session.save()
  }

  async #destroy(id: string): Promise<void> {
    if (isSessionId(id)) await this.sessions.revoke(id)
  }
}
