/** As shells have it: 128 and the signal's number. */
const EXIT_CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 }

/** Told by a signal to stop. Another one ends the process at once. */
export class Stop {
  readonly #abort = new AbortController()
  by: NodeJS.Signals | undefined
  readonly #told = (by: NodeJS.Signals): void => this.now(by)

  constructor() {
    process.on('SIGINT', this.#told)
    process.on('SIGTERM', this.#told)
  }

  /** Where it was told to. */
  get exitCode(): number | undefined {
    return this.by === undefined ? undefined : EXIT_CODES[this.by]
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  now(by: NodeJS.Signals): void {
    this.by = by
    this.close()
    this.#abort.abort()
  }

  close(): void {
    process.off('SIGINT', this.#told)
    process.off('SIGTERM', this.#told)
  }
}
