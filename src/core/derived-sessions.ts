import type { SessionId } from './engine.ts'
import { hasNearReads } from './engine-abilities.ts'
import { StoreUnavailableError } from './errors.ts'
import type { EventHub } from './events.ts'
import { Generations } from './generations.ts'
import type { Repository } from './repository.ts'
import { SessionState } from './session-state.ts'
import { deriveToken, type Token } from './token.ts'
import { makeSuperseded, SUPERSEDED_FOR } from './trail.ts'

/**
 * Sessions that are found by the secret of another system, which brings it with each request and makes the
 * new ones. Nothing that is stored leads back to the secret. A session stays under it: one of a principal
 * would have to move to the principal's partition.
 */
export class DerivedSessions {
  readonly #repository: Repository
  readonly #events: EventHub
  readonly #origin: string
  /** To derive one costs more than all else of a read that is answered from near. */
  readonly #tokens: Generations<Token>

  /** Use `Sessions.derived`. */
  constructor(repository: Repository, events: EventHub, origin: string) {
    this.#repository = repository
    this.#events = events
    this.#origin = origin
    const { engine } = repository.settings
    this.#tokens = new Generations({ maxCount: hasNearReads(engine) ? engine.mostHeld : 0 })
  }

  /** The session, if its record is at hand. No I/O. */
  atHand(secret: string): SessionState | undefined {
    const { reader } = this.#repository
    const known = this.#tokens.get(secret)
    const token = known ?? this.#derive(secret)
    const live = (known && reader.glance(known.text)) ?? reader.atHand(token)
    if (live === undefined) return undefined
    if (known === undefined) this.#tokens.set(secret, token)
    return new SessionState(this.#repository, this.#events, live)
  }

  /**
   * The session, or nothing where there is none.
   * @param fresh from the store, whatever is at hand
   * @throws StoreUnavailableError, StoreRefusedError
   */
  async find(secret: string, fresh = false): Promise<SessionState | undefined> {
    const { reader, settings } = this.#repository
    const token = this.#derive(secret)
    try {
      const loaded = await reader.load(token, fresh)
      if (loaded.status === 'none') return undefined
      return new SessionState(this.#repository, this.#events, loaded.live)
    } catch (error) {
      const isAway = error instanceof StoreUnavailableError
      if (!isAway || fresh || settings.outage !== 'serve-cached') throw error
      const live = reader.lastKnown(token)
      if (live === undefined) throw error
      const state = new SessionState(this.#repository, this.#events, live)
      state.cached = true
      this.#events.emit('outage', { id: live.token.id, policy: 'serve-cached' })
      return state
    }
  }

  /**
   * A new session, stored under the secret by its first commit. Where one stands there by then, what is set
   * is set there; where one has lately been ended there, it is dropped.
   */
  begin(secret: string): SessionState {
    const state = new SessionState(this.#repository, this.#events, undefined)
    state.reserve(() => this.#derive(secret))
    return state
  }

  /**
   * Ends the session, on every node. For some minutes no new one can be stored under the secret.
   * @throws StoreUnavailableError, StoreRefusedError, SessionConflictError
   */
  async end(secret: string): Promise<void> {
    const token = this.#derive(secret)
    const state = await this.#toEnd(token)
    state.lastId = token.id
    await state.logout(undefined, { record: makeSuperseded(), ttl: SUPERSEDED_FOR })
  }

  /**
   * Ends the session as `end` does, and leaves nothing there: a new one can be stored at once.
   * @returns what it held, to one of all that take it at a time
   * @throws StoreUnavailableError, StoreRefusedError, SessionConflictError
   */
  async take(secret: string): Promise<ReadonlyMap<string, unknown> | undefined> {
    const loaded = await this.#repository.reader.load(this.#derive(secret), true)
    if (loaded.status === 'none') return undefined
    const destroyed = await this.#repository.destroy(loaded.live)
    return destroyed.status === 'done' ? destroyed.last?.attributes() : undefined
  }

  async #toEnd(token: Token): Promise<SessionState> {
    const { reader } = this.#repository
    try {
      const loaded = await reader.load(token)
      const live = loaded.status === 'live' ? loaded.live : undefined
      return new SessionState(this.#repository, this.#events, live)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      // To end it then is refused, but this node serves it no more.
      const state = new SessionState(this.#repository, this.#events, undefined)
      state.unavailable = { token, error }
      return state
    }
  }

  /** The public id of the session under it, whether there is one or not. No I/O. */
  idOf(secret: string): SessionId {
    return this.#derive(secret).id
  }

  #derive(secret: string): Token {
    return (
      this.#tokens.get(secret) ??
      deriveToken(this.#repository.settings.keyring, this.#origin, secret)
    )
  }
}
