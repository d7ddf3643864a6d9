import type { CookieProfile, CookieRequest } from './cookie.ts'
import type { EventHub } from './events.ts'
import type { Loaded, Repository } from './repository.ts'
import { Session } from './session.ts'
import { cookieEnd, SessionState } from './session-state.ts'
import { parseToken, type Token } from './token.ts'

/** What an adapter tells of a request. */
export interface ExchangeRequest extends CookieRequest {
  /** The Cookie header. */
  readonly cookie: string | undefined
}

/**
 * One request and its response: the session found by the cookie, and the cookie to send back. All
 * that an adapter needs; it knows nothing of tokens and records.
 */
export class Exchange<Data extends object> {
  readonly session: Session<Data>
  /** For plain properties; see `withProperties`. */
  readonly state: SessionState
  readonly #profile: CookieProfile
  /** The token that opened the session, as the browser holds it. */
  readonly #presented: string | undefined
  /** Whether the answer depends on the session. */
  accessed = false
  /** When the presented cookie ends; undefined: with the browser's session. */
  readonly #cookieEnd: number | undefined

  constructor(state: SessionState, profile: CookieProfile, presented: string | undefined) {
    this.state = state
    this.session = new Session<Data>(state)
    this.#profile = profile
    this.#presented = presented
    this.#cookieEnd = cookieEnd(state)
  }

  /** Whether the response has to wait: for a commit, or for operations that are still under way. */
  get dirty(): boolean {
    try {
      return this.state.busy || this.state.dirty
    } catch {
      // A value that throws when it is compared: the commit refuses it, with an error to answer with.
      return true
    }
  }

  /** Whether the application has been told before that a commit failed. */
  get failed(): boolean {
    return this.state.failed
  }

  commit(): Promise<void> {
    return this.state.commit()
  }

  /**
   * Called once, when the headers are about to go out and nothing is dirty any more.
   * @returns the Set-Cookie header, if one is needed
   */
  sendHeaders(): string | undefined {
    const { state } = this
    const { cookie } = state.repository.settings
    state.headersSent = true
    const token = state.live?.token.text
    if (token !== undefined) {
      const end = cookieEnd(state)
      // The same token again where "remember me" was switched on or off, or its deadline moved.
      if (token === this.#presented && end === this.#cookieEnd) return undefined
      const age = end === undefined ? undefined : end - state.repository.settings.engine.now()
      return cookie.set(this.#profile, token, age)
    }
    // Only this request's own logout clears it. Where someone else has ended or replaced the session
    // the browser may hold a newer cookie by now, and to clear that would sign it out.
    if (this.#presented === undefined || !state.loggedOut) return undefined
    return cookie.clear(this.#profile)
  }

  /** The client has gone before any headers went out: a new session would be nobody's. */
  abandon(): void {
    this.state.abandoned = true
  }

  /** Renews the idle timeout when it is due. Off the request's path: failures become an event. */
  afterResponse(onError: (error: unknown) => void): void {
    if (this.state.touchDue) this.state.touch().catch(onError)
  }
}

/**
 * Finds the session of a request. Without a cookie that carries one of our tokens there is no I/O
 * and the answer comes at once.
 */
export function openExchange<Data extends object>(
  repository: Repository,
  events: EventHub,
  request: ExchangeRequest,
): Exchange<Data> | Promise<Exchange<Data>> {
  const { cookie, keyring } = repository.settings
  const profile = cookie.profile(request)
  const tokens: Token[] = []
  for (const text of cookie.candidates(profile, request.cookie)) {
    const token = parseToken(keyring, text)
    if (token === undefined) events.emit('rejected', { id: undefined, reason: 'forged' })
    else tokens.push(token)
  }
  if (tokens.length === 0) {
    return new Exchange<Data>(new SessionState(repository, events, undefined), profile, undefined)
  }
  return loadFirst(repository, tokens).then(({ loaded, token }) => {
    if (loaded.status === 'live') {
      const isForwarded = loaded.live.token.id !== token.id
      const state = new SessionState(repository, events, loaded.live, undefined, isForwarded)
      return new Exchange<Data>(state, profile, token.text)
    }
    const superseded = loaded.reason === 'superseded' ? 'superseded' : undefined
    const state = new SessionState(repository, events, undefined, superseded)
    return new Exchange<Data>(state, profile, undefined)
  })
}

/** A cookie of the same name for another path or domain may stand first: the first that opens counts. */
async function loadFirst(
  repository: Repository,
  tokens: readonly Token[],
): Promise<{ loaded: Loaded; token: Token }> {
  let last: { loaded: Loaded; token: Token } | undefined
  for (const token of tokens) {
    const loaded = await repository.load(token)
    if (loaded.status === 'live') return { loaded, token }
    // That one of them was superseded weighs more than that another is unknown.
    if (last === undefined || loaded.reason === 'superseded') last = { loaded, token }
  }
  if (last === undefined) throw new TypeError('no tokens')
  return last
}
