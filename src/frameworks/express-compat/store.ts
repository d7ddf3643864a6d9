import { EventEmitter } from 'node:events'
import { OptionError } from '../../core/errors.ts'
import { checkOwnName } from '../../core/private-names.ts'
import type { StoredSession } from '../../core/stored-session.ts'
import { isSessionId } from '../../core/token.ts'
import { attributeNames } from './attribute-copies.ts'
import { answer, type Callback } from './callback.ts'
import type { StoredCookie } from './cookie-source.ts'
import { changesOf } from './json.ts'
import { visitOf } from './request-properties.ts'
import { CompatSession, type Home, homeOf } from './session.ts'
import { cookieIn, restoredCookie } from './session-cookie.ts'
import type { Settings } from './settings.ts'
import type { SessionData } from './types.ts'
import type { Visit } from './visit.ts'

/** A session as a store gives it: what JSON makes of `req.session`. */
export interface SessionRecord {
  cookie: { originalMaxAge?: unknown; expires?: unknown; [name: string]: unknown }
  [attribute: string]: unknown
}

/** As callbacks are typed there: that a session holds what the application has declared is its own promise. */
type Declared = SessionRecord & SessionData

type ReplacedGet = (
  id: string,
  callback: (error: unknown, session?: SessionRecord | null) => void,
) => unknown
type ReplacedSet = (id: string, session: object, callback: Callback) => unknown

interface Carrier {
  session?: unknown
  sessionID?: unknown
  sessionStore?: unknown
}

/** `req.sessionStore`: sessions by their public ids, as `req.session.id` gives them. */
export class CompatStore extends EventEmitter {
  #given: Settings | undefined
  #isConnected = true

  /** Made by `compat`. */
  constructor(settings?: Settings) {
    super()
    this.#given = settings
    // As there, for applications that say so; a Redis that does not answer is an error, not no session.
    this.on('disconnect', () => {
      this.#isConnected = false
    })
    this.on('connect', () => {
      this.#isConnected = true
    })
  }

  /** For `compat`: what a store of the application's is a store of. The first that it is given to counts. */
  serve(settings: Settings): void {
    this.#given ??= settings
  }

  get #settings(): Settings {
    if (this.#given === undefined) throw new TypeError('this store has not been given to compat()')
    return this.#given
  }

  /** What the application has put in the place of `set`, as tests and tracing do: it is told of each write. */
  get replacedSet(): ReplacedSet | undefined {
    const { set } = this as { set: ReplacedSet }
    return set === CompatStore.prototype.set ? undefined : set
  }

  /** As `replacedSet`: it is asked for each stored session that a request comes with. */
  get replacedGet(): ReplacedGet | undefined {
    const { get } = this as { get: ReplacedGet }
    return get === CompatStore.prototype.get ? undefined : get
  }

  /** What the application has said last, by the events `disconnect` and `connect`. */
  get isConnected(): boolean {
    return this.#isConnected
  }

