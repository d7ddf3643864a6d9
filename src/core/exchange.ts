import type { CookieProfile, CookieRequest } from './cookie.ts'
import type { SessionId } from './engine.ts'
import { StoreUnavailableError } from './errors.ts'
import type { EventHub } from './events.ts'
import type { Live, Loaded } from './live.ts'
import { checkOutagePolicy, type OutagePolicy } from './outage.ts'
import { withProperties } from './properties.ts'
import type { Repository } from './repository.ts'
import { Session } from './session.ts'
import { cookieEnd, SessionState } from './session-state.ts'
import { parseToken, TOKEN_LENGTH, type Token } from './token.ts'

const SEMICOLON = 59

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
  /** Where the adapter forms the cookie: what it is called. */
  readonly profile?: CookieProfile | undefined
}

/** What an adapter that forms the cookie itself has to put in it. */
export interface Deliverable {
  readonly token: string
  /** Whether the browser's cookie holds it already. */
  readonly isHeld: boolean
}

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
  }

  readonly session: Session<Data>
  readonly #state: SessionState
  readonly #profile: CookieProfile
  /** The token that opened the session, as the browser holds it. */
  readonly #presented: string | undefined
  /** The session as it was opened; while it is the same the browser's cookie is right. */
  readonly #opened: Live | undefined
  /** Whether the answer depends on the session. */
  accessed = false

  constructor(state: SessionState, profile: CookieProfile, presented: string | undefined) {
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

  /** Whether the response has to wait: for a commit, or for operations that are still under way. */
  get dirty(): boolean {
    try {
      return this.#state.busy || this.#state.dirty || this.#state.renewable
    } catch {
      // A value that throws when it is compared: the commit refuses it, with an error to answer with.
      return true
    }
  }

  /** The session's id, or the one that it will have once it is stored. */
  get id(): SessionId {
    return this.#state.reserve().id
  }

  /** Has an empty new session stored too. */
  want(): void {
    this.#state.wanted = true
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
   * @throws HeadersSentError, and as `Session.commit`
   */
  leave(idleTimeout: number): Promise<void> {
    const { note } = this
    const { absoluteTimeout } = this.usual
    const nobody = { name: undefined, level: undefined, kind: undefined, limit: undefined }
    const nowhere = { device: undefined, address: undefined, persistent: false }
    const keep = this.#state.attributes.names()
    return this.#state.login({ ...nobody, ...nowhere, keep, note, idleTimeout, absoluteTimeout })
  }

  /** Whether the application has been told before that a commit failed. */
  get failed(): boolean {
    return this.#state.failed
  }

  /** The session with its attributes as plain properties, made anew at each call. */
  withProperties(): object {
    return withProperties(this.session, this.#state)
  }

  commit(): Promise<void> {
    return this.#state.commit()
  }

  /**
   * Called once, when the headers are about to go out and nothing is dirty any more.
   * @returns the Set-Cookie header, if one is needed
   */
  sendHeaders(): string | undefined {
    const state = this.#state
    const { cookie } = state.repository.settings
    state.headersSent = true
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
      const age = end === undefined ? undefined : end - state.repository.settings.engine.now()
      return cookie.set(this.#profile, token, age)
    }
    // Only this request's own logout clears it. Where someone else has ended or replaced the session
    // the browser may hold a newer cookie by now, and to clear that would sign it out.
    if (this.#presented === undefined || !state.loggedOut) return undefined
    return cookie.clear(this.#profile)
  }

  /**
   * Instead of `sendHeaders`, for an adapter that forms the cookie itself.
   * @returns nothing where there is no session, or its token is not for this client
   */
  deliver(): Deliverable | undefined {
    const state = this.#state
    state.headersSent = true
    if (state.live === undefined || state.concealed) return undefined
    const token = state.live.token.text
    return { token, isHeld: token === this.#presented }
  }

  /** The response is over: the session's signal is not needed any more. */
  release(): void {
    this.#state.release()
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

/**
 * Finds the session of a request. At once, without a promise, where no I/O is needed: there is no
 * cookie with one of our tokens, or its session is at hand.
 * @param options `fresh`: asks the store, whatever is at hand
 */
export function openExchange<Data extends object>(
  repository: Repository,
  events: EventHub,
  request: ExchangeRequest,
  { fresh = false, outage, profile: named }: ExchangeOptions,
): Exchange<Data> | Promise<Exchange<Data>> {
  const { cookie, keyring } = repository.settings
  const profile = named ?? cookie.profile(request)
  const header = request.cookie
  if (header === undefined) {
    return new Exchange<Data>(new SessionState(repository, events, undefined), profile, undefined)
  }
  if (!fresh) {
    const text = tokenAt(header, cookie.first(profile, header))
    const live = text === undefined ? undefined : repository.reader.glance(text)
    if (live !== undefined) {
      if (live.former !== undefined) repository.rotations.settle(live)
      // The same text, but one string is quicker to compare with itself.
      return new Exchange<Data>(
        new SessionState(repository, events, live),
        profile,
        live.token.text,
      )
    }
  }
  const tokens: Token[] = []
  for (const text of cookie.candidates(profile, header)) {
    const token = parseToken(keyring, text)
    if (token === undefined) events.emit('rejected', { id: undefined, reason: 'forged' })
    else tokens.push(token)
  }
  const [token] = tokens
  if (token === undefined) {
    return new Exchange<Data>(new SessionState(repository, events, undefined), profile, undefined)
  }
  const live = fresh ? undefined : repository.reader.atHand(token)
  if (live !== undefined) {
    if (live.former !== undefined) repository.rotations.settle(live)
    return new Exchange<Data>(new SessionState(repository, events, live), profile, token.text)
  }
  const opened = loadFirst(repository, tokens, fresh).then(({ loaded, token }) => {
    if (loaded.status === 'live') {
      const { live } = loaded
      const isForwarded = live.token.id !== token.id
      const state = new SessionState(repository, events, live, undefined, isForwarded)
      if (!isForwarded) {
        repository.rotations.settle(live)
        state.rotationDue = live.rotateAt <= repository.settings.engine.now()
      }
      return new Exchange<Data>(state, profile, token.text)
    }
    const superseded = loaded.keepsCookie === true ? 'superseded' : undefined
    const state = new SessionState(repository, events, undefined, superseded)
    state.lastId = token.id
    return new Exchange<Data>(state, profile, undefined)
  })
  const policy = outage ?? repository.settings.outage
  if (policy === 'fail') return opened
  return opened.catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error
    checkOutagePolicy(policy)
    const state = new SessionState(repository, events, undefined)
    if (policy === 'anonymous') {
      state.unavailable = { token, error }
      events.emit('outage', { id: token.id, policy })
      return new Exchange<Data>(state, profile, undefined)
    }
    // `fresh` wants to know what the store says, and nothing else.
    if (fresh) throw error
    for (const each of tokens) {
      const live = repository.reader.lastKnown(each)
      if (live === undefined) continue
      const cached = new SessionState(repository, events, live)
      cached.cached = true
      events.emit('outage', { id: live.token.id, policy })
      return new Exchange<Data>(cached, profile, each.text)
    }
    throw error
  })
}

/** What stands there, if it has the length of a token; the usual case of `candidates`, without a list. */
function tokenAt(header: string, at: number): string | undefined {
  if (at === -1) return undefined
  const end = at + TOKEN_LENGTH
  if (header.length !== end && header.charCodeAt(end) !== SEMICOLON) return undefined
  return header.slice(at, end)
}

/** A cookie of the same name for another path or domain may stand first: the first that opens counts. */
async function loadFirst(
  repository: Repository,
  tokens: readonly Token[],
  fresh: boolean,
): Promise<{ loaded: Loaded; token: Token }> {
  let last: { loaded: Loaded; token: Token } | undefined
  for (const token of tokens) {
    const loaded = await repository.reader.load(token, fresh)
    if (loaded.status === 'live') return { loaded, token }
    // That one of them was superseded weighs more than that another is unknown.
    if (last === undefined || loaded.keepsCookie === true) last = { loaded, token }
  }
  if (last === undefined) throw new TypeError('no tokens')
  return last
}
