import { type Signal, signal } from '@preact/signals'
import type { SessionSummary, SessionsAnswer } from '../../../src/operations/console/api.ts'
import { asProblem, call, type Problem, queryOf } from './api.ts'

export interface Filter {
  readonly signedIn: string
  readonly idleFor: string
  readonly olderThan: string
  readonly largerThan: string
}

export interface PassState {
  readonly sessions: readonly SessionSummary[]
  readonly problem: Problem | undefined
  readonly busy: boolean
  readonly looked: number
  readonly total: number
  readonly isDone: boolean
  /** As many are shown as the page holds. */
  readonly isFull: boolean
}

/** One `more` ends when so many have been found, or so many pieces looked through. */
const ENOUGH = 100
const PIECES = 20
const MOST = 5_000

/** A pass over all sessions, piece after piece, as far as somebody asks for. */
export class Pass {
  readonly state: Signal<PassState> = signal({
    sessions: [],
    problem: undefined,
    busy: true,
    looked: 0,
    total: 0,
    isDone: false,
    isFull: false,
  })
  readonly #filter: Filter
  readonly #seen = new Set<string>()
  #cursor: string | undefined
  #abort: AbortController | undefined

  constructor(filter: Filter) {
    this.#filter = filter
  }

  async more(): Promise<void> {
    this.#abort?.abort()
    const abort = new AbortController()
    this.#abort = abort
    this.#set({ busy: true, problem: undefined })
    const before = this.state.peek().sessions.length
    try {
      for (let piece = 0; piece < PIECES; piece++) {
        const path = `sessions${queryOf({ ...this.#filter, cursor: this.#cursor })}`
        const answer = await call<SessionsAnswer>(path, { signal: abort.signal })
        if (abort.signal.aborted) return
        this.#take(answer)
        const { sessions, isDone, isFull } = this.state.peek()
        if (isDone || isFull || sessions.length - before >= ENOUGH) break
      }
      this.#set({ busy: false })
    } catch (error) {
      if (!abort.signal.aborted) this.#set({ busy: false, problem: asProblem(error) })
    }
  }

  /** What has been found stays. */
  stop(): void {
    this.#abort?.abort()
    this.#abort = undefined
    if (this.state.peek().busy) this.#set({ busy: false })
  }

  /** A pass may come upon a session twice. */
  #take({ sessions, cursor, looked, total }: SessionsAnswer): void {
    const before = this.state.peek()
    const added = sessions
      .filter(({ id }) => !this.#seen.has(id))
      .slice(0, MOST - before.sessions.length)
    for (const { id } of added) this.#seen.add(id)
    const all = [...before.sessions, ...added]
    this.#cursor = cursor
    this.#set({
      sessions: all,
      looked: before.looked + looked,
      total,
      isDone: cursor === undefined,
      isFull: all.length >= MOST,
    })
  }

  #set(changes: Partial<PassState>): void {
    this.state.value = { ...this.state.peek(), ...changes }
  }
}
