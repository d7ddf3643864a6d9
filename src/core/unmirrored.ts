import type { SessionId } from './engine.ts'
import type { Live } from './live.ts'
import type { Mirror } from './mirror.ts'

/** What of one request's session the old store does not have yet. */
export class Unmirrored {
  readonly #mirror: Mirror
  /** It, or the browser's cookie for it, does not have the session as it is. */
  isDue = false
  #live: Live | undefined
  /** Where that stood before: whoever comes with that id is led on, or refused. */
  #movedFrom: { readonly id: SessionId; readonly isRefused: boolean } | undefined

  constructor(mirror: Mirror) {
    this.#mirror = mirror
  }

  wrote(live: Live | undefined): void {
    this.#live = live
  }

  moved(id: SessionId, isRefused: boolean): void {
    this.#movedFrom = { id, isRefused }
  }

  /** What the work stores is written to the old store too, before whoever waits for it goes on. */
  async around<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      const [live, from] = [this.#live, this.#movedFrom]
      this.#live = undefined
      this.#movedFrom = undefined
      this.isDue = false
      if (live !== undefined) await this.#mirror.write(live, from?.id, from?.isRefused)
    }
  }
}
