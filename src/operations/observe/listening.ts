import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../core/clock.ts'
import { type AttributeReads, type NodeKeys, ReportBook } from './report-book.ts'

/** By then one that reports as it does by default has done so, and then all have. Milliseconds. */
const FIRST = 2_500
const ALL = 5_500

interface Hearing {
  onReport(listener: (text: string) => void, refused: () => void): () => void
}

/** Hears the processes that report, from now on. */
export class Listening {
  readonly #book = new ReportBook(systemClock)
  readonly #since = systemClock.monotonic()
  readonly #end: () => void
  #isRefused = false

  /** @param at where they report */
  constructor(at: Hearing) {
    this.#end = at.onReport(
      (text) => this.#book.add(text),
      () => {
        this.#isRefused = true
      },
    )
  }

  /** What they have read, once all have been heard. */
  async reads(): Promise<AttributeReads | undefined> {
    await this.#all()
    return this.#book.reads()
  }

  /** Which secrets they have, once all have been heard; undefined: they may not be listened to. */
  async keys(): Promise<readonly NodeKeys[] | undefined> {
    await this.#all()
    return this.#isRefused ? undefined : this.#book.keys()
  }

  end(): void {
    this.#end()
  }

  async #all(): Promise<void> {
    await this.#until(FIRST)
    if (this.#book.nodes().length > 0) await this.#until(ALL)
  }

  async #until(listened: number): Promise<void> {
    const left = listened - (systemClock.monotonic() - this.#since)
    if (left > 0 && !this.#isRefused) await sleep(left)
  }
}
