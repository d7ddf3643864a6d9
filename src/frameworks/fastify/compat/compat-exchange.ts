import type { FastifyRequest } from 'fastify'
import { HeadersSentError, SessionEndedError } from '../../../core/errors.ts'
import { type Exchange, insideOf, type SetCookies } from '../../../core/exchange.ts'
import { principalFrom } from '../../../core/principal-from.ts'
import type { SessionState } from '../../../core/session-state.ts'
import type { ResponseExchange } from '../../node/response-hook.ts'
import type { Plan } from './options.ts'
import { COOKIE, type Home, keptOf, lifetimeOf, Session } from './session.ts'
import { type CookieOptions, fixedEnd, SessionCookie } from './session-cookie.ts'
import { clearCookie, setCookie } from './set-cookie.ts'
import type { FastifySessionObject } from './types.ts'

/**
 * One request whose session is a plain object: tells Sojourn's own exchange what has changed when the reply is about to
 * go out, and decides on the cookie as @fastify/session does.
 */
export class CompatExchange implements ResponseExchange {
  static {
    // It hangs on the request: whoever prints that must not print the token.
    Object.defineProperty(CompatExchange.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: CompatExchange): object {
        return this.session
      },
    })
  }

  readonly #request: FastifyRequest
  readonly #exchange: Exchange<Record<string, unknown>>
  readonly #state: SessionState
  readonly #cookie: CookieOptions
  readonly #plan: Plan
  readonly #presented: string | undefined
  /** `request.session` as the application sees it; undefined: it has not looked yet. */
  #current: unknown
  #isMaking = false
  #isAbandoned = false
  /** The reply stores the session, and says so by a cookie. */
  #stores = false
  /** Of a session that `regenerate` has stored, and that the reply may still leave to itself. */
  #unclaimed: string | undefined
  /** Someone else has ended the session before `regenerate` did: the browser may hold a newer cookie by now. */
  #isLate = false

  constructor(
    exchange: Exchange<Record<string, unknown>>,
    request: FastifyRequest,
    plan: Plan,
    cookie: CookieOptions = plan.cookie,
  ) {
    this.#exchange = exchange
    const { state, presented } = insideOf(exchange)
    this.#state = state
    this.#presented = presented
    this.#request = request
    this.#plan = plan
    this.#cookie = cookie
  }

  /** `request.session` */
  get value(): unknown {
    this.#exchange.accessed = true
    // What `idGenerator` sees of the session that it names.
    if (this.#isMaking) return {}
    return this.#current === undefined ? this.#make() : this.#current
  }

  set value(value: unknown) {
    this.#current = value ?? null
  }

  #make(): Session {
    this.#isMaking = true
    try {
      const session = new Session(this.#home(), this.#cookie, this.#state.live !== undefined)
      this.#current = session
      this.#state.onDecided = () => this.#showDecided()
      return session
    } finally {
      this.#isMaking = false
    }
  }

  /** Made with the session only: most requests may never look at it. */
  #home(): Home {
    return {
      state: this.#state,
      request: this.#request,
      cookie: this.#cookie,
      idGenerator: this.#plan.idGenerator,
      valueOf: this.#plan.valueOf,
      destroy: (session) => this.#destroy(session),
      regenerate: (next, kept) => this.#regenerate(next, kept),
      save: () => this.#save(),
      reload: () => this.#reload(),
      report: (operation, error) => this.#plan.sessions.reportError(operation, error),
    }
  }

  /** The application has signed in or out by the other API: what the object has changed stays, unless it makes it another's. */
  #showDecided(): void {
    const session = this.#current
    if (!(session instanceof Session) || !Session.inside.isOf(session, this.#state)) return
    Session.inside.showNews(session)
    if (this.#exchange.isAnothers(this.#namedBy(session))) Session.inside.showNews(session, true)
  }

  #namedBy(session: Session): string | undefined {
    const { principal } = this.#plan
    if (principal === undefined) return this.#exchange.session.principal
    return principalFrom(principal(Session.inside.said(session) as FastifySessionObject))
  }

  async #destroy(session: Session): Promise<void> {
    if (this.#current !== session) return
    Session.inside.retire(session, this.#state.reserve())
    try {
      await this.#state.startAnew()
    } finally {
      this.#current = null
    }
  }

  async #regenerate(next: Session, kept: readonly (readonly [string, unknown])[]): Promise<void> {
    // Nobody could be told the new token, and the old one would be gone.
    if (this.#state.headersSent) throw new HeadersSentError('regenerate')
    const before = this.#current
    const id = this.#state.reserve()
    // Else a sign-out that came in between would be undone.
    this.#isLate = !(await this.#state.startAnew())
    if (!this.#isLate) for (const [name, value] of kept) next.set(name, value)
    if (before instanceof Session) Session.inside.retire(before, id)
    this.#current = next
    this.#stores = false
    Session.inside.push(next)
    this.#state.want()
    await this.#store()
    this.#unclaimed = this.#state.live?.token.text
  }

  async #save(): Promise<void> {
    const session = this.value
    if (!(session instanceof Session)) return
    Session.inside.push(session)
    this.#state.want(this.#state.live === undefined)
    const isNothing = !this.#state.dirty
    await this.#store()
    if (isNothing) await this.#state.touch()
    Session.inside.saved(session)
  }

  async #store(): Promise<void> {
    const session = this.#current
    const { principal } = this.#plan
    // A new token has to be told: once the headers are out the next reply does it.
    if (principal === undefined || !(session instanceof Session) || this.#state.headersSent) {
      return this.#exchange.commit()
    }
    // An object of another session says nothing of this one.
    if (!Session.inside.isOf(session, this.#state)) return this.#exchange.commit()
    const named = this.#namedBy(session)
    if (!this.#exchange.isAnothers(named)) return this.#exchange.commit()
    try {
      await this.#handTo(named, session)
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error
    }
    this.#state.want(false)
  }

  /**
   * The session with all its data is this principal's, or nobody's, from now on.
   * @throws SessionEndedError where someone else has ended it meanwhile
   */
  #handTo(principal: string | undefined, { cookie }: Session): Promise<void> {
    const { usual } = this.#exchange
    const { idleTimeout = usual.idleTimeout, deadline } = lifetimeOf(cookie)
    const absoluteTimeout = deadline === undefined ? usual.absoluteTimeout : deadline - Date.now()
    const lifetime = { idleTimeout: Math.min(idleTimeout, absoluteTimeout), absoluteTimeout }
    return principal === undefined
      ? this.#exchange.disown(lifetime.idleTimeout, absoluteTimeout)
      : this.#exchange.assign(principal, lifetime)
  }

  async #reload(): Promise<void> {
    const before = this.#current
    if (!(before instanceof Session)) return
    await this.#state.refresh()
    this.#current = Session.inside.again(before, this.#state.live !== undefined)
  }

  get session(): object {
    return this.#exchange.session
  }

  get accessed(): boolean {
    return this.#exchange.accessed
  }

  get failed(): boolean {
    return this.#exchange.failed
  }

  get outOfOrder(): boolean {
    return this.#exchange.outOfOrder
  }

  get dirty(): boolean {
    try {
      this.#decide()
    } catch {
      // What cannot be written: the commit refuses it, with an error to answer with.
      return true
    }
    return this.#exchange.dirty
  }

  async commit(): Promise<void> {
    const session = this.#decide()
    if (this.#stores) this.#setCookie('', session)
    await this.#store()
  }

  /** Whether the reply stores the session, and what then is to be stored. */
  #decide(): Session | undefined {
    const state = this.#state
    const isLost = this.#isAbandoned || state.headersSent
    if (isLost && state.live === undefined) state.want(false)
    if (this.#current !== undefined && !(this.#current instanceof Session)) return undefined
    const isNew = state.live === undefined
    const { saveUninitialized, rolling, idGenerator } = this.#plan
    let session = this.#current
    // A name of its own, or a cookie of its own: what is stored depends on them.
    const isNeeded = isNew ? idGenerator !== undefined && saveUninitialized : hasOwnCookie(state)
    if (session === undefined && isNeeded) session = this.#make()
    const cookie = session?.cookie ?? this.#usualCookie()
    if (cookie.secure === true && this.#request.protocol !== 'https') return session
    const end = fixedEnd(cookie)
    if (isNew && end !== undefined && end <= Date.now()) return session
    const isModified = session?.isModified() === true
    const isHeld = !isNew && state.live?.token.text === this.#presented
    if (!(isModified || (isHeld ? rolling : saveUninitialized && !this.#isLate))) return session
    // Refused before the reply has a cookie.
    const lifetime = lifetimeOf(cookie)
    this.#stores = true
    if (session !== undefined) Session.inside.push(session)
    else if (isNew && !isLost) state.setLifetime(lifetime)
    if (isNew && !isLost && state.unavailable === undefined) state.want()
    return session
  }

  sendHeaders(): SetCookies {
    this.#state.headersSent = true
    if (this.#exchange.isPassedOver) return undefined
    return this.#exchange.withOthers(this.#cookieNow())
  }

  #cookieNow(): string | undefined {
    const state = this.#state
    if (state.concealed || state.unavailable !== undefined) return undefined
    const session = this.#current
    if (session !== undefined && !(session instanceof Session)) return undefined
    const { live } = state
    const isSaved = session?.isSaved() === true
    if (live !== undefined) {
      const { text } = live.token
      if (this.#exchange.isOutdated) return undefined
      const isOurs = text === this.#presented || text === this.#unclaimed
      if (!isOurs || this.#stores || isSaved) return this.#setCookie(text, session)
      if (text === this.#presented) return undefined
    }
    // Where someone else has ended or replaced it the browser may hold a newer cookie by now.
    if (state.ended || this.#isLate || !this.#plan.reader.isIn(this.#request.raw.headers.cookie))
      return undefined
    return clearCookie(this.#plan.cookieName, this.#cookie)
  }

  #setCookie(token: string, session: Session | undefined): string {
    const { cookieName, cookiePrefix, valueOf } = this.#plan
    return setCookie(
      cookieName,
      cookiePrefix + valueOf(token),
      session?.cookie ?? this.#usualCookie(),
    )
  }

  #usualCookie(): SessionCookie {
    const kept = this.#state.live === undefined ? undefined : keptOf(this.#state)
    return new SessionCookie({ ...this.#cookie, ...kept }, this.#request)
  }

  release(): void {
    this.#exchange.release()
  }

  abandon(): void {
    this.#isAbandoned = true
    this.#exchange.abandon()
  }

  afterResponse(onError: (error: unknown) => void): void {
    // Without `rolling` a session with an age ends when its cookie does, unless it is changed.
    if (this.#plan.rolling || !this.#usualCookie().originalMaxAge)
      this.#exchange.afterResponse(onError)
  }

  toJSON(): Record<string, unknown> {
    return this.#exchange.toJSON()
  }
}

function hasOwnCookie(state: SessionState): boolean {
  return state.attributes.has(COOKIE)
}
