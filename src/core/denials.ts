import type { SessionId } from './engine.ts'
import type { EventHub } from './events.ts'
import type { Live } from './live.ts'
import type { Settings } from './options.ts'
import { revokeById } from './revoke.ts'

/** Pause between two attempts to make them good, milliseconds. */
const PAUSE = 1_000
/** Of those who asked by a session's id, which may be anything: then the oldest of them is given up. */
const MOST_ASKED = 1_000
/** Of sessions that were known. */
const MOST_KNOWN = 10_000
const AT_ONCE = 16
/** After so many failures the others have to wait for the next attempt: the store is away. */
const MOST_FAILURES = 32

export interface Denied {
  readonly id: SessionId
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
  readonly #denied: (id: SessionId) => void
  /** By id and owner: one who asks for another's session changes nothing about what that one has asked. */
  readonly #known = new Map<string, Denied>()
  readonly #asked = new Map<string, Denied>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param denied told of each that is added */
  constructor(settings: Settings, events: EventHub, denied: (id: SessionId) => void) {
    this.#settings = settings
    this.#events = events
    this.#denied = denied
  }

  /** @param asked the id that led there: of before a rotation */
  denies(live: Live, asked: SessionId): boolean {
    if (this.#known.size + this.#asked.size === 0) return false
    const { token, former, header } = live
    return [token.id, asked, former].some((id) => id !== undefined && this.has(id, header.ownerTag))
  }

  /** @param ownerTag whose the session is */
  has(id: SessionId, ownerTag: string | undefined): boolean {
    if (this.#known.size + this.#asked.size === 0) return false
    const keys = [keyOf(id, ownerTag), keyOf(id, undefined)]
    return keys.some((key) => this.#known.has(key) || this.#asked.has(key))
  }

  /** A session that this process has known, or that somebody has named by its id. */
  add(denied: Denied, isKnown: boolean): void {
    const all = isKnown ? this.#known : this.#asked
    all.set(keyOf(denied.id, denied.ownerTag), denied)
    if (all.size > (isKnown ? MOST_KNOWN : MOST_ASKED)) {
      const [oldest] = all.keys()
      all.delete(oldest as string)
      const error = new Error(
        'more sign-outs wait for the store than are kept: the oldest is given up',
      )
      this.#events.emit('error', { operation: 'logout', error })
    }
    this.#denied(denied.id)
    this.#wait()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #wait(): void {
    if (this.#isClosed || this.#timer !== undefined) return
    if (this.#known.size + this.#asked.size === 0) return
    this.#timer = setTimeout(() => void this.#sweep(), PAUSE)
    this.#timer.unref()
  }

  async #sweep(): Promise<void> {
    await this.#endAll(this.#known)
    await this.#endAll(this.#asked)
    this.#timer = undefined
    this.#wait()
  }

  /** Never rejects. Those that fail go to the end: one whose server is away does not hold up the others. */
  async #endAll(all: Map<string, Denied>): Promise<void> {
    const waiting = [...all]
    let failures = 0
    for (let i = 0; i < waiting.length; i += AT_ONCE) {
      const some = waiting.slice(i, i + AT_ONCE)
      const ended = await Promise.allSettled(some.map(([, denied]) => this.#end(denied)))
      for (const [n, [key, denied]] of some.entries()) {
        all.delete(key)
        if (ended[n]?.status === 'fulfilled') continue
        failures++
        all.set(key, denied)
      }
      if (failures >= MOST_FAILURES) return
    }
  }

  async #end({ id, ownerTag, deadline, event, principal }: Denied): Promise<void> {
    const { engine } = this.#settings
    if (engine.now() >= deadline) return
    const ended = await revokeById(engine, id, { ownerTag, reason: event })
    if (ended !== undefined) await this.#events.record(event, { id: ended, principal })
  }
}

function keyOf(id: SessionId, ownerTag: string | undefined): string {
  return `${id} ${ownerTag ?? ''}`
}
