/** What was asked of a store and what came of it. Invariants are checked against this, never from one lucky run. */
import { isSojournError, StoreUnavailableError } from '../../src/core/errors.ts'

export type Outcome =
  /** Acknowledged. */
  | 'ok'
  /** Known not to have been carried out. */
  | 'failed'
  /** Carried out or not: nobody knows. */
  | 'indeterminate'

/** Increments of counters. A plain object, so that it can be sent between processes. */
export interface Increments {
  readonly [counter: string]: Readonly<Record<Outcome, number>>
}

export class History {
  readonly #counters: Record<string, Record<Outcome, number>> = {}
  /** Errors that no caller should ever see. */
  readonly strange: string[] = []

  get increments(): Increments {
    return this.#counters
  }

  /** Runs an increment and notes its outcome. @returns what it resolved to, if it was acknowledged */
  async increment<T>(counter: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const value = await work()
      this.note(counter, 'ok')
      return value
    } catch (error) {
      this.note(counter, this.outcomeOf(error))
      return undefined
    }
  }

  /** Only typed errors tell what has become of it. */
  outcomeOf(error: unknown): Outcome {
    if (error instanceof StoreUnavailableError) {
      return error.indeterminate ? 'indeterminate' : 'failed'
    }
    if (!isSojournError(error)) this.strange.push(String(error))
    return 'failed'
  }

  note(counter: string, outcome: Outcome): void {
    const counts = (this.#counters[counter] ??= { ok: 0, failed: 0, indeterminate: 0 })
    counts[outcome]++
  }
}

export function total(
  increments: readonly Increments[],
  outcome: Outcome,
  counter?: string,
): number {
  let sum = 0
  for (const one of increments) {
    for (const [name, counts] of Object.entries(one)) {
      if (counter === undefined || counter === name) sum += counts[outcome]
    }
  }
  return sum
}

/**
 * I3 and I5: a counter holds every increment that was acknowledged, and none twice: beyond them only
 * those of which nobody knows. @returns what is wrong, empty when nothing is
 */
export function countersThatLie(
  increments: readonly Increments[],
  found: Readonly<Record<string, number>>,
): string[] {
  const problems: string[] = []
  for (const [counter, value] of Object.entries(found)) {
    const least = total(increments, 'ok', counter)
    const most = least + total(increments, 'indeterminate', counter)
    if (value < least) problems.push(`${counter}: ${least - value} of ${least} lost`)
    if (value > most) problems.push(`${counter}: ${value - most} counted twice`)
  }
  return problems
}
