import type { SessionId, Trail } from './engine.ts'
import type { EventHub } from './events.ts'
import { Generations } from './generations.ts'
import type { Live } from './live.ts'
import { type Meta, withToken } from './meta.ts'
import type { Settings } from './options.ts'
import type { RecordHeader } from './record.ts'
import type { Token } from './token.ts'
import { makeForward, makeSuperseded, SUPERSEDED_FOR } from './trail.ts'

/**
 * What becomes of those who come with the former token: they are led to the successor, or refused at
 * once, as after a login.
 */
export type Rotation = 'forward' | 'supersede'

/** What is forgotten is settled once more, which changes nothing. */
const MOST_SETTLED = 10_000
/** After one that failed, milliseconds: a store that is down is not asked with each request. */
const PAUSE = 1_000
/** Of a session id; the other 22 characters name the session within its partition. */
const TAG_LENGTH = 3

/** What a new token leaves at the former id, and what its first use does to that. */
export class Rotations {
  readonly #settings: Settings
  readonly #events: EventHub
  /** Former ids whose forwards this process has settled. */
  readonly #settled = new Generations<true>({ maxCount: MOST_SETTLED })

  readonly #settling = new Set<Promise<void>>()
  /** By the engine's clock. */
  #pausedUntil = 0
  #isClosing = false

  constructor(settings: Settings, events: EventHub) {
    this.#settings = settings
    this.#events = events
  }

  trail(rotation: Rotation, header: RecordHeader, from: Token, to: Token): Trail {
    const { engine, keyring, rotationPatience, reuseWindow } = this.#settings
    if (rotation === 'supersede') return { record: makeSuperseded(to.id), ttl: SUPERSEDED_FOR }
    const now = Math.floor(engine.now())
    const record = makeForward(keyring, from, to, now + rotationPatience)
    // Of what has ended there is no reuse.
    const longest = Math.max(1, header.deadline - now)
    return { record, ttl: Math.min(Math.max(rotationPatience, reuseWindow), longest) }
  }

  /** The meta that goes along with the new token. */
  meta(rotation: Rotation, meta: Meta, from: Token): Meta {
    const now = Math.floor(this.#settings.engine.now())
    return withToken(meta, now, rotation === 'forward' ? from.id.slice(TAG_LENGTH) : undefined)
  }

  /**
   * Somebody has come with the token of a successor: those who are still under way with the former one
   * have a short time from now on. Once in a process, and again after a failure; nobody waits for it.
   */
  settle(live: Live): void {
    const { former } = live
    if (former === undefined || this.#settings.engine.now() < this.#pausedUntil) return
    live.former = undefined
    if (this.#settled.get(former) === undefined) this.#settle(former, live)
  }

  #settle(former: SessionId, live: Live): void {
    this.#settled.set(former, true)
    const { engine, rotationGrace } = this.#settings
    const until = Math.floor(engine.now()) + rotationGrace
    const settling = engine.settle(former, until).catch((error: unknown) => {
      this.#settled.delete(former)
      // The next request with this token tries again, on whichever node: at the end here it is no fault.
      live.former = former
      this.#pausedUntil = engine.now() + PAUSE
      if (!this.#isClosing) this.#events.emit('error', { operation: 'settle', error })
    })
    this.#settling.add(settling)
    void settling.then(() => this.#settling.delete(settling))
  }

  /** Those under way are waited for. */
  async close(): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#settling)
  }
}
