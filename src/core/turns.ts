import type { SessionId } from './engine.ts'
import { StoreUnavailableError } from './errors.ts'

interface Line<Result> {
  latest: Result | undefined
  readonly waiting: (() => void)[]
}

/**
 * Nobody waits longer, milliseconds: order spares conflicts, and compare-and-set does without it. A
 * validator that itself writes to the session must not wait for its own commit.
 */
const PATIENCE = 250

/**
 * Writers of one session in this process, one after the other: conflicts are then only between
 * processes. Each is given what the one before it has written.
 */
export class Turns<Result> {
  readonly #lines = new Map<SessionId, Line<Result>>()

  async take(
    id: SessionId,
    work: (latest: Result | undefined) => Promise<Result>,
  ): Promise<Result> {
    let line = this.#lines.get(id)
    if (line === undefined) {
      line = { latest: undefined, waiting: [] }
      this.#lines.set(id, line)
    } else {
      await waitIn(line.waiting)
    }
    try {
      line.latest = await work(line.latest)
      this.#next(id, line)
      return line.latest
    } catch (error) {
      // Deadlines must not add up: without a store all try at once, each with its own deadline.
      if (error instanceof StoreUnavailableError) this.#dissolve(id, line)
      else this.#next(id, line)
      throw error
    }
  }

  #next(id: SessionId, line: Line<Result>): void {
    const next = line.waiting.shift()
    if (next !== undefined) next()
    else if (this.#lines.get(id) === line) this.#lines.delete(id)
  }

  #dissolve(id: SessionId, line: Line<Result>): void {
    if (this.#lines.get(id) === line) this.#lines.delete(id)
    for (const next of line.waiting.splice(0)) next()
  }
}

function waitIn(waiting: (() => void)[]): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(go), 1)
      resolve()
    }, PATIENCE)
    waiting.push(go)
  })
}
