import type { HistoryEntry } from '../sessions/catalogue.ts'
import type { EventsState } from './snapshot.ts'

/** Over which is counted, milliseconds, and the steps in which it moves on. */
export const WINDOW = 10_000
const STEP = 100
/** The stream's entries may be anybody's. */
const MOST_NAMES = 64

interface Slot {
  /** How much of the step was read. Milliseconds. */
  covered: number
  isCut: boolean
  readonly counts: Map<string, number>
}

/** How often what happens, of the time whose entries were read: what was left out counts neither as time nor as silence. */
export class EventRates {
  readonly #slots = new Map<number, Slot>()

  /**
   * All that came in a time. By their places in the stream, which the server has given: their own times are of the
   * applications' clocks, and what came late would be counted in a time that has been told of already.
   */
  add(entries: readonly HistoryEntry[], from: number, to: number): void {
    const since = to - WINDOW
    this.#cover(Math.max(from, since), to)
    for (const entry of entries) {
      const at = Math.min(placeOf(entry), to)
      // Our idea of the server's time may be a little off.
      if (at >= since) this.#count(entry, Math.max(at, from))
    }
  }

  /** The first that came in a time of which not all is read. */
  addCut(entries: readonly HistoryEntry[], from: number, to: number): void {
    const [first, last] = [entries[0], entries.at(-1)]
    if (first === undefined || last === undefined) return
    const [since, until] = [Math.max(placeOf(first), from), Math.min(placeOf(last), to)]
    // All at once: how many more there are nobody knows.
    if (since >= until) this.add(entries, from, to)
    // To the last's time, without those of that time: some of them are not read.
    else this.add(upTo(entries, until), since, until)
    this.#slotAt(to).isCut = true
  }

  /** @param now by the clock of the places */
  state(now: number): Pick<EventsState, 'about' | 'perSecond'> {
    const sums = new Map<string, number>()
    let covered = 0
    let about = false
    const since = Math.floor((now - WINDOW) / STEP)
    for (const [step, slot] of this.#slots) {
      if (step <= since) {
        this.#slots.delete(step)
        continue
      }
      covered += slot.covered
      about ||= slot.isCut
      for (const [name, count] of slot.counts) sums.set(name, (sums.get(name) ?? 0) + count)
    }
    const perSecond = ([name, count]: [string, number]) => [name, (count * 1_000) / covered]
    return {
      about,
      perSecond: covered === 0 ? undefined : Object.fromEntries([...sums].map(perSecond)),
    }
  }

  #cover(from: number, to: number): void {
    for (let at = from; at < to; ) {
      const end = Math.min(to, (Math.floor(at / STEP) + 1) * STEP)
      this.#slotAt(at).covered += end - at
      at = end
    }
  }

  #count({ event }: HistoryEntry, at: number): void {
    const { counts } = this.#slotAt(at)
    if (!counts.has(event) && counts.size >= MOST_NAMES) return
    counts.set(event, (counts.get(event) ?? 0) + 1)
  }

  #slotAt(at: number): Slot {
    const step = Math.floor(at / STEP)
    const slot = this.#slots.get(step) ?? { covered: 0, isCut: false, counts: new Map() }
    this.#slots.set(step, slot)
    return slot
  }
}

/** When the server has appended it, milliseconds since the epoch. */
export const placeOf = ({ position }: HistoryEntry): number => Number(position.split('-')[0])

const upTo = (entries: readonly HistoryEntry[], end: number): HistoryEntry[] =>
  entries.filter((entry) => placeOf(entry) < end)
