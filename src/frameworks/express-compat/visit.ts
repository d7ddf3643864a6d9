import type { IncomingMessage } from 'node:http'
import { scopeOf } from '../../core/cookie.ts'
import type { Exchange, SetCookies } from '../../core/exchange.ts'
import type { ResponseExchange } from '../node/response-hook.ts'
import { attributeNames, clear, show, showNews, valuesOf } from './attribute-copies.ts'
import { CallQueue } from './call-queue.ts'
import { CompatSession, type Home } from './session.ts'
import type { SessionCookie } from './session-cookie.ts'
import { FOREIGN, type Held, SessionSlot, UNSEEN } from './session-slot.ts'
import type { Settings } from './settings.ts'
import type { CompatStore } from './store.ts'
import { VisitedSession } from './visited-session.ts'

const NO_COOKIE = { cookie: undefined, secure: false, host: undefined, proxied: false }

/** One request: what express-session's API does in it, in the order of its calls, to the session that it has. */
export class Visit implements ResponseExchange, Home {
  static {
    // It hangs on the request, and the request holds the cookie: whoever logs one must not log the other.
    Object.defineProperty(Visit.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Visit): object {
        return this.#visited.attributes
      },
    })
  }

  readonly #request: IncomingMessage
  readonly #settings: Settings
  readonly #sessionStore: CompatStore
  readonly #slot: SessionSlot
  #visited: VisitedSession
  /** What the application's own `set` is being told of. */
  #telling: { readonly session: CompatSession; readonly explicit: boolean } | undefined
  readonly #queue = new CallQueue()
  accessed = false

  constructor(
    request: IncomingMessage,
    settings: Settings,
    exchange: Exchange<object>,
    sessionStore: CompatStore,
  ) {
    this.#request = request
    this.#sessionStore = sessionStore
    this.#settings = settings
    this.#slot = new SessionSlot(request)
    this.#visited = new VisitedSession(request, settings, exchange, false)
  }

  get request(): IncomingMessage {
    return this.#request
  }

  // What the request's properties are.

  get session(): unknown {
    this.accessed = true
    return this.#slot.get(() => this.#look())
  }

  set session(value: unknown) {
    this.#slot.set(value)
  }

  get id(): unknown {
    this.accessed = true
    return this.#visited.id
  }

  set id(value: unknown) {
    this.#visited.id = value
  }

  // What a session object asks of its request.

  idOf(session: CompatSession): string {
    return this.#slot.formerId(session) ?? (this.#visited.ownId as string)
  }

  save(session: CompatSession): Promise<void> {
    return this.#queue.run(async () => {
      const held = this.#slot.heldBy(session)
      if (held === undefined) return this.#drop(session)
      await this.#write(session, held, true)
      const { attributes } = this.#visited
      if (!attributes.isNew) held.known = showNews(session, held.known, attributes)
    })
  }

  store(session: CompatSession, id: string): Promise<void> | undefined {
    const held = this.#slot.heldBy(session)
    if (held === undefined || id !== this.id) return undefined
    const telling = this.#telling
    if (telling?.session === session) return this.#visited.store(session, held, telling.explicit)
    return this.#queue.run(() => this.#visited.store(session, held, true))
  }

  /** By the application's own `set`, where it has one. */
  async #write(session: CompatSession, held: Held, explicit: boolean): Promise<void> {
    const store = this.#sessionStore
    const { replacedSet } = store
    if (replacedSet === undefined) return this.#visited.store(session, held, explicit)
    this.#telling = { session, explicit }
    this.#visited.isTold = true
    try {
      await new Promise<void>((resolve, reject) => {
        const result: unknown = replacedSet.call(store, this.id as string, session, (error) => {
          // Whatever it is: it goes where the application's errors go.
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors
          if (error) reject(error)
          else resolve()
        })
        if (result instanceof Promise) result.then(() => resolve(), reject)
      })
    } finally {
      this.#telling = undefined
    }
  }

  reload(session: CompatSession): Promise<void> {
    return this.#queue.run(async () => {
      const failure = (): Error => new Error('failed to load session')
      const visited = this.#visited
      const { attributes } = visited
      if (this.#slot.heldBy(session) === undefined || attributes.isNew) throw failure()
      await attributes.refresh()
      if (attributes.isNew) throw failure()
      visited.forgetCookie()
      this.#slot.refresh()
    })
  }

  async destroy(session: CompatSession): Promise<void> {
    if (this.#slot.heldBy(session) === undefined) return
    // At once: who goes on without waiting finds no session.
    this.#slot.leave(this.#visited.ownId as string)
    this.#slot.unset()
    this.#visited.isDestroyed = true
    await this.#queue.run(() => this.#visited.end())
  }

  regenerate(): Promise<void> {
    return this.#queue.run(async () => {
      const id = this.#visited.ownId as string
      try {
        await this.#visited.end()
      } finally {
        // Also where the end of the former is not sure: nobody goes on with it.
        this.#begin(id)
      }
    })
  }

  report(operation: string, error: unknown): void {
    this.#settings.sessions.reportError(operation, error)
  }

  /** A new session in the place of this one, which is left as it is. */
  generate(): void {
    this.#begin(this.#visited.ownId as string)
  }

  /** @param former what the session before was called */
  #begin(former: string): void {
    const { sessions, cookieReader: cookie } = this.#settings
    const before = this.#visited
    this.#slot.leave(former)
    this.#slot.refresh()
    before.exchange.release()
    const exchange = sessions.exchange(this.#request, NO_COOKIE, { cookie }) as Exchange<object>
    this.#visited = new VisitedSession(this.#request, this.#settings, exchange, true)
    if (before.headersSent) this.#visited.deliver()
    if (before.isAbandoned) this.#visited.abandon()
  }

  /** `req.session` becomes one that holds this. */
  replace(data: Readonly<Record<string, unknown>>, cookie: SessionCookie): CompatSession {
    this.#slot.refresh()
    const session = this.#look()
    clear(session)
    show(session, Object.entries(data))
    session.cookie = cookie
    return session
  }

  #look(): CompatSession {
    const visited = this.#visited
    const session = new CompatSession(this, visited.cookie)
    const shown = show(session, valuesOf(visited.attributes))
    if (this.#slot.isFirst && visited.wasStored) visited.original = shown
    this.#slot.put(session, shown)
    visited.onDecided(() => {
      if (visited !== this.#visited) return
      for (const [object, held] of this.#slot.objects) visited.showDecided(object, held)
    })
    return session
  }

  /** Nothing is left that it could be stored in. */
  #drop(session: CompatSession): void {
    this.#settings.sessions.reportDropped(this.idOf(session), attributeNames(session))
  }

  // What the response asks before it goes out.

  get dirty(): boolean {
    if (this.#queue.isBusy) return true
    try {
      return this.#isDirty()
    } catch {
      // What cannot be stored: the commit refuses it, with an error to answer with.
      return true
    }
  }

  #isDirty(): boolean {
    const visited = this.#visited
    const session = this.#slot.present()
    if (session === FOREIGN) return true
    if (session === undefined) return this.#isToDestroy
    if (this.#sessionStore.replacedSet !== undefined && visited.isToTell) return true
    return visited.isDirty(session, session === UNSEEN ? undefined : this.#heldBy(session).known)
  }

  get #isToDestroy(): boolean {
    return this.#settings.unsetDestroys && !this.#visited.isDestroyed
  }

  get failed(): boolean {
    return this.#visited.exchange.failed
  }

  /** As `Exchange.place`: that of a new session's cookie. */
  get place(): string | undefined {
    const { name, cookies } = this.#settings
    // A function of the request's is the application's own, and may be called for sessions only.
    if (cookies.fixed === undefined) return undefined
    const { path, domain } = cookies.fixed
    return name + scopeOf(path || '/', domain)
  }

  get beneath(): object {
    return this.#visited.exchange
  }

  get outOfOrder(): boolean {
    return this.#visited.exchange.outOfOrder
  }

  commit(): Promise<void> {
    // Whoever has asked for that is told how it went.
    if (this.#queue.isBusy) return this.#queue.idle()
    return this.#queue.run(async () => {
      const session = this.#slot.present()
      if (session === FOREIGN) throw replaced()
      if (session === undefined) {
        if (!this.#isToDestroy) return
        this.#visited.isDestroyed = true
        await this.#visited.end()
      } else if (session === UNSEEN && this.#sessionStore.replacedSet === undefined) {
        await this.#visited.storeUnseen()
      } else {
        const seen = session === UNSEEN ? this.#look() : session
        await this.#write(seen, this.#heldBy(seen), false)
      }
    })
  }

  #heldBy(session: CompatSession): Held {
    const held = this.#slot.heldBy(session)
    if (held === undefined) throw replaced()
    return held
  }

  sendHeaders(): SetCookies {
    const visited = this.#visited
    const delivered = visited.deliver()
    let own: string | undefined
    try {
      const session = this.#slot.present()
      if (session !== undefined && session !== FOREIGN) {
        own = visited.cookieHeader(session, delivered)
      }
    } catch {
      // Of a session that was refused: the error handler is answering for it.
    }
    return visited.exchange.withOthers(own)
  }

  release(): void {
    this.#visited.exchange.release()
  }

  abandon(): void {
    this.#visited.abandon()
  }

  afterResponse(onError: (error: unknown) => void): void {
    const session = this.#slot.present()
    if (session !== undefined && session !== FOREIGN) this.#visited.afterResponse(onError)
  }
}

function replaced(): TypeError {
  return new TypeError(
    'req.session was replaced: set its properties, or make a new one with req.session.regenerate',
  )
}
