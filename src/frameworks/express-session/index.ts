import session, { type Session, type SessionData } from 'express-session'
import type { DerivedSessions } from '../../core/derived-sessions.ts'
import type { SessionId } from '../../core/engine.ts'
import type { ScannedSession } from '../../core/scan.ts'
import type { SessionState } from '../../core/session-state.ts'
import type { Sessions } from '../../core/sessions.ts'
import { equalValues } from '../../core/values.ts'
import { type CookieReading, isStoredCookie, readCookie } from './cookie.ts'
import { FormerStore } from './former.ts'
import { commit, dataOf, giveSession, type Known, knownNew, storeChanges } from './known.ts'
import { checkOptions, type SojournStoreOptions, sessionsOf } from './options.ts'
import { attributesOf, COOKIE } from './snapshot.ts'

export type { GivenSessionsOptions, OwnSessionsOptions, SojournStoreOptions } from './options.ts'

/** One of `all()`: without its sid, which is stored nowhere. */
export type ListedSessionData = SessionData & {
  /** Its public id: `store.sessions.revoke(id)` ends it. */
  readonly id: SessionId
}

type Callback<T> = (error: unknown, value?: T) => void
type Done = (error?: unknown) => void
type Request = Parameters<session.Store['createSession']>[0]
type Generate = (request: Request) => void

const ORIGIN = 'express-session'

/**
 * A store for express-session that loses no change and brings no ended session back. Methods take a callback,
 * or return a promise without one.
 *
 * The id that express-session makes, the sid, is the secret in its cookie: it is not stored. Ids that this
 * store shows are public ones.
 */
export class SojournStore<Data extends object = SessionData> extends session.Store {
  /** For `revoke`, events, `watch`, statistics, `ready` and `close`. */
  readonly sessions: Sessions<Data>
  readonly #derived: DerivedSessions
  readonly #known = new WeakMap<object, Known>()
  readonly #former: FormerStore | undefined
  #generate: Generate | undefined

  /** @throws OptionError */
  constructor(options: SojournStoreOptions<Data> = {}) {
    super()
    checkOptions(options)
    const { former } = options
    this.sessions = sessionsOf(options)
    this.#derived = this.sessions.derived(ORIGIN)
    this.#former = former && new FormerStore(former, this.#derived, this.sessions)
  }

  /** Makes a new session for a request. Set by express-session. */
  get generate(): Generate | undefined {
    return this.#generate
  }

