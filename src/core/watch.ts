import type { SessionId, Stamp } from './engine.ts'
import { SessionEndedError } from './errors.ts'
import type { Watcher, Watches } from './watches.ts'

export interface WatchOptions {
  /** Called when another request, on whichever node, has changed the session or given it a new id. */
  readonly onChange?: () => void
}

/**
 * A session under observation: tells when it ends, anywhere and for whatever reason (logout,
 * revocation, eviction, expiry). A rotation does not end it; a login does, for the session goes with it.
 */
export class Watch {
  /**
   * Fires within milliseconds of the end; its `reason` is a `SessionEndedError`. While the store cannot
   * be reached it does not fire: an outage is no sign-out.
   */
  readonly signal: AbortSignal
  readonly #watcher: Watcher
  readonly #leave: () => void

  /** Use `sessions.watch`. */
  constructor(
    watches: Watches,
    id: SessionId,
    stamp: Stamp | undefined,
    options: WatchOptions,
    report: (error: unknown) => void,
  ) {
    const controller = new AbortController()
    this.signal = controller.signal
    this.#watcher = {
      id,
      ended: () => controller.abort(new SessionEndedError('watch')),
      changed: () => {
        try {
          options.onChange?.()
        } catch (error) {
          report(error)
        }
      },
    }
    this.#leave = watches.add(this.#watcher, stamp)
  }

  /** The session's public id; another one after a rotation. */
  get id(): SessionId {
    return this.#watcher.id
  }

  /** Ends the observation; the signal does not fire any more. Idempotent. */
  close(): void {
    this.#leave()
  }
}
