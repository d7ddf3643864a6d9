import type { Clock } from '../../core/clock.ts'
import { isSojournError, StoreRefusedError } from '../../core/errors.ts'
import type { Catalogue, HistoryEntry } from '../sessions/catalogue.ts'
import { EventRates, placeOf, WINDOW } from './event-rates.ts'
import { RETRY_AFTER } from './server-watch.ts'
import type { EventsState } from './snapshot.ts'

/** Of one question, and how many of them one look asks at most: more happens nowhere for long. */
const AT_ONCE = 1_000
const MOST_PAGES = 2
/** Between two looks whether there is an audit at all, where nothing comes. Milliseconds. */
const KEPT_EVERY = 10_000

export type Hand = (entries: readonly HistoryEntry[], skipped: boolean) => void

/** What the applications write into their audit, as it comes. */
export class EventFollower {
  readonly #catalogue: Catalogue
  readonly #clock: Clock
  readonly #hand: Hand
  readonly #rates = new EventRates()
  #position: string | undefined
  #from: number | undefined
  /** Up to when all is counted or left out, by the server's clock. */
  #readTo = 0
  /** When the last look began and ended, by the server's clock. */
  #looked = { from: 0, to: 0 }
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
    const now = this.#catalogue.now()
    // However long a look has taken: what it has read first is not over by that.
    const at = now - this.#looked.to < WINDOW ? this.#looked.from : now
    return { kept: this.#isKept, ...this.#rates.state(at) }
  }

  async #follow(): Promise<void> {
    // Before the server was asked its time is not known.
    if (this.#from === undefined) {
      await this.#lookWhetherKept()
      this.#from = Math.max(0, Math.floor(this.#catalogue.now()) - WINDOW)
      this.#readTo = this.#from
    }
    const began = this.#catalogue.now()
    const read: HistoryEntry[] = []
    try {
      const isCut = await this.#read(read)
      this.#count(read, this.#catalogue.now(), isCut)
    } catch (error) {
      const last = read.at(-1)
      if (last !== undefined) this.#count(read, placeOf(last), false)
      throw error
    }
    this.#hasLooked = true
    this.#looked = { from: began, to: this.#catalogue.now() }
    if (!this.#isKept && this.#catalogue.now() - this.#keptAt > KEPT_EVERY) {
      await this.#lookWhetherKept()
    }
  }

  /** @returns whether more has come than is read, and is left out */
  async #read(read: HistoryEntry[]): Promise<boolean> {
    const isFirst = !this.#hasLooked
    for (let page = 1; page <= MOST_PAGES; page++) {
      const entries = await this.#next()
      const last = entries.at(-1)
      if (last === undefined) return false
      this.#isKept = true
      this.#position = last.position
      read.push(...entries)
      const isBehind = entries.length === AT_ONCE
      const skips = isBehind && page === MOST_PAGES
      if (skips) this.#skip()
      // What was there before we came has been told already, by whoever has listed it.
      if (!isFirst) this.#hand(entries, skips)
      if (!isBehind) return false
    }
    return true
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

  #count(entries: readonly HistoryEntry[], to: number, isCut: boolean): void {
    const from = this.#readTo
    this.#readTo = Math.max(from, Math.min(to, this.#catalogue.now()))
    if (isCut) this.#rates.addCut(entries, from, this.#readTo)
    else this.#rates.add(entries, from, this.#readTo)
  }
}
