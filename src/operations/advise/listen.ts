import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../core/clock.ts'
import { type AttributeReads, ReportBook } from '../observe/report-book.ts'
import type { Catalogue } from '../sessions/catalogue.ts'

/** By then one that reports as it does by default has done so, and then all have. Milliseconds. */
const FIRST = 2_500
const ALL = 5_500

/** Hears the processes that report, from now on. */
export class Listening {
  readonly #book = new ReportBook(systemClock)
  readonly #since = systemClock.monotonic()
  readonly #end: () => void
  #isRefused = false

  constructor(catalogue: Catalogue) {
    this.#end = catalogue.onReport(
      (text) => this.#book.add(text),
      () => {
        this.#isRefused = true
      },
    )
  }

  /** What they have read, once all have been heard. */
  async reads(): Promise<AttributeReads | undefined> {
    await this.#until(FIRST)
    if (this.#book.nodes().length > 0) await this.#until(ALL)
    return this.#book.reads()
  }

  end(): void {
    this.#end()
  }

  async #until(listened: number): Promise<void> {
    const left = listened - (systemClock.monotonic() - this.#since)
    if (left > 0 && !this.#isRefused) await sleep(left)
  }
}
