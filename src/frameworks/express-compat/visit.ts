import type { IncomingMessage } from 'node:http'
import { SessionEndedError } from '../../core/errors.ts'
import type { Deliverable, Exchange, SetCookies } from '../../core/exchange.ts'
import { principalFrom } from '../../core/principal-from.ts'
import { checkOwnName } from '../../core/private-names.ts'
import type { Session } from '../../core/session.ts'
import { equalValues } from '../../core/values.ts'
import type { ResponseExchange } from '../node/response-hook.ts'
import { attributeNames, clear, show, showNews, valuesOf } from './attribute-copies.ts'
import { CallQueue } from './call-queue.ts'
import { changesOf, type Known, knownAfter } from './json.ts'
import { endOf, isOver, isPromised, newIdleTimeout, noteOf, setNote } from './lifetime.ts'
import { serializeCookie } from './serialize-cookie.ts'
import { CompatSession, type Home } from './session.ts'
import { cookieIn, type SessionCookie } from './session-cookie.ts'
import { FOREIGN, type Held, type Seen, SessionSlot, UNSEEN } from './session-slot.ts'
import type { Settings } from './settings.ts'
import type { CompatStore } from './store.ts'

/** Of the responses that come within so many milliseconds one renews the session. */
const BURST = 100
const NOTHING: Known = new Map()
const NO_COOKIE = { cookie: undefined, secure: false, host: undefined, proxied: false }

