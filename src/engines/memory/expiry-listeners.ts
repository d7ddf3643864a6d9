import type { Expired } from '../../core/engine-abilities.ts'
import { toBeTold } from '../expiry-yield.ts'

/** As with Redis: after a failure it is told again, each time after twice as long, for about a day. */
const FIRST_PAUSE = 2_000
const LONGEST_PAUSE = 3_600_000
const MOST_FAILURES = 32

interface Listener {
  readonly tell: (session: Expired) => unknown
  readonly failed: (error: unknown) => void
  readonly yields?: (() => boolean) | undefined
}

/** Who wants to know of sessions that expire. */
export class ExpiryListeners {
  readonly #listeners = new Set<Listener>()

  /** @returns a function that ends it */
  add(listener: Listener): () => void {
    const own = { ...listener }
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  clear(): void {
    this.#listeners.clear()
  }

  /** Listeners run after the call that found the session expired: they may call the engine. */
  announce(session: Expired): void {
    for (const listener of toBeTold(this.#listeners)) {
      queueMicrotask(() => void this.#tell(listener, session, 0))
    }
  }

  async #tell(listener: Listener, session: Expired, failures: number): Promise<void> {
    if (!this.#listeners.has(listener)) return
    try {
      await listener.tell(session)
    } catch (error) {
      if (failures === MOST_FAILURES) return listener.failed(error)
      const pause = Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE)
      setTimeout(() => void this.#tell(listener, session, failures + 1), pause).unref()
    }
  }
}
