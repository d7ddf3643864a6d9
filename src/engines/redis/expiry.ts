import type { Expired, ExpiryEvents } from '../../core/engine-abilities.ts'
import { OptionError } from '../../core/errors.ts'
import { toBeTold } from '../expiry-yield.ts'

export type ExpiryMode = ExpiryEvents['expiry']

/** Where an engine hears of expired sessions. */
export interface ExpirySource {
  add(listener: ExpiryListener): () => void
  close(): void
}

export interface ExpiryListener {
  readonly tell: (session: Expired) => unknown
  readonly failed: (error: unknown) => void
  readonly yields?: (() => boolean) | undefined
}

/** @throws OptionError */
export function checkExpiry(expiry: unknown): ExpiryMode {
  if (expiry === undefined || expiry === 'off') return 'off'
  if (expiry === 'notify' || expiry === 'reliable') return expiry
  throw new OptionError('expiry', "takes 'off', 'notify' or 'reliable'")
}

/** Who listens. Of a series of failures the first one is told. */
export class ExpiryListeners {
  readonly #listeners = new Set<ExpiryListener>()
  #isFailing = false

  get size(): number {
    return this.#listeners.size
  }

  /** Whether those of other instances, if there are any, are to be told rather; also where there is nobody. */
  get yields(): boolean {
    return [...this.#listeners].every(({ yields }) => yields?.() === true)
  }

  /** @returns a function that ends it */
  add(listener: ExpiryListener): () => void {
    const own = { ...listener }
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  clear(): void {
    this.#listeners.clear()
  }

  /**
   * All are told at once, of those who yield only one where there is nobody else. Rejects when one of them has
   * failed.
   */
  async tell(session: Expired): Promise<void> {
    await Promise.all(toBeTold(this.#listeners).map(async ({ tell }) => tell(session)))
  }

  works(): void {
    this.#isFailing = false
  }

  fails(error: unknown): void {
    if (!this.#isFailing) this.report(error)
    this.#isFailing = true
  }

  report(error: unknown): void {
    for (const { failed } of this.#listeners) failed(error)
  }
}
