import type { Adoption } from './adoption.ts'
import { Attachment } from './attachment.ts'
import { changedSince } from './binding.ts'
import type { CookieProfile, CookieReader, CookieRequest } from './cookie.ts'
import type { SessionId } from './engine.ts'
import type { EventHub } from './events.ts'
import type { Live } from './live.ts'
import { type LoginOptions, loginPlan } from './login-options.ts'
import { principalOf } from './meta.ts'
import type { OutagePolicy } from './outage.ts'
import { asProperties, Session } from './session.ts'
import { cookieEnd, type SessionState } from './session-state.ts'

const NO_COOKIES: readonly string[] = []

/** What an adapter tells of a request. Read once, or not at all: getters may do the work when asked. */
export interface ExchangeRequest extends CookieRequest {
  /** The Cookie header. */
  readonly cookie: string | undefined
}

export interface ExchangeOptions {
  /** Asks the store, whatever is at hand. */
  readonly fresh?: boolean
  /** Instead of that of `createSessions`. */
  readonly outage?: OutagePolicy | undefined
  /** Finds the token instead of the cookie of `createSessions`. Who gives it sets its own cookie too. */
  readonly cookie?: CookieReader | undefined
}

/** Set-Cookie headers. */
export type SetCookies = string | readonly string[] | undefined

/** What an adapter that forms the cookie itself has to put in it. */
export interface Deliverable {
  readonly token: string
  /** Whether the browser's cookie holds it already. */
  readonly isHeld: boolean
}

/** For adapters that keep a cookie of their own: what an exchange does not show. */
export interface ExchangeInside {
  readonly state: SessionState
  /** The token that opened the session, as the browser holds it. */
  readonly presented: string | undefined
}

/** A function, so that no member of an exchange leads to the token. */
export let insideOf: (exchange: object) => ExchangeInside

/**
 * One request and its response: the session found by the cookie, and the cookie to send back. All
 * that an adapter needs; it knows nothing of tokens and records.
 */
