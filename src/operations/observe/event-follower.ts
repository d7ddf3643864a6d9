import type { Clock } from '../../core/clock.ts'
import { isSojournError, StoreRefusedError } from '../../core/errors.ts'
import type { Catalogue, HistoryEntry } from '../sessions/catalogue.ts'
import { RETRY_AFTER } from './server-watch.ts'
import type { EventsState } from './snapshot.ts'

/** Of one question, and how many of them one look asks at most: more happens nowhere for long. */
const AT_ONCE = 1_000
const MOST_PAGES = 2
/** Over which is counted, seconds. */
const WINDOW = 10
/** Of the applications' clocks before the server's, seconds. */
const AHEAD = 5
/** Between two looks whether there is an audit at all, where nothing comes. Milliseconds. */
const KEPT_EVERY = 10_000
/** The stream's entries may be anybody's. */
const MOST_NAMES = 64

export type Hand = (entries: readonly HistoryEntry[], skipped: boolean) => void

/** What the applications write into their audit, as it comes. */
export class EventFollower {
  readonly #catalogue: Catalogue
  readonly #clock: Clock
  readonly #hand: Hand
  /** By the second in which they have happened, and by name. */
  readonly #counts = new Map<number, Map<string, number>>()
  #position: string | undefined
  #from: number | undefined
  #hasLooked = false
  #isKept = false
  #keptAt = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined
  /** By the monotonic clock. */
  #refusedAt = Number.NEGATIVE_INFINITY

  constructor(catalogue: Catalogue, clock: Clock, hand: Hand) {
    this.#catalogue = catalogue
    this.#clock = clock
    this.#hand = hand
  }

  /** One question at a time. Never rejects: without events the rest is seen all the same. */
  follow(): Promise<void> {
    if (this.#clock.monotonic() - this.#refusedAt < RETRY_AFTER) return Promise.resolve()
    this.#asking ??= this.#follow()
      .catch((error: unknown) => {
        if (!isSojournError(error)) throw error
        if (error instanceof StoreRefusedError) this.#refusedAt = this.#clock.monotonic()
      })
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }

  state(): EventsState {
    const sums = new Map<string, number>()
    const since = Math.floor(this.#catalogue.now() / 1_000) - WINDOW
    for (const [second, counts] of this.#counts) {
      if (second <= since) this.#counts.delete(second)
      else for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count)
    }
    return {
      kept: this.#isKept,
      perSecond: Object.fromEntries([...sums].map(([name, count]) => [name, count / WINDOW])),
    }
  }

  async #follow(): Promise<void> {
    // Before the server was asked its time is not known.
    if (this.#from === undefined) {
      await this.#lookWhetherKept()
      this.#from = Math.max(0, Math.floor(this.#catalogue.now()) - WINDOW * 1_000)
    }
    const isFirst = !this.#hasLooked
    for (let page = 1; page <= MOST_PAGES; page++) {
      const entries = await this.#next()
      const last = entries.at(-1)
      if (last === undefined) break
      this.#isKept = true
      this.#position = last.position
      this.#count(entries)
      const isBehind = entries.length === AT_ONCE
      const skips = isBehind && page === MOST_PAGES
      if (skips) this.#skip()
      // What was there before we came has been told already, by whoever has listed it.
      if (!isFirst) this.#hand(entries, skips)
      if (!isBehind) break
    }
    this.#hasLooked = true
    if (!this.#isKept && this.#catalogue.now() - this.#keptAt > KEPT_EVERY) {
      await this.#lookWhetherKept()
    }
  }

  async #next(): Promise<HistoryEntry[]> {
    const after = this.#position
    const place = after === undefined ? { from: this.#from ?? 0 } : { after }
    return this.#catalogue.history({ ...place, count: AT_ONCE })
  }

  /** More comes than is read: what is between is left out, so that what is shown is of now. */
  #skip(): void {
    const now = Math.floor(this.#catalogue.now())
    const at = Number(this.#position?.split('-')[0] ?? 0)
    if (now > at) this.#position = `${now}-0`
  }

  async #lookWhetherKept(): Promise<void> {
    const some = await this.#catalogue.history({ count: 1 })
    this.#isKept = some.length > 0
    this.#keptAt = this.#catalogue.now()
  }

  #count(entries: readonly HistoryEntry[]): void {
    const now = Math.floor(this.#catalogue.now() / 1_000)
    for (const { at, event } of entries) {
      const second = Math.floor(at / 1_000)
      // By a clock that is wrong, or made up.
      if (second <= now - WINDOW || second > now + AHEAD) continue
      const counts = this.#counts.get(second) ?? new Map<string, number>()
      if (!counts.has(event) && counts.size >= MOST_NAMES) continue
      this.#counts.set(second, counts.set(event, (counts.get(event) ?? 0) + 1))
    }
  }
}
