import type { IncomingMessage } from 'node:http'
import { SessionEndedError } from '../../core/errors.ts'
import { type Deliverable, type Exchange, insideOf } from '../../core/exchange.ts'
import { principalFrom, saidBy } from '../../core/principal-from.ts'
import { checkOwnName } from '../../core/private-names.ts'
import type { Session } from '../../core/session.ts'
import { equalValues } from '../../core/values.ts'
import { clear, show, showNews, shownOf, valuesOf } from './attribute-copies.ts'
import { changesOf, type Known, knownAfter } from './json.ts'
import { endOf, isOver, isPromised, newIdleTimeout, noteOf, setNote } from './lifetime.ts'
import { serializeCookie } from './serialize-cookie.ts'
import type { CompatSession } from './session.ts'
import { cookieIn, type SessionCookie } from './session-cookie.ts'
import { type Held, type Seen, UNSEEN } from './session-slot.ts'
import type { Settings } from './settings.ts'

/** Of the responses that come within so many milliseconds one renews the session. */
const BURST = 100
const NOTHING: Known = new Map()

/**
 * One session of a request, until `regenerate` puts another in its place: its id and its cookie as express-session has
 * them, and when what the application's object holds is stored.
 */
export class VisitedSession {
  readonly exchange: Exchange<object>
  readonly #request: IncomingMessage
  readonly #settings: Settings
  readonly #isRegenerated: boolean
  /** Whether the request came with it. */
  readonly wasStored: boolean
  /** What it held when the request came; of a new session nothing. */
  original: Known = NOTHING
  #cookie: SessionCookie | undefined
  /** When it was to end as the application was shown it. */
  #shownEnd: number | undefined
  #givenId: { readonly value: unknown } | undefined
  #name: { readonly value: unknown } | undefined
  /** Its cookie's time was over when it was to be stored. */
  #isOver = false
  /** A new session without anything in it has been asked for already. */
  #hasWanted = false
  #renews = false
  /** Ended by the application's `destroy`; nothing is left to be done for the option `unset`. */
  isDestroyed = false
  /** The application's own `set` has been told. */
  isTold = false
  headersSent = false
  isAbandoned = false

  /** @param isRegenerated the request has had another before */
  constructor(
    request: IncomingMessage,
    settings: Settings,
    exchange: Exchange<object>,
    isRegenerated: boolean,
  ) {
    this.#request = request
    this.#settings = settings
    this.exchange = exchange
    this.#isRegenerated = isRegenerated
    this.wasStored = !exchange.session.isNew
  }

  get attributes(): Session {
    return this.exchange.session
  }

  /** `req.sessionID` */
  get id(): unknown {
    return this.#givenId === undefined ? this.ownId : this.#givenId.value
  }

  set id(value: unknown) {
    this.#givenId = { value }
  }

  get ownId(): unknown {
    if (this.#settings.genid === undefined) return this.exchange.id
    if (!this.attributes.isNew) return noteOf(this.exchange)?.name ?? this.exchange.id
    this.#name ??= { value: this.#settings.genid(this.#request) }
    return this.#name.value
  }

  /** As with express-session: what is not called by a string is not kept. */
  get #isStorable(): boolean {
    if (this.#givenId !== undefined) return typeof this.#givenId.value === 'string'
    return this.#settings.genid === undefined || typeof this.ownId === 'string'
  }

  // Its cookie.

  /** As it is stored, or as the options say. */
  get cookie(): SessionCookie {
    if (this.#cookie !== undefined) return this.#cookie
    const { cookies } = this.#settings
    const { expiresAt } = this.attributes
    this.#cookie =
      expiresAt === undefined
        ? cookies.make(this.#request)
        : cookies.restore(
            this.#request,
            noteOf(this.exchange)?.cookie,
            this.exchange.idleTimeout,
            expiresAt,
            isPromised(this.exchange),
          )
    this.#shownEnd = endOf(this.#cookie)
    return this.#cookie
  }

  /** It has been read anew. */
  forgetCookie(): void {
    this.#cookie = undefined
  }

  #cookieOf(session: Seen): SessionCookie {
    return (session === UNSEEN ? undefined : cookieIn(session)) ?? this.cookie
  }

  /** By the application: `touch`, `resetMaxAge`, `maxAge` once more. */
  #isTouched(cookie: SessionCookie): boolean {
    const end = endOf(cookie)
    return end !== undefined && end !== this.#shownEnd
  }

  #takeNote(cookie: SessionCookie): void {
    const { cookies, genid } = this.#settings
    const name = genid === undefined ? noteOf(this.exchange)?.name : this.ownId
    setNote(this.exchange, cookies.keep(cookie, isPromised(this.exchange)), name)
  }

