import type { SessionId } from './engine.ts'
import type { EventHub } from './events.ts'
import type { Live } from './live.ts'
import type { Settings } from './options.ts'
import { revokeById } from './revoke.ts'

/** Pause between two looks whether the store takes it by now, milliseconds. */
const PAUSE = 1_000
/** Then the oldest is given up: what has ended at the store in the meantime is not known here. */
const MOST = 10_000
const AT_ONCE = 16

interface Denied {
  /** Only if it is this principal's: who asked for it may not end anybody else's. */
  readonly ownerTag: string | undefined
  /** Until when it can live, milliseconds since the epoch by the engine's clock. */
  readonly deadline: number
  /** Told of when it has ended at last. */
  readonly event: 'logout' | 'revoked'
  readonly principal: string | undefined
}

/**
 * Sessions that were signed out or revoked while the store could not write it down. Whoever asked has an
 * error; this process serves them to nobody any more, and ends them as soon as the store takes it.
 */
export class Denials {
  readonly #settings: Settings
  readonly #events: EventHub
  readonly #denied = new Map<SessionId, Denied>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(settings: Settings, events: EventHub) {
    this.#settings = settings
    this.#events = events
  }

  /** @param asked the id that led there: of before a rotation */
  denies(live: Live, asked: SessionId): boolean {
    return this.#denied.size > 0 && (this.#has(live.token.id, live) || this.#has(asked, live))
  }

  add(id: SessionId, denied: Denied): void {
    this.#denied.set(id, denied)
    if (this.#denied.size > MOST) {
      const [oldest] = this.#denied.keys()
      this.#denied.delete(oldest as SessionId)
      const error = new Error(
        'more sign-outs wait for the store than are kept; the oldest is given up',
      )
      this.#events.emit('error', { operation: 'logout', error })
    }
    this.#wait()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #wait(): void {
    if (this.#isClosed || this.#timer !== undefined || this.#denied.size === 0) return
    this.#timer = setTimeout(() => void this.#sweep(), PAUSE)
    this.#timer.unref()
  }

  /** Asks for one, and for the others when that has gone well. Never rejects. */
  async #sweep(): Promise<void> {
    const waiting = [...this.#denied]
    const now = this.#settings.engine.now()
    try {
      for (let i = 0; i < waiting.length; i += i === 0 ? 1 : AT_ONCE) {
        const some = waiting.slice(i, i === 0 ? 1 : i + AT_ONCE)
        await Promise.all(some.map(([id, denied]) => this.#end(id, denied, now)))
      }
    } catch {
      // Not yet. Who asked for it knows; it is tried for as long as the session could live.
    }
    this.#timer = undefined
    this.#wait()
  }

  async #end(id: SessionId, denied: Denied, now: number): Promise<void> {
    const { ownerTag, deadline, event, principal } = denied
    const ended = now < deadline && (await revokeById(this.#settings.engine, id, { ownerTag }))
    this.#denied.delete(id)
    if (ended === false || ended === undefined) return
    await this.#events.record(event, { id: ended, principal })
  }

  #has(id: SessionId, { header }: Live): boolean {
    const denied = this.#denied.get(id)
    if (denied === undefined) return false
    return denied.ownerTag === undefined || denied.ownerTag === header.ownerTag
  }
}
