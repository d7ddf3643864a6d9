import { type Signal, signal } from '@preact/signals'
import type { EventsAnswer, HistoryEntry, LiveEvents } from '../../../src/operations/console/api.ts'
import { asProblem, call, type Problem, queryOf } from './api.ts'
import { now } from './clock.ts'

export const MOST_EVENTS = 1_000
/** While paused: more are counted, and not kept. */
const MOST_WAITING = 1_000
/** Of 500 each: what is older than the list is long is not asked for. */
const PAGES = 20

export interface EventsState {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[]
  /** Have come in while paused. */
  readonly waiting: number
  /** Were never sent, or had to make room before they were seen. */
  readonly dropped: number
  /** Whether still more came, which nobody has counted. */
  readonly skipped: boolean
  readonly isLoading: boolean
  readonly problem: Problem | undefined
}

/** The latest events, as they come in; never more than the page can hold. */
export class EventList {
  readonly state: Signal<EventsState> = signal({
    entries: [],
    waiting: 0,
    dropped: 0,
    skipped: false,
    isLoading: true,
    problem: undefined,
  })
  #isPaused = false
  #waiting: HistoryEntry[] = []

  take({ entries, dropped, skipped }: LiveEvents): void {
    const former = this.state.peek()
    const before = { ...former, skipped: former.skipped || skipped }
    if (this.#isPaused) {
      const all = [...this.#waiting, ...entries]
      this.#waiting = all.slice(-MOST_WAITING)
      const lost = all.length - this.#waiting.length
      this.state.value = {
        ...before,
        waiting: before.waiting + entries.length,
        dropped: before.dropped + dropped + lost,
      }
      return
    }
    this.state.value = {
      ...before,
      entries: merged(before.entries, entries),
      dropped: before.dropped + dropped,
    }
  }

  pause(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return
    this.#isPaused = isPaused
    if (isPaused) return
    const before = this.state.peek()
    this.state.value = { ...before, entries: merged(before.entries, this.#waiting), waiting: 0 }
    this.#waiting = []
  }

  /** What happened before: page after page, until now is reached or the list is full. */
  async earlier(since: number, abort: AbortSignal): Promise<void> {
    this.#set({ isLoading: true, problem: undefined })
    try {
      let after: string | undefined
      const from = String(now.peek() - since)
      for (let page = 0; page < PAGES; page++) {
        const query = queryOf(after === undefined ? { from } : { after })
        const answer = await call<EventsAnswer>(`events${query}`, { signal: abort })
        if (abort.aborted) return
        const { entries } = this.state.peek()
        this.#set({ entries: merged(entries, answer.entries) })
        if (!answer.more || answer.position === undefined) break
        after = answer.position
      }
      this.#set({ isLoading: false })
    } catch (error) {
      if (!abort.aborted) this.#set({ isLoading: false, problem: asProblem(error) })
    }
  }

  clear(): void {
    this.#waiting = []
    this.#set({ entries: [], waiting: 0, dropped: 0, skipped: false })
  }

  #set(changes: Partial<EventsState>): void {
    this.state.value = { ...this.state.peek(), ...changes }
  }
}

/** Newest first, each once. */
function merged(entries: readonly HistoryEntry[], added: readonly HistoryEntry[]): HistoryEntry[] {
  if (added.length === 0) return [...entries]
  const newest = added.toReversed()
  const first = entries[0]
  const oldestAdded = newest.at(-1)
  // Live ones follow what is there: the usual case, without looking at each.
  if (first === undefined || (oldestAdded && isAfter(oldestAdded, first))) {
    return [...newest, ...entries].slice(0, MOST_EVENTS)
  }
  const all = new Map<string, HistoryEntry>()
  for (const entry of [...entries, ...newest]) all.set(entry.position, entry)
  return [...all.values()].sort((a, b) => (isAfter(a, b) ? -1 : 1)).slice(0, MOST_EVENTS)
}

function isAfter(a: HistoryEntry, b: HistoryEntry): boolean {
  const [x = 0, i = 0] = a.position.split('-').map(Number)
  const [y = 0, j = 0] = b.position.split('-').map(Number)
  return x === y ? i > j : x > y
}