  // Whether and how it is stored.

  /** @param known what `session` was when it was last the same as what is stored; nothing where nobody has looked */
  isDirty(session: Seen, known: Known | undefined): boolean {
    if (this.#isOver || !this.#isStorable) return false
    if (this.#isToWant || this.exchange.dirty) return true
    return session !== UNSEEN && known !== undefined && this.#isChanged(session, known)
  }

  #isChanged(session: CompatSession, known: Known): boolean {
    if (changesOf(session, known) !== undefined) return true
    const cookie = this.#cookieOf(session)
    if (isOver(cookie)) return true
    if (this.attributes.isNew) return false
    const kept = this.#settings.cookies.keep(cookie, isPromised(this.exchange))
    if (!equalValues(kept, noteOf(this.exchange)?.cookie)) return true
    // Neither can be had without a cookie.
    if (this.headersSent) return false
    if (
      newIdleTimeout(cookie, this.exchange, this.#settings.cookies) !== undefined ||
      this.#isTouched(cookie)
    )
      return true
    return this.exchange.isAnothers(this.#principalOf(session, known))
  }

  /** With `resave` an application's own `set` is told of unmodified sessions too, once. */
  get isToTell(): boolean {
    if (this.isTold || this.headersSent || this.#isOver || !this.#isStorable) return false
    return this.#settings.resave && !this.attributes.isNew
  }

  /** @param explicit the application has asked for it, so that a new session is stored without anything in it too */
  async store(session: CompatSession, held: Held, explicit: boolean): Promise<void> {
    const { attributes, exchange } = this
    const cookie = this.#cookieOf(session)
    const changes = changesOf(session, held.known)
    if (isOver(cookie)) {
      this.#isOver = true
      await this.end()
      return
    }
    // Now, while there is somebody to tell.
    serializeCookie(this.#settings.name, '', cookie.data)
    // Of a save that is refused nothing is left to be stored later.
    for (const [name] of changes ?? []) checkOwnName(name)
    for (const [name, value] of changes ?? []) attributes.set(name, value)
    if (changes !== undefined) held.known = knownAfter(held.known, changes)
    const idleTimeout = this.headersSent
      ? undefined
      : newIdleTimeout(cookie, exchange, this.#settings.cookies)
    this.#takeNote(cookie)
    if (!this.headersSent) {
      const principal = this.#principalOf(session, held.known)
      if (exchange.isAnothers(principal)) {
        return this.#changePrincipal(principal, idleTimeout ?? exchange.idleTimeout)
      }
    }
    if (idleTimeout !== undefined) attributes.setLifetime({ idleTimeout })
    if (attributes.isNew && (explicit || this.#isWanted)) {
      this.#hasWanted = true
      exchange.want()
    }
    const isToRenew = this.#isTouched(cookie) && !attributes.isNew && !exchange.dirty
    this.#shownEnd = endOf(cookie)
    if (isToRenew) await attributes.touch()
    else await attributes.commit()
  }

  /** Where nobody has looked at it. */
  async storeUnseen(): Promise<void> {
    if (this.#isToWant) this.#want()
    await this.exchange.commit()
  }

  #want(): void {
    this.#hasWanted = true
    const { cookie } = this
    this.#isOver = isOver(cookie)
    if (this.#isOver) return
    const idleTimeout = newIdleTimeout(cookie, this.exchange, this.#settings.cookies)
    if (idleTimeout !== undefined) this.attributes.setLifetime({ idleTimeout })
    this.#takeNote(cookie)
    this.exchange.want()
  }

  /** Whether a new session is to be stored without anything in it. */
  get #isWanted(): boolean {
    // Another may be there, which only nobody can be asked about.
    if (this.attributes.outage !== undefined) return false
    return this.#settings.saveUninitialized || this.#isRegenerated
  }

  get #isToWant(): boolean {
    if (this.#hasWanted || this.headersSent || this.isAbandoned) return false
    return this.attributes.isNew && this.#isWanted
  }

  /** @param known with all that the object has changed */
  #principalOf(session: CompatSession, known: Known): string | undefined {
    const { principal } = this.#settings
    // Whoever has signed in by other means stays.
    if (principal === undefined) return this.attributes.principal
    return principalFrom(principal(saidBy(session, known, shownOf(this.attributes))))
  }

  async #changePrincipal(principal: string | undefined, idleTimeout: number): Promise<void> {
    const device = this.#request.headers['user-agent']
    try {
      if (principal === undefined) await this.exchange.disown(idleTimeout)
      else await this.exchange.assign(principal, { device, idleTimeout })
    } catch (error) {
      // Somebody has ended it meanwhile, and nothing brings it back: its changes are dropped, which is told.
      if (!(error instanceof SessionEndedError)) throw error
    }
  }

  /** Not as the application's own sign-out: its objects go on showing what they held. */
  async end(): Promise<void> {
    await insideOf(this.exchange).state.logout()
  }

  /** @param tell called when the application has signed in or out by the other API */
  onDecided(tell: () => void): void {
    insideOf(this.exchange).state.onDecided = tell
  }

  /** The object shows what the session is now, and what it has changed itself, unless that makes it another's. */
  showDecided(session: CompatSession, held: Held): void {
    held.known = showNews(session, held.known, this.attributes)
    if (!this.exchange.isAnothers(this.#principalOf(session, held.known))) return
    clear(session)
    held.known = show(session, valuesOf(this.attributes))
  }

  // The response.

  deliver(): Deliverable | undefined {
    this.headersSent = true
    return this.exchange.deliver()
  }

  abandon(): void {
    this.isAbandoned = true
    this.exchange.abandon()
  }

  /** @returns the Set-Cookie header, if one is due */
  cookieHeader(session: Seen, delivered: Deliverable | undefined): string | undefined {
    if (!this.#isStorable) return undefined
    if (delivered === undefined && !this.#isOver) return undefined
    const cookie = this.#cookieOf(session)
    const isHeld = delivered?.isHeld ?? this.wasStored
    if (!this.#isCookieDue(session, cookie, isHeld)) return undefined
    const { isSecure, name, rolling } = this.#settings
    if (cookie.secure && !isSecure(this.#request)) return undefined
    // Its end moves each time that it is sent, and with `rolling` so does the session's.
    cookie.maxAge = cookie.originalMaxAge
    this.#shownEnd = endOf(cookie)
    this.#renews = rolling
    // Of a session that is over the value is of no use to anybody.
    const value = this.#settings.cookieValueOf(delivered?.token ?? this.exchange.id)
    return serializeCookie(name, value, cookie.data)
  }

  #isCookieDue(session: Seen, { expires }: SessionCookie, isHeld: boolean): boolean {
    const { saveUninitialized, rolling } = this.#settings
    if (isHeld) {
      if (rolling) return !this.exchange.isOutdated
      return expires !== null && expires !== undefined && this.#isModified(session)
    }
    // The browser has it under a former token.
    if (this.wasStored) return true
    // Signed in by `login`, of which the attributes tell nothing.
    if (this.attributes.principal !== undefined) return true
    return saveUninitialized || this.#isRegenerated || this.#isModified(session)
  }

  #isModified(session: Seen): boolean {
    return session !== UNSEEN && changesOf(session, this.original) !== undefined
  }

  afterResponse(onError: (error: unknown) => void): void {
    const { cookies, renewsAlways } = this.#settings
    if (this.#renews) this.exchange.afterResponse(onError, 1)
    else if (renewsAlways && cookies.isLasting(noteOf(this.exchange)?.cookie)) {
      this.exchange.afterResponse(onError, BURST)
    } else this.exchange.afterResponse(onError)
  }
}