  set generate(generate: Generate) {
    this.#generate = (request) => {
      generate(request)
      const { sessionID: sid, session: made } = request
      this.#known.set(made, knownNew(sid, this.#derived.begin(sid)))
    }
  }

  override createSession(request: Request, data: SessionData): Session & SessionData {
    const known = this.#known.get(data)
    const made = super.createSession(request, data)
    if (known !== undefined) this.#known.set(made, { ...known })
    return made
  }

  /**
   * The session; `undefined` where there is none. What is at hand in this process comes without I/O.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  get(sid: string): Promise<SessionData | undefined>
  get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void
  get(
    sid: string,
    callback?: Callback<SessionData | undefined>,
  ): Promise<SessionData | undefined> | void {
    const state = this.#derived.atHand(sid)
    if (state !== undefined && callback !== undefined) {
      process.nextTick(callback, null, this.#give(sid, state))
      return
    }
    return answer(this.#get(sid, state), callback)
  }

  async #get(sid: string, atHand: SessionState | undefined): Promise<SessionData | undefined> {
    const state = atHand ?? (await this.#derived.find(sid)) ?? (await this.#former?.takeOver(sid))
    return state && this.#give(sid, state)
  }

  /**
   * Stores a session. Of an object that this store has made only the differences are stored; any other
   * replaces what is there. A session that has ended since it was read is not stored again: what was changed
   * is dropped, with the event `dropped`, and that is no error. A failure that goes to a callback is an `error` event too.
   * @throws AttributeError, SessionTooLargeError, SchemaError, SessionConflictError, StoreUnavailableError,
   * StoreRefusedError
   */
  set(sid: string, data: SessionData): Promise<void>
  set(sid: string, data: SessionData, callback?: Done): void
  set(sid: string, data: SessionData, callback?: Done): Promise<void> | void {
    const stored = this.#set(sid, data)
    // express-session's own callback lets the response go out as if nothing had failed.
    if (callback !== undefined) {
      stored.catch((error: unknown) => this.sessions.reportError('set', error))
    }
    return answer(stored, callback)
  }

  async #set(sid: string, data: SessionData): Promise<void> {
    const known = this.#knownOf(sid, data)
    // What it holds now, not what it will hold when its turn has come.
    const attributes = attributesOf(data)
    const cookie = readCookie(data.cookie, known?.cookie)
    if (cookie.isOver) return this.#destroy(sid)
    if (known !== undefined) return storeChanges(known, attributes, cookie)
    const found = (await this.#derived.find(sid, true)) ?? (await this.#former?.takeOver(sid))
    const state = found ?? this.#derived.begin(sid)
    state.replace(new Map([...attributes, [COOKIE, cookie.stored]]))
    await commit(state, cookie)
  }

  /** Ends a session, on every node. None can be stored under its sid for five minutes. */
  destroy(sid: string): Promise<void>
  destroy(sid: string, callback?: Done): void
  destroy(sid: string, callback?: Done): Promise<void> | void {
    const ended = this.#destroy(sid)
    // `req.session.destroy()` waits for nothing: that it fails must not end the process.
    if (callback === undefined) ended.catch((e: unknown) => this.sessions.reportError('destroy', e))
    return answer(ended, callback)
  }

  async #destroy(sid: string): Promise<void> {
    await this.#derived.end(sid)
    await this.#former?.destroy(sid)
  }

  /**
   * Renews the session's idle timeout, where that is worth a write (`touchAfter`), and stores its cookie where
   * that has been changed. Calls back at once where there is nothing to do.
   */
  override touch(sid: string, data: SessionData): Promise<void>
  override touch(sid: string, data: SessionData, callback?: Done): void
  override touch(sid: string, data: SessionData, callback?: Done): Promise<void> | void {
    const known = this.#knownOf(sid, data)
    const cookie = known?.cookie && readCookie(data.cookie, known.cookie)
    const isSame = cookie && equalValues(cookie.stored, known?.cookie?.stored) && !cookie.isOver
    const isDue = known?.opened.state.touchDue ?? true
    if (isSame === true && !isDue && callback !== undefined) {
      // express-session then ends the response in one piece.
      callback()
      return
    }
    const work = known === undefined ? this.#touchStored(sid, data) : this.#touch(known, cookie)
    return answer(work, callback)
  }

  async #touch(known: Known, cookie: CookieReading | undefined): Promise<void> {
    // New, and not stored yet.
    if (cookie === undefined) return
    if (cookie.isOver) return this.#destroy(known.opened.sid)
    return storeChanges(known, undefined, cookie)
  }

  /** By an object that this store has not made, which may tell no more of the cookie than when it ends. */
  async #touchStored(sid: string, { cookie }: SessionData): Promise<void> {
    const state = this.#derived.atHand(sid) ?? (await this.#derived.find(sid))
    if (state === undefined) return
    const [data, known] = giveSession(sid, state)
    const given = readCookie(cookie)
    const isGiven = given.isOver || given.idleTimeout !== undefined
    if (!isGiven) return this.#touch(known, readCookie(data.cookie, known.cookie))
    const stored = { ...known.cookie?.stored, ...given.stored }
    return this.#touch(known, { ...given, stored })
  }

  /** The public id of a session: for `sessions.watch` and `sessions.revoke`, and safe to log. No I/O. */
  idOf(sid: string): SessionId {
    return this.#derived.idOf(sid)
  }

  /**
   * All sessions of this store. Reads all that there is under the prefix: for tools, not for requests.
   * @throws OptionError where the engine cannot list, or with `seal: 'token'`
   */
  override all(): Promise<ListedSessionData[]>
  override all(callback: (error: unknown, sessions?: ListedSessionData[]) => void): void
  override all(callback?: Callback<ListedSessionData[]>): Promise<ListedSessionData[]> | void {
    return answer(this.#all(), callback)
  }

  async #all(): Promise<ListedSessionData[]> {
    const all: ListedSessionData[] = []
    const { engine } = this.sessions
    for await (const page of this.#pages()) {
      for (const { id, attributes, expiresAt } of page) {
        all.push({ ...dataOf(attributes, expiresAt - engine.now()), id })
      }
    }
    return all
  }

  /** The public ids of all sessions of this store: not sids, which are stored nowhere. As `all`. */
  ids(): Promise<SessionId[]>
  ids(callback: (error: unknown, ids?: SessionId[]) => void): void
  ids(callback?: Callback<SessionId[]>): Promise<SessionId[]> | void {
    return answer(this.#ids(), callback)
  }

  async #ids(): Promise<SessionId[]> {
    const ids: SessionId[] = []
    for await (const page of this.#pages()) for (const { id } of page) ids.push(id)
    return ids
  }

  /** How many sessions of this store there are. As `all`. */
  override length(): Promise<number>
  override length(callback: (error: unknown, length?: number) => void): void
  override length(callback?: Callback<number>): Promise<number> | void {
    return answer(
      this.#ids().then((ids) => ids.length),
      callback,
    )
  }

  /** Ends all sessions of this store, and no others. As `all`. */
  override clear(): Promise<void>
  override clear(callback?: Done): void
  override clear(callback?: Done): Promise<void> | void {
    return answer(this.#clear(), callback)
  }

  async #clear(): Promise<void> {
    for await (const page of this.#pages()) {
      await Promise.all(page.map(({ id }) => this.sessions.revoke(id)))
    }
  }

  /** Those of this store: every one of them has a cookie. */
  async *#pages(): AsyncGenerator<ScannedSession[]> {
    for await (const page of this.sessions.scan()) {
      yield page.filter(({ attributes }) => isStoredCookie(attributes.get(COOKIE)))
    }
  }

  #knownOf(sid: string, data: object): Known | undefined {
    const known = this.#known.get(data)
    return known?.opened.sid === sid ? known : undefined
  }

  #give(sid: string, state: SessionState): SessionData {
    const [data, known] = giveSession(sid, state)
    this.#known.set(data, known)
    return data
  }
}

/** By the callback, whose errors are its own, or by the promise. */
function answer<T>(result: Promise<T>, callback: Callback<T> | undefined): Promise<T> | void {
  if (callback === undefined) return result
  result.then(
    (value) => process.nextTick(callback, null, value),
    (error: unknown) => process.nextTick(callback, error),
  )
}
