import { SessionEndedError, StoreUnavailableError } from './errors.ts'
import type { EventHub } from './events.ts'
import type { Live } from './live.ts'
import { asProperties, Session } from './session.ts'
import { SessionState } from './session-state.ts'
import type { Token } from './token.ts'
import type { Watcher } from './watches.ts'

export interface EventOptions {
  /**
   * Whether the event counts as the user's activity and renews the idle timeout, when that is due. False for
   * what a page sends by itself. What changes the session renews it in either case.
   */
  readonly touch?: boolean
}

/**
 * A connection that outlives its handshake, and the session that it was let in with. It goes along with
 * rotations. A login and a step-up end it, as they refuse the token that it was let in with.
 */
export class Attachment<Data extends object> {
  readonly #handshake: SessionState
  readonly #events: EventHub
  readonly #controller = new AbortController()
  /** For signals of the sessions that `view` has given. */
  #closing: AbortController | undefined
  #isClosed = false
  readonly #isOfNobody: boolean
  /** As last read here, for its token; absent: nobody's, or ended. */
  #live: Live | undefined
  #watcher: Watcher | undefined
  #leave: (() => void) | undefined

  /** Use `sessions.attach`. */
  constructor(handshake: SessionState, events: EventHub) {
    this.#handshake = handshake
    this.#events = events
    const { live } = handshake
    this.#live = live
    this.#isOfNobody = live === undefined
    if (live === undefined) return
    this.#watcher = {
      id: live.token.id,
      ended: () => this.#end(),
      changed: () => this.#follow(),
    }
    this.#leave = handshake.repository.watches.add(this.#watcher, live.stamp)
  }

  /** Fires within milliseconds when the session ends anywhere; not after `close`. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /**
   * Runs the work of one event on the session as it is now, and stores what it has changed. Begins in the
   * same tick when the session is at hand. Work that throws stores nothing, but what it has stored itself.
   * `login`, `stepUp`, `rotate` and `setLifetime` are refused: no cookie can be set.
   * @returns what the work returns, once it is stored
   * @throws SessionEndedError, also when the session ends meanwhile and a change is lost; HeadersSentError;
   * and as `session.commit`
   */
  async run<Result>(
    work: (session: Session<Data>) => Result | Promise<Result>,
    { touch = true }: EventOptions = {},
  ): Promise<Result> {
    const opened = this.#open()
    const state = opened instanceof Promise ? await opened : opened
    try {
      const result = await work(new Session<Data>(state))
      const isDirty = state.dirty
      const wasLive = state.live !== undefined
      // Busy: with operations that the work has not waited for.
      if (isDirty || state.busy) await state.commit()
      if (isDirty && wasLive && state.live === undefined) throw new SessionEndedError('event')
      if (touch) this.#touch(state)
      return result
    } finally {
      state.release()
    }
  }

  /**
   * For frameworks that do not say when the work of an event is over: the session as it is now, with its attributes
   * as plain properties. What is changed is stored right after; failures are `error` events (`event`).
   * @throws SessionEndedError; StoreUnavailableError, StoreRefusedError
   */
  async view({ touch = true }: EventOptions = {}): Promise<object> {
    const state = await this.#open()
    const report = (error: unknown): void =>
      this.#events.emit('error', { operation: 'event', error })
    state.handOver(report, (this.#closing ??= new AbortController()))
    if (this.#isClosed) state.release()
    if (touch) this.#touch(state)
    return asProperties(new Session<Data>(state), state)
  }

  /** The connection is closed. Idempotent. Work that is under way is finished, and stored. */
  close(): void {
    this.#leave?.()
    this.#leave = undefined
    this.#handshake.release()
    this.#isClosed = true
    this.#closing?.abort()
  }

  #touch(state: SessionState): void {
    if (!state.touchDue) return
    state
      .touch()
      .catch((error: unknown) => this.#events.emit('error', { operation: 'touch', error }))
  }

  #open(): SessionState | Promise<SessionState> {
    const live = this.#live
    if (live === undefined) {
      if (!this.#isOfNobody) throw new SessionEndedError('event')
      return this.#view(undefined)
    }
    const { reader, settings } = this.#handshake.repository
    const near = reader.standing(live.token)
    if (near !== undefined) return this.#view(near)
    return this.#load(live.token).then(
      (loaded) => this.#view(loaded),
      (error: unknown) => {
        if (!(error instanceof StoreUnavailableError) || settings.outage !== 'serve-cached') {
          throw error
        }
        const known = reader.lastKnown(live.token)
        if (known === undefined) throw error
        this.#events.emit('outage', { id: known.token.id, policy: settings.outage })
        const state = this.#view(known)
        state.cached = true
        return state
      },
    )
  }

  #view(live: Live | undefined): SessionState {
    const state = new SessionState(this.#handshake.repository, this.#events, live)
    state.headersSent = true
    state.conceal()
    // Until the socket is made anew: the login or step-up that would put an end to it ends this one.
    state.anomaly = this.#handshake.anomaly
    return state
  }

  /** Past a forward whose time is over: this holder was let in before. */
  async #load(token: Token): Promise<Live> {
    const { reader, denials } = this.#handshake.repository
    const loaded = await reader.reload(token, false)
    if (loaded.status === 'none' || denials.denies(loaded.live, token.id)) {
      this.#end()
      throw new SessionEndedError('event')
    }
    // A slower answer must not lead back.
    if (this.#live?.token === token) this.#live = loaded.live
    return loaded.live
  }

  /** At once after a rotation: the forward is not kept for as long as a connection may be silent. */
  #follow(): void {
    const live = this.#live
    if (live === undefined || this.#watcher?.id === live.token.id) return
    // What cannot be read now is read with the next event.
    this.#load(live.token).catch(() => undefined)
  }

  #end(): void {
    if (this.#live === undefined) return
    this.#live = undefined
    const isOpen = this.#leave !== undefined
    this.close()
    if (isOpen) this.#controller.abort(new SessionEndedError('signal'))
  }
}
