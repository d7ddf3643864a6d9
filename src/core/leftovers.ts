import type { SessionId } from './engine.ts'
import type { EventHub } from './events.ts'
import type { Settings } from './options.ts'

interface Leftover {
  readonly id: SessionId
  readonly ownerTag: string
  /** How long it is tried, milliseconds. */
  readonly patience: number
}

const MOST = 1_000
/** The first pause, milliseconds; each one is twice as long as the one before. */
const FIRST_PAUSE = 1_000
const LONGEST_PATIENCE = 300_000

/**
 * Signed-in sessions whose token was given to nobody: the answer to the login was lost, or the login failed
 * later and could not take it back. They would stand in the principal's list and count for `maxSessions`
 * until their idle timeout, so they are ended as soon as the store answers again.
 */
export class Leftovers {
  readonly #settings: Settings
  readonly #events: EventHub
  readonly #timers = new Map<Leftover, NodeJS.Timeout>()
  #isClosed = false

  constructor(settings: Settings, events: EventHub) {
    this.#settings = settings
    this.#events = events
  }

  /** @param idleTimeout after which it is gone by itself, milliseconds */
  end(id: SessionId, ownerTag: string, idleTimeout: number, error: unknown): void {
    const leftover = { id, ownerTag, patience: Math.min(idleTimeout, LONGEST_PATIENCE) }
    if (this.#timers.size < MOST) this.#wait(leftover, FIRST_PAUSE, error)
    else this.#events.emit('error', { operation: 'login', error })
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** @param error of the last try; without one there was nothing to end */
  #wait(leftover: Leftover, pause: number, error?: unknown): void {
    if (this.#isClosed) return
    // The pauses of before have been almost as long as this one.
    if (pause * 2 - FIRST_PAUSE > leftover.patience) {
      this.#timers.delete(leftover)
      if (error !== undefined) this.#events.emit('error', { operation: 'login', error })
      return
    }
    const timer = setTimeout(() => void this.#try(leftover, pause * 2), pause)
    timer.unref()
    this.#timers.set(leftover, timer)
  }

  async #try(leftover: Leftover, nextPause: number): Promise<void> {
    const { id, ownerTag } = leftover
    try {
      const { status } = await this.#settings.engine.destroy(id, { ownerTag })
      // One that is not there may come yet: its command can still be on its way.
      if (status === 'gone') this.#wait(leftover, nextPause)
      else this.#timers.delete(leftover)
    } catch (error) {
      this.#wait(leftover, nextPause, error)
    }
  }
}
