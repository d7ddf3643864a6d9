import type { SessionData, Store } from 'express-session'
import type { DerivedSessions } from '../../core/derived-sessions.ts'
import { SessionConflictError } from '../../core/errors.ts'
import { LeftOut } from '../../core/left-out.ts'
import { isStoreError } from '../../core/revoke.ts'
import type { SessionState } from '../../core/session-state.ts'
import type { Sessions } from '../../core/sessions.ts'
import { readCookie } from './cookie.ts'
import { commit } from './known.ts'
import { attributesOf, COOKIE } from './snapshot.ts'

/** Takes sessions over from the store that was used before. */
export class FormerStore {
  readonly #former: Store
  readonly #derived: DerivedSessions
  readonly #sessions: Pick<Sessions, 'reportError'>
  readonly #leftOut = new LeftOut('the former store')

  constructor(store: Store, derived: DerivedSessions, sessions: Pick<Sessions, 'reportError'>) {
    this.#former = store
    this.#derived = derived
    this.#sessions = sessions
  }

  /**
   * The session that is only in the former store, from now on in this one.
   * @returns nothing where there is none, or it cannot be taken over, which is an `error` event
   * @throws what the former store's `get` fails with: an error, rather than nobody's session;
   * StoreUnavailableError, StoreRefusedError, SessionConflictError
   */
  async takeOver(sid: string): Promise<SessionState | undefined> {
    const data = await this.#get(sid)
    // Another request may have taken it over since this one has looked here.
    if (data === undefined) return this.#derived.find(sid, true)
    try {
      return await this.#keep(sid, data)
    } catch (error) {
      if (isStoreError(error) || error instanceof SessionConflictError) throw error
      // It would be the same with each further request: nobody is locked out for that. It stays where it is.
      this.#sessions.reportError('former', error)
      return undefined
    }
  }

  async #keep(sid: string, data: SessionData): Promise<SessionState | undefined> {
    const cookie = readCookie(data.cookie)
    if (cookie.isOver) return undefined
    const state = this.#derived.begin(sid)
    const attributes = this.#leftOut.from(attributesOf(data))
    state.offer(new Map([...attributes, [COOKIE, cookie.stored]]))
    await commit(state, cookie)
    // Only now: a request beside this one finds it here or there.
    await this.destroy(sid).catch((error: unknown) => this.#sessions.reportError('former', error))
    return state.live === undefined ? undefined : state
  }

  destroy(sid: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve())
      this.#former.destroy(sid, done)
    })
  }

  #get(sid: string): Promise<SessionData | undefined> {
    return new Promise((resolve, reject) => {
      this.#former.get(sid, (error: NodeJS.ErrnoException | null, data) => {
        // As express-session takes it: a session whose file is not there.
        if (error && error.code !== 'ENOENT') reject(error)
        else resolve(data ?? undefined)
      })
    })
  }
}