export class Exchange<Data extends object> {
  static {
    // It hangs on the request, and whoever logs that must not log the token: nor is there a member that
    // leads to it, for those who print what an object has and not what it says of itself.
    Object.defineProperty(Exchange.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Exchange<object>): object {
        return this.session
      },
    })
    insideOf = (exchange) => {
      const of = exchange as Exchange<object>
      return { state: of.#state, presented: of.#presented }
    }
  }

  readonly session: Session<Data>
  readonly #state: SessionState
  readonly #profile: CookieProfile
  /** The token that opened the session, as the browser holds it. */
  readonly #presented: string | undefined
  /** The session as it was opened; while it is the same the browser's cookie is right. */
  readonly #opened: Live | undefined
  /** The Cookie header, where another system's cookies matter. */
  readonly #header: string | undefined
  /** Another system's cookie has led to the session, and the browser has none of ours. */
  readonly #isLed: boolean

  constructor(
    state: SessionState,
    profile: CookieProfile,
    presented: string | undefined,
    header?: string,
    isLed = false,
  ) {
    this.#header = header
    this.#isLed = isLed
    this.#state = state
    this.session = new Session<Data>(state)
    this.#profile = profile
    this.#presented = presented
    this.#opened = state.live
  }

  /** @param request what the framework hands out for it */
  belongsTo(request: object): void {
    this.#state.request = request
  }

  /** What of a signed-in client is not as it was at the login. Throws what the application's function throws. */
  get changed(): readonly string[] {
    const { live, request, repository } = this.#state
    const { binding, pepper } = repository.settings
    if (binding === undefined || live?.header.ownerTag === undefined) return []
    return changedSince(binding, pepper, request, live.meta)
  }

  /** Told of a session that the store did not tell of at first. A promise: it is nobody's for this request, once that is done. */
  onFound(listener: () => Promise<void> | undefined): void {
    this.#state.onFound = listener
  }

  /** Until the next login or step-up its principal counts as not authenticated. */
  doubt(changed: readonly string[]): void {
    this.#state.anomaly = changed
  }

  /** Of the session that was found. */
  get found(): { readonly id: SessionId; readonly principal: string | undefined } | undefined {
    const { live } = this.#state
    return live && { id: live.token.id, principal: principalOf(live.meta) }
  }

  /** Of the cookie: its name, path and domain. Of two in one place the browser keeps the later one. */
  get place(): string {
    const { name, suffix } = this.#profile
    return name + suffix.slice(0, suffix.indexOf('; HttpOnly'))
  }

  /** Whether the answer depends on the session: it has been asked for, or something of it has been looked at. */
  get accessed(): boolean {
    return this.#state.used
  }

  set accessed(isAccessed: boolean) {
    this.#state.used = isAccessed
  }

  /** What the outage policy has made of the request. */
  get outage(): Session['outage'] {
    return this.#state.outage
  }

  /** Whether the application has something in its hands that lasts as long as the response's body. */
  get lasting(): boolean {
    return this.#state.lasting
  }

  /** Whether the response has to wait: for a commit, or for operations that are still under way. */
  get dirty(): boolean {
    try {
      const state = this.#state
      return state.busy || state.dirty || state.renewable || state.mirrorDue
    } catch {
      // A value that throws when it is compared: the commit refuses it, with an error to answer with.
      return true
    }
  }

  /** The session's id, or the one that it will have once it is stored. */
  get id(): SessionId {
    return this.#state.reserve().id
  }

  /** A new session is to be stored with the next commit though nothing has been set. */
  want(): void {
    this.#state.want()
  }

  /** Of the session, or of those that are made now, milliseconds. */
  get idleTimeout(): number {
    return this.#state.live?.header.idleTimeout ?? this.usual.idleTimeout
  }

  /** Of sessions that are made now, milliseconds. */
  get usual(): { readonly idleTimeout: number; readonly absoluteTimeout: number } {
    return this.#state.repository.settings
  }

  /**
   * What the adapter keeps with the session beside its attributes: of the kinds that attributes have. Stored with
   * the next commit; a new session is not stored for it alone.
   */
  get note(): unknown {
    return this.#state.note
  }

  set note(value: unknown) {
    this.#state.note = value
  }

  /**
   * Who was signed in has left: a new token and nobody's session, with all attributes. The former is refused
   * at once.
   * @throws HeadersSentError, SessionEndedError where it has ended meanwhile, and as `Session.commit`
   */
  disown(idleTimeout: number, absoluteTimeout: number = this.usual.absoluteTimeout): Promise<void> {
    const { note } = this
    const nobody = { name: undefined, level: undefined, kind: undefined, limit: undefined }
    const nowhere = { device: undefined, address: undefined, persistent: false }
    const lasting = { idleTimeout, absoluteTimeout }
    return this.#state.login({
      ...nobody,
      ...nowhere,
      ...lasting,
      keep: 'all',
      note,
      follows: true,
    })
  }

  /**
   * As `Session.login`, where nobody has authenticated just now: the session's data say whose it is, and all attributes
   * go along.
   * @throws as `Session.login`, and SessionEndedError where the session has ended meanwhile
   */
  assign(principal: string, options: LoginOptions<object>): Promise<void> {
    const { repository, note } = this.#state
    const plan = loginPlan(repository.settings, principal, options, note)
    const isKnown = this.#owner === principal
    // It is no sign-in, and no session more.
    const limit = isKnown ? undefined : plan.limit
    return this.#state.login({ ...plan, limit, keep: 'all', follows: true, isKnown })
  }

  /** Whose session it is by what is stored of it, and by the rule of `Sessions.ownedBy`. */
  get #owner(): string | undefined {
    const { live, repository } = this.#state
    return live && repository.ownerOf?.(live.attributes())
  }

  /**
   * Whether its data, which name this principal or nobody, make it another's than it is: then `assign` or `disown` is
   * due. What this request has not changed says nothing of who has signed in by other means; and one that somebody has
   * ended is nobody's any more.
   */
  isAnothers(named: string | undefined): boolean {
    const { principal } = this.session
    if (this.ended || named === principal) return false
    return principal === undefined || named !== this.#owner
  }

  /** Whether someone else has ended or replaced the session: what this request changes is dropped. */
  get ended(): boolean {
    return this.#state.ended
  }

  /**
   * Instead of a commit: a new token too, the former refused at once. What someone else has ended meanwhile is not
   * brought back, and what this request has changed is dropped.
   * @throws HeadersSentError, and as `Session.commit`
   */
  replaceToken(): Promise<void> {
    return this.#state.replaceToken()
  }

  /** Whether the application has been told before that a commit failed. */
  get failed(): boolean {
    return this.#state.failed
  }

  /** Whether one has failed because the store is out of order: another second the same may do. */
  get outOfOrder(): boolean {
    return this.#state.outOfOrder
  }

  /** The session with its attributes as plain properties, made anew at each call. */
  withProperties(): object {
    return asProperties(this.session, this.#state)
  }

  commit(): Promise<void> {
    return this.#state.commit()
  }

  /** By the store's clock, milliseconds since the epoch. */
  now(): number {
    return this.#state.repository.settings.engine.now()
  }

  /** Of the session that this was, or that the request's token named. */
  get lastId(): SessionId | undefined {
    return this.#state.lastId
  }

  /**
   * As `Session.logout`, but at once: from now on this is nobody's session, and what is set makes a new
   * one. The commit ends the former one, and fails if it cannot.
   */
  leave(): void {
    this.#state.leave()
  }

  /**
   * Called once, when the headers are about to go out and nothing is dirty any more.
   * @returns the Set-Cookie header, if one is needed; several while another system's cookie is kept or cleared too
   */
  sendHeaders(): SetCookies {
    if (this.isPassedOver) {
      this.#state.headersSent = true
      return undefined
    }
    return this.withOthers(this.sendOwn())
  }

  /**
   * Of two that came with the old cookie one may have signed in, and its answer gone out first: to that browser the
   * token of before must not be sent. Where this is not known the old cookie leads here once more.
   */
  get isPassedOver(): boolean {
    const { live, repository } = this.#state
    return this.#isLed && live !== undefined && !repository.reader.mayStand(live.token)
  }

  /**
   * For adapters that send the browser's cookie again though nothing has been stored. A parallel request may have
   * replaced it, and its answer gone out first. Where this is not known it is sent.
   */
  get isOutdated(): boolean {
    const { live, repository } = this.#state
    if (live === undefined || live !== this.#opened || this.#presented === undefined) return false
    return live.token.text === this.#presented && repository.reader.hasGone(this.#presented)
  }

  /** Instead of `sendHeaders`, for an adapter that only asks whether our cookie is to be sent. */
  sendOwn(): string | undefined {
    this.#state.headersSent = true
    return this.#cookie()
  }

  /**
   * For adapters that form the cookie themselves.
   * @param own the Set-Cookie header of ours, if it is set or cleared
   * @returns it, and those of another system's cookies that are kept or cleared
   */
  withOthers(own: string | undefined): SetCookies {
    const { adoption } = this.#state.repository
    if (adoption === undefined) return own
    const others = this.#legacyCookies(adoption, own !== undefined)
    if (others.length === 0) return own
    return own === undefined ? others : [own, ...others]
  }

  /** Ours. */
  #cookie(): string | undefined {
    const state = this.#state
    const { cookie } = state.repository.settings
    const { live } = state
    if (live !== undefined) {
      if (state.concealed) return undefined
      const token = live.token.text
      const isHeld = token === this.#presented
      if (isHeld && live === this.#opened) return undefined
      const end = cookieEnd(state, live)
      // The same token again where "remember me" was switched on or off, or its deadline moved.
      if (isHeld && this.#opened !== undefined && end === cookieEnd(state, this.#opened))
        return undefined
      return cookie.set(this.#profile, token, maxAge(state, end))
    }
    // Only this request's own logout clears it. Where someone else has ended or replaced the session
    // the browser may hold a newer cookie by now, and to clear that would sign it out.
    if (this.#presented === undefined || !state.loggedOut) return undefined
    return cookie.clear(this.#profile)
  }

  /**
   * Instead of `sendHeaders`, for an adapter that forms the cookie itself. What it sends goes through `withOthers`.
   * @returns nothing where there is no session, or its token is not for this client
   */
  deliver(): Deliverable | undefined {
    const state = this.#state
    state.headersSent = true
    if (state.live === undefined || state.concealed || this.isPassedOver) return undefined
    const token = state.live.token.text
    return { token, isHeld: token === this.#presented }
  }

  /** `Session.refresh`, which is no use of the session by the application. */
  refresh(): Promise<void> {
    return this.#state.refresh()
  }

  /**
   * For adapters that are not told when a response's body ends. From now on what the application changes is
   * stored right after, without a commit: at the end of the turn's synchronous part.
   * @param onError told when that fails; what could not be stored is tried again with the next change
   * @param client asked for its signal where the session's is asked for only now: that ends with the client
   */
  handOver(
    onError: (error: unknown) => void,
    client: { readonly signal: AbortSignal | undefined },
  ): void {
    this.#state.handOver(onError, client)
  }

  /** @param isSet whether ours is set or cleared */
  #legacyCookies({ sources, mirror }: Adoption, isSet: boolean): readonly string[] {
    const state = this.#state
    const { live } = state
    if (live !== undefined && mirror !== undefined) {
      const { id } = live.token
      if (state.concealed || (!isSet && mirror.isHeld(this.#header, id))) return NO_COOKIES
      return mirror.cookies(live)
    }
    if (live === undefined ? !state.loggedOut : !isSet) return NO_COOKIES
    // Under our own name stands ours.
    return sources
      .filter(({ cookieName }) => cookieName !== this.#profile.name)
      .filter(({ cookieName }) => this.#header?.includes(`${cookieName}=`))
      .filter(({ old }) => live === undefined || old === 'delete')
      .flatMap((source) => source.clear())
  }

  /** The response is over: the session's signal is not needed any more. */
  release(): void {
    this.#state.release()
  }

  /** For a connection that goes on after this request. */
  attach(events: EventHub): Attachment<Data> {
    return new Attachment<Data>(this.#state, events)
  }

  /** The client has gone before any headers went out: a new session would be nobody's. */
  abandon(): void {
    this.#state.abandoned = true
  }

  /**
   * Renews the idle timeout when it is due. Off the request's path: failures become an event.
   * @param gain when it gives the session so many milliseconds, instead of what `touchAfter` says
   */
  afterResponse(onError: (error: unknown) => void, gain?: number): void {
    const isDue = gain === undefined ? this.#state.touchDue : this.#state.gains(gain)
    if (isDue) this.#state.touch().catch(onError)
  }

  /** What `JSON.stringify` shows of a request that it hangs on: the session's attributes. */
  toJSON(): Record<string, unknown> {
    return this.session.toJSON()
  }
}

function maxAge(state: SessionState, end: number | undefined): number | undefined {
  return end === undefined ? undefined : end - state.repository.settings.engine.now()
}
