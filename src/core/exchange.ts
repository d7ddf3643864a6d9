import type { CookieProfile, CookieRequest } from './cookie.ts'
import type { EventHub } from './events.ts'
import type { Loaded, Repository } from './repository.ts'
import { Session } from './session.ts'
import { cookieAge, SessionState } from './session-state.ts'
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
  readonly #age: number | undefined

  constructor(state: SessionState, profile: CookieProfile, presented: string | undefined) {
    this.state = state
    this.session = new Session<Data>(state)
    this.#profile = profile
    this.#presented = presented
    this.#age = cookieAge(state)
  }

  /** Whether the response has to wait for a commit. */
  get dirty(): boolean {
    return this.state.dirty
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
      const age = cookieAge(state)
      // The same token again where "remember me" was switched on or off.
      const ageChanged = (age === undefined) !== (this.#age === undefined)
      if (token === this.#presented && !ageChanged) return undefined
      return cookie.set(this.#profile, token, age)
    }
    // A login elsewhere has replaced the cookie already: to clear it now would sign out the new session.
    if (this.#presented === undefined || state.ended === 'superseded') return undefined
    return cookie.clear(this.#profile)
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
      const state = new SessionState(repository, events, loaded.live)
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
