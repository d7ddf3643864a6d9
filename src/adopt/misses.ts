const SUSPICIOUS = 6

/**
 * A wrong `prefix` looks as if all the old sessions had expired: it is told of once, while none has been found. One by
 * one they are `rejected` events.
 */
export class Misses {
  readonly #source: string
  readonly #prefix: string
  #count = 0
  #isOver = false

  constructor(source: string, prefix: string) {
    this.#source = source
    this.#prefix = prefix
  }

  note(isMiss: boolean): void {
    if (this.#isOver) return
    if (isMiss && ++this.#count < SUSPICIOUS) return
    this.#isOver = true
    if (!isMiss) return
    process.emitWarning(
      `adopt (${this.#source}): the old store has had no entry for any cookie so far. Is the prefix ` +
        `${JSON.stringify(this.#prefix)} what stands before the keys there, and is it the right database?`,
      { code: 'SOJOURN_ADOPT_MISSES' },
    )
  }
}
