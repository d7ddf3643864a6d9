import type { SessionId } from '../core/engine.ts'

/** Who wants to be told of which session. */
export class Watchers {
  readonly #listeners = new Map<SessionId, Set<{ readonly tell: () => void }>>()

  /** @returns a function that ends it */
  add(id: SessionId, listener: () => void): () => void {
    const listeners = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, listeners)
    const watcher = { tell: listener }
    listeners.add(watcher)
    return () => {
      listeners.delete(watcher)
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id)
    }
  }

  notify(id: SessionId): void {
    const listeners = this.#listeners.get(id)
    if (listeners === undefined) return
    for (const { tell } of [...listeners]) tell()
  }

  /** @param isMeant of whom; without it: of all */
  notifyAll(isMeant: (id: SessionId) => boolean = () => true): void {
    for (const id of [...this.#listeners.keys()]) if (isMeant(id)) this.notify(id)
  }
}