/** One request and its session, as express-session's API has it. */
export class Visit implements ResponseExchange, Home {
  static {
    // It hangs on the request, and the request holds the cookie: whoever logs one must not log the other.
    Object.defineProperty(Visit.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Visit): object {
        return this.#exchange.session
      },
    })
  }

  readonly #request: IncomingMessage
  readonly #settings: Settings
  readonly #sessionStore: CompatStore
  #exchange: Exchange<object>
  readonly #slot: SessionSlot
  /** What it held when the request came; of a new session nothing. */
  #original: Known = NOTHING
  /** Whether the request came with it. */
  #wasStored: boolean
  #cookie: SessionCookie | undefined
  /** When it was to end as the application was shown it. */
  #shownEnd: number | undefined
  /** Ended by the application's `destroy`; nothing is left to be done for the option `unset`. */
  #isDestroyed = false
  #isRegenerated = false
  /** Its cookie's time was over when it was to be stored. */
  #isOver = false
  /** A new session without anything in it has been asked for already. */
  #hasWanted = false
  #headersSent = false
  #abandoned = false
  #renews = false
  /** What the application's own `set` is being told of. */
  #telling: { readonly session: CompatSession; readonly explicit: boolean } | undefined
  /** The application's own `set` has been told. */
  #isTold = false
  #givenId: { readonly value: unknown } | undefined
  #name: { readonly value: unknown } | undefined
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
    this.#exchange = exchange
    this.#slot = new SessionSlot(request)
    this.#wasStored = !exchange.session.isNew
  }

  get #attributes(): Session {
    return this.#exchange.session
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
    return this.#givenId === undefined ? this.#ownId : this.#givenId.value
  }

  set id(value: unknown) {
    this.#givenId = { value }
  }

  get #ownId(): unknown {
    if (this.#settings.genid === undefined) return this.#exchange.id
    if (!this.#attributes.isNew) return noteOf(this.#exchange)?.name ?? this.#exchange.id
    this.#name ??= { value: this.#settings.genid(this.#request) }
    return this.#name.value
  }

  // What a session object asks of its request.

  idOf(session: CompatSession): string {
    return this.#slot.formerId(session) ?? (this.#ownId as string)
  }

  save(session: CompatSession): Promise<void> {
    return this.#queue.run(async () => {
      const held = this.#slot.heldBy(session)
      if (held === undefined) return this.#drop(session)
      await this.#write(session, held, true)
      if (!this.#attributes.isNew) held.known = showNews(session, held.known, this.#attributes)
    })
  }

  store(session: CompatSession, id: string): Promise<void> | undefined {
    const held = this.#slot.heldBy(session)
    if (held === undefined || id !== this.id) return undefined
    const telling = this.#telling
    if (telling?.session === session) return this.#store(session, held, telling.explicit)
    return this.#queue.run(() => this.#store(session, held, true))
  }

  /** By the application's own `set`, where it has one. */
  async #write(session: CompatSession, held: Held, explicit: boolean): Promise<void> {
    const store = this.#sessionStore
    const { replacedSet } = store
    if (replacedSet === undefined) return this.#store(session, held, explicit)
    this.#telling = { session, explicit }
    this.#isTold = true
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
      if (this.#slot.heldBy(session) === undefined || this.#attributes.isNew) throw failure()
      await this.#attributes.refresh()
      if (this.#attributes.isNew) throw failure()
      this.#cookie = undefined
      this.#slot.refresh()
    })
  }

  async destroy(session: CompatSession): Promise<void> {
    if (this.#slot.heldBy(session) === undefined) return
    // At once: who goes on without waiting finds no session.
    this.#slot.leave(this.#ownId as string)
    this.#slot.unset()
    this.#isDestroyed = true
    await this.#queue.run(() => this.#attributes.logout())
  }

  regenerate(): Promise<void> {
    return this.#queue.run(async () => {
      const id = this.#ownId as string
      try {
        await this.#attributes.logout()
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
    this.#begin(this.#ownId as string)
  }

  /** @param former what the session before was called */
  #begin(former: string): void {
    const { sessions, cookieReader: cookie } = this.#settings
    this.#slot.leave(former)
    this.#slot.refresh()
    this.#exchange.release()
    this.#exchange = sessions.exchange(this.#request, NO_COOKIE, { cookie }) as Exchange<object>
    if (this.#headersSent) this.#exchange.deliver()
    if (this.#abandoned) this.#exchange.abandon()
    this.#isRegenerated = true
    this.#wasStored = false
    this.#hasWanted = false
    this.#isTold = false
    this.#isOver = false
    this.#isDestroyed = false
    this.#cookie = undefined
    this.#name = undefined
    this.#givenId = undefined
    this.#original = NOTHING
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
    const session = this.#slot.present()
    if (session === FOREIGN) return true
    if (session === undefined) return this.#isToDestroy
    if (this.#isOver || !this.#isStorable) return false
    if (this.#isToWant || this.#exchange.dirty || this.#isToTell) return true
    return session !== UNSEEN && this.#isChanged(session)
  }

  get failed(): boolean {
    return this.#exchange.failed
  }

  commit(): Promise<void> {
    // Whoever has asked for that is told how it went.
    if (this.#queue.isBusy) return this.#queue.idle()
    return this.#queue.run(async () => {
      const session = this.#slot.present()
      if (session === FOREIGN) throw replaced()
      if (session === undefined) {
        if (!this.#isToDestroy) return
        this.#isDestroyed = true
        await this.#attributes.logout()
      } else if (session === UNSEEN && this.#sessionStore.replacedSet === undefined) {
        if (this.#isToWant) this.#want()
        await this.#exchange.commit()
      } else {
        const seen = session === UNSEEN ? this.#look() : session
        await this.#write(seen, this.#heldBy(seen), false)
      }
    })
  }

  sendHeaders(): SetCookies {
    this.#headersSent = true
    const delivered = this.#exchange.deliver()
    let own: string | undefined
    try {
      own = this.#cookieFor(delivered)
    } catch {
      // Of a session that was refused: the error handler is answering for it.
    }
    return this.#exchange.withOthers(own)
  }

  #cookieFor(delivered: Deliverable | undefined): string | undefined {
    const session = this.#slot.present()
    if (session === undefined || session === FOREIGN || !this.#isStorable) return undefined
    if (delivered === undefined && !this.#isOver) return undefined
    const cookie = this.#cookieOf(session)
    const isHeld = delivered?.isHeld ?? this.#wasStored
    if (!this.#isCookieDue(session, cookie, isHeld)) return undefined
    const { isSecure, name, rolling } = this.#settings
    if (cookie.secure && !isSecure(this.#request)) return undefined
    // Its end moves each time that it is sent, and with `rolling` so does the session's.
    cookie.maxAge = cookie.originalMaxAge
    this.#shownEnd = endOf(cookie)
    this.#renews = rolling
    // Of a session that is over the value is of no use to anybody.
    const value = this.#settings.cookieValueOf(delivered?.token ?? this.#exchange.id)
    return serializeCookie(name, value, cookie.data)
  }

  release(): void {
    this.#exchange.release()
  }

  abandon(): void {
    this.#abandoned = true
    this.#exchange.abandon()
  }

  afterResponse(onError: (error: unknown) => void): void {
    const session = this.#slot.present()
    if (session === undefined || session === FOREIGN) return
    const { cookies, renewsAlways } = this.#settings
    if (this.#renews) this.#exchange.afterResponse(onError, 1)
    else if (renewsAlways && cookies.isLasting(noteOf(this.#exchange)?.cookie)) {
      this.#exchange.afterResponse(onError, BURST)
    } else this.#exchange.afterResponse(onError)
  }

  #look(): CompatSession {
    const session = new CompatSession(this, this.#cookieNow())
    const shown = show(session, valuesOf(this.#attributes))
    if (this.#slot.isFirst && this.#wasStored) this.#original = shown
    this.#slot.put(session, shown)
    return session
  }

  #cookieNow(): SessionCookie {
    if (this.#cookie !== undefined) return this.#cookie
    const { cookies } = this.#settings
    const { expiresAt } = this.#attributes
    this.#cookie =
      expiresAt === undefined
        ? cookies.make(this.#request)
        : cookies.restore(
            this.#request,
            noteOf(this.#exchange)?.cookie,
            this.#exchange.idleTimeout,
            expiresAt,
            isPromised(this.#exchange),
          )
    this.#shownEnd = endOf(this.#cookie)
    return this.#cookie
  }

  get #isToDestroy(): boolean {
    return this.#settings.unsetDestroys && !this.#isDestroyed
  }

  /** Whether a new session is to be stored without anything in it. */
  get #isWanted(): boolean {
    // Another may be there, which only nobody can be asked about.
    if (this.#attributes.outage !== undefined) return false
    return this.#settings.saveUninitialized || this.#isRegenerated
  }

  get #isToWant(): boolean {
    if (this.#hasWanted || this.#headersSent || this.#abandoned) return false
    return this.#attributes.isNew && this.#isWanted
  }

  /** With `resave` an application's own `set` is told of unmodified sessions too, once. */
  get #isToTell(): boolean {
    if (this.#isTold || this.#headersSent || this.#sessionStore.replacedSet === undefined)
      return false
    return this.#settings.resave && !this.#attributes.isNew
  }

  /** As with express-session: what is not called by a string is not kept. */
  get #isStorable(): boolean {
    if (this.#givenId !== undefined) return typeof this.#givenId.value === 'string'
    return this.#settings.genid === undefined || typeof this.#ownId === 'string'
  }

  #cookieOf(session: Seen): SessionCookie {
    return (session === UNSEEN ? undefined : cookieIn(session)) ?? this.#cookieNow()
  }

  #heldBy(session: CompatSession): Held {
    const held = this.#slot.heldBy(session)
    if (held === undefined) throw replaced()
    return held
  }

  #isChanged(session: CompatSession): boolean {
    if (changesOf(session, this.#heldBy(session).known) !== undefined) return true
    const cookie = this.#cookieOf(session)
    if (isOver(cookie)) return true
    if (this.#attributes.isNew) return false
    const kept = this.#settings.cookies.keep(cookie, isPromised(this.#exchange))
    if (!equalValues(kept, noteOf(this.#exchange)?.cookie)) return true
    // Neither can be had without a cookie.
    if (this.#headersSent) return false
    if (
      newIdleTimeout(cookie, this.#exchange, this.#settings.cookies) !== undefined ||
      this.#isTouched(cookie)
    )
      return true
    return this.#isOthers(session)
  }

  /** By the application: `touch`, `resetMaxAge`, `maxAge` once more. */
  #isTouched(cookie: SessionCookie): boolean {
    const end = endOf(cookie)
    return end !== undefined && end !== this.#shownEnd
  }

  #principalOf(session: CompatSession): string | undefined {
    const { principal } = this.#settings
    // Whoever has signed in by other means stays.
    if (principal === undefined) return this.#attributes.principal
    return principalFrom(principal(session))
  }

  #isOthers(session: CompatSession): boolean {
    return this.#exchange.isAnothers(this.#principalOf(session))
  }

  async #store(session: CompatSession, held: Held, explicit: boolean): Promise<void> {
    const attributes = this.#attributes
    const cookie = this.#cookieOf(session)
    const changes = changesOf(session, held.known)
    if (isOver(cookie)) {
      this.#isOver = true
      await attributes.logout()
      return
    }
    // Now, while there is somebody to tell.
    serializeCookie(this.#settings.name, '', cookie.data)
    // Of a save that is refused nothing is left to be stored later.
    for (const [name] of changes ?? []) checkOwnName(name)
    for (const [name, value] of changes ?? []) attributes.set(name, value)
    if (changes !== undefined) held.known = knownAfter(held.known, changes)
    const idleTimeout = this.#headersSent
      ? undefined
      : newIdleTimeout(cookie, this.#exchange, this.#settings.cookies)
    this.#takeNote(cookie)
    if (!this.#headersSent && this.#isOthers(session)) {
      const principal = this.#principalOf(session)
      return this.#changePrincipal(principal, idleTimeout ?? this.#exchange.idleTimeout)
    }
    if (idleTimeout !== undefined) attributes.setLifetime({ idleTimeout })
    if (attributes.isNew && (explicit || this.#isWanted)) {
      this.#hasWanted = true
      this.#exchange.want()
    }
    const isToRenew = this.#isTouched(cookie) && !attributes.isNew && !this.#exchange.dirty
    this.#shownEnd = endOf(cookie)
    if (isToRenew) await attributes.touch()
    else await attributes.commit()
  }

  /** A new session that nobody has looked at. */
  #want(): void {
    this.#hasWanted = true
    const cookie = this.#cookieNow()
    this.#isOver = isOver(cookie)
    if (this.#isOver) return
    const idleTimeout = newIdleTimeout(cookie, this.#exchange, this.#settings.cookies)
    if (idleTimeout !== undefined) this.#attributes.setLifetime({ idleTimeout })
    this.#takeNote(cookie)
    this.#exchange.want()
  }

  async #changePrincipal(principal: string | undefined, idleTimeout: number): Promise<void> {
    const device = this.#request.headers['user-agent']
    try {
      if (principal === undefined) await this.#exchange.disown(idleTimeout)
      else await this.#exchange.assign(principal, { device, idleTimeout })
    } catch (error) {
      // Somebody has ended it meanwhile, and nothing brings it back: its changes are dropped, which is told.
      if (!(error instanceof SessionEndedError)) throw error
    }
  }

  #takeNote(cookie: SessionCookie): void {
    const { cookies, genid } = this.#settings
    const name = genid === undefined ? noteOf(this.#exchange)?.name : this.#ownId
    setNote(this.#exchange, cookies.keep(cookie, isPromised(this.#exchange)), name)
  }

  #isCookieDue(session: Seen, { expires }: SessionCookie, isHeld: boolean): boolean {
    const { saveUninitialized, rolling } = this.#settings
    if (isHeld) {
      if (rolling) return true
      return expires !== null && expires !== undefined && this.#isModified(session)
    }
    // The browser has it under a former token.
    if (this.#wasStored) return true
    // Signed in by `login`, of which the attributes tell nothing.
    if (this.#attributes.principal !== undefined) return true
    return saveUninitialized || this.#isRegenerated || this.#isModified(session)
  }

  #isModified(session: Seen): boolean {
    return session !== UNSEEN && changesOf(session, this.#original) !== undefined
  }

  /** Nothing is left that it could be stored in. */
  #drop(session: CompatSession): void {
    this.#settings.sessions.reportDropped(this.idOf(session), attributeNames(session))
  }
}

function replaced(): TypeError {
  return new TypeError(
    'req.session was replaced: set its properties, or make a new one with req.session.regenerate',
  )
}