  /** Nothing where there is none. */
  get(id: string, callback: (error: unknown, session?: Declared | null) => void): void
  get(id: string): Promise<SessionRecord | undefined>
  get(id: string, callback?: (error: unknown, session?: Declared) => void): unknown {
    return answer(undefined, this.#get(id) as Promise<Declared | undefined>, callback)
  }

  /** Changes one that there is: what has ended does not come back. */
  set(id: string, session: object, callback: Callback): void
  set(id: string, session: object): Promise<void>
  set(id: string, session: object, callback?: Callback): unknown {
    return answer(undefined, this.#set(id, session), callback)
  }

  /** Ends it on every node. */
  destroy(id: string, callback: Callback): void
  destroy(id: string): Promise<void>
  destroy(id: string, callback?: Callback): unknown {
    return answer(undefined, this.#destroy(id), callback)
  }

  /** Renews it. */
  touch(id: string, session: object, callback: Callback): void
  touch(id: string, session?: object): Promise<void>
  touch(id: string, _session?: object, callback?: Callback): unknown {
    return answer(undefined, this.#touch(id), callback)
  }

  /** All sessions by their ids, those that others have made under the same prefix too. Takes long where there are many. */
  all(callback: (error: unknown, sessions?: Record<string, Declared>) => void): void
  all(): Promise<Record<string, SessionRecord>>
  all(callback?: (error: unknown, sessions?: Record<string, Declared>) => void): unknown {
    return answer(undefined, this.#all() as Promise<Record<string, Declared>>, callback)
  }

  /** How many `all` would give. */
  length(callback: (error: unknown, count?: number) => void): void
  length(): Promise<number>
  length(callback?: (error: unknown, count?: number) => void): unknown {
    return answer(undefined, this.#length(), callback)
  }

  /** Ends all sessions: everybody is signed out. */
  clear(callback: Callback): void
  clear(): Promise<void>
  clear(callback?: Callback): unknown {
    return answer(undefined, this.#clear(), callback)
  }

  /** A session object of one that is stored, without a request. */
  load(id: string, callback: (error: unknown, session?: CompatSession & SessionData) => void): void
  load(id: string): Promise<CompatSession | undefined>
  load(
    id: string,
    callback?: (error: unknown, session?: CompatSession & SessionData) => void,
  ): unknown {
    const load = async (): Promise<(CompatSession & SessionData) | undefined> => {
      const sessionID = this.#known(id)
      const record = await this.#get(sessionID)
      return record && this.createSession({ sessionID, sessionStore: this }, record)
    }
    return answer(undefined, load(), callback)
  }

  /** Ends the request's session, and gives it a new one. */
  regenerate(request: object, callback: Callback): void
  regenerate(request: object): Promise<void>
  regenerate(request: object, callback?: Callback): unknown {
    return answer(undefined, visitIn(request).regenerate(), callback)
  }

  /** Gives the request a new session; the one that it has stays as it is. */
  generate(request: object): void {
    visitIn(request).generate()
  }

  /** Makes a session object of what `get` gives, and `request.session` of it. */
  createSession(request: object, record: SessionRecord | SessionData): CompatSession & SessionData {
    const { cookie: stored, ...data } = record
    const cookie = restoredCookie(stored)
    const visit = visitOf(request)
    if (visit !== undefined) return visit.replace(data, cookie) as CompatSession & SessionData
    const carrier = request as Carrier
    const session = new CompatSession(
      new StoreHome(this, carrier, (operation, error) =>
        this.#settings.sessions.reportError(operation, error),
      ),
      cookie,
    )
    for (const [name, value] of Object.entries(data)) {
      if (!(name in session)) (session as unknown as Record<string, unknown>)[name] = value
    }
    carrier.session = session
    return session as CompatSession & SessionData
  }

  async #get(id: string): Promise<SessionRecord | undefined> {
    const stored = await this.#settings.sessions.stored.read(this.#known(id))
    return stored && this.#recordOf(stored)
  }

  async #set(id: string, session: object): Promise<void> {
    // A request's own, which may not be stored yet.
    const own = session instanceof CompatSession ? homeOf(session).store?.(session, id) : undefined
    if (own !== undefined) return own
    const { sessions, cookies } = this.#settings
    const cookie = cookieIn(session)
    const isThere = await sessions.stored.change(this.#known(id), (stored) => {
      const delta: Map<string, { value: unknown }> = new Map()
      for (const [name, value] of changesOf(session, stored.attributes) ?? []) {
        checkOwnName(name)
        delta.set(name, { value })
      }
      const note = (stored.note ?? {}) as Record<string, unknown>
      if (cookie === undefined) return { delta, note: stored.note }
      const { cookie: _, ...others } = note
      const kept = cookies.keep(cookie)
      const after = kept === undefined ? others : { ...others, cookie: kept }
      const { originalMaxAge } = cookie
      return {
        delta,
        note: Object.keys(after).length === 0 ? undefined : after,
        idleTimeout:
          typeof originalMaxAge === 'number' && originalMaxAge > 0 ? originalMaxAge : undefined,
      }
    })
    if (!isThere) sessions.reportDropped(id, attributeNames(session))
  }

  async #destroy(id: string): Promise<void> {
    await this.#settings.sessions.revoke(this.#known(id))
  }

  async #touch(id: string): Promise<void> {
    await this.#settings.sessions.stored.touch(this.#known(id))
  }

  async #all(): Promise<Record<string, SessionRecord>> {
    const all: Record<string, SessionRecord> = {}
    for await (const page of this.#settings.sessions.scan()) {
      for (const session of page) all[session.id] = this.#recordOf(session)
    }
    return all
  }

  async #length(): Promise<number> {
    let count = 0
    for await (const page of this.#settings.sessions.stored.ids()) count += page.length
    return count
  }

  async #clear(): Promise<void> {
    const { sessions } = this.#settings
    for await (const page of sessions.stored.ids()) {
      await Promise.all(page.map((id) => sessions.revoke(id)))
    }
  }

  #recordOf({ attributes, note, idleTimeout, expiresAt }: StoredSession): SessionRecord {
    const kept = (note as { cookie?: StoredCookie } | undefined)?.cookie
    const cookie = this.#settings.cookies.restoreStored(kept, idleTimeout, expiresAt)
    const shown = [...attributes].filter(([name]) => !(name in CompatSession.prototype))
    return JSON.parse(JSON.stringify({ cookie, ...Object.fromEntries(shown) })) as SessionRecord
  }

  /**
   * @param asked a public id, or a token
   * @throws OptionError where a name of `genid`'s would not be found, which must not look like success
   */
  #known(asked: string): string {
    const { sessions, genid } = this.#settings
    // Who has taken it out of the cookie has the token.
    const id = sessions.stored.idOf(asked) ?? asked
    if (genid === undefined || isSessionId(id)) return id
    throw new OptionError(
      'genid',
      'names sessions for the application only: the store takes `sessions.from(req).id`',
    )
  }
}

/** Of a session object that belongs to no request of ours: one of a socket, or of a script. */
class StoreHome implements Home {
  readonly request: Carrier
  readonly #store: CompatStore
  readonly #report: Home['report']
  readonly #id: string

  constructor(store: CompatStore, request: Carrier, report: Home['report']) {
    this.#store = store
    this.#report = report
    this.request = request
    this.#id = String(request.sessionID)
  }

  idOf(): string {
    return this.#id
  }

  save(session: CompatSession): Promise<void> {
    return this.#store.set(this.#id, session)
  }

  async reload(): Promise<void> {
    const record = await this.#store.get(this.#id)
    if (record === undefined) throw new Error('failed to load session')
    this.#store.createSession(this.request, record)
  }

  async destroy(): Promise<void> {
    delete this.request.session
    await this.#store.destroy(this.#id)
  }

  regenerate(): Promise<void> {
    return this.#store.regenerate(this.request)
  }

  report(operation: string, error: unknown): void {
    this.#report(operation, error)
  }
}

function visitIn(request: object): Visit {
  const visit = visitOf(request)
  if (visit === undefined) throw new TypeError('this request has not come by the middleware')
  return visit
}
