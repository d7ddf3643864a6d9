import { SessionEndedError } from './errors.ts'
import type { Live } from './live.ts'
import type { Watcher, Watches } from './watches.ts'

/** The signal that one request's session has ended, wherever the request's own operations move it. */
export class Ending {
  readonly #watches: Watches
  readonly #controller = new AbortController()
  #watcher: Watcher | undefined
  #leave: (() => void) | undefined
  #released = false

  constructor(watches: Watches) {
    this.#watches = watches
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  follow(live: Live | undefined): void {
    if (live === undefined || this.#released || live.token.id === this.#watcher?.id) return
    this.pause()
    this.#watcher = {
      id: live.token.id,
      ended: () => this.fire(),
      changed: () => undefined,
    }
    this.#leave = this.#watches.add(this.#watcher, live.stamp)
  }

  pause(): void {
    this.#leave?.()
    this.#leave = undefined
    this.#watcher = undefined
  }

  fire(): void {
    this.release()
    this.#controller.abort(new SessionEndedError('signal'))
  }

  /** It will not fire any more. */
  release(): void {
    this.#released = true
    this.pause()
  }
}
