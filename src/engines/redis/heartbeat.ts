/** Asks again and again whether the server is there. One question at a time. */
export class Heartbeat {
  readonly #interval: number
  readonly #ask: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  /** Each start begins another life: what is left of a former one does nothing any more. */
  #life = 0

  /** @param interval milliseconds between an answer and the next question */
  constructor(interval: number, ask: () => Promise<void>) {
    this.#interval = interval
    this.#ask = ask
  }

  start(): void {
    this.stop()
    void this.#beat(this.#life)
  }

  stop(): void {
    this.#life++
    clearTimeout(this.#timer)
  }

  async #beat(life: number): Promise<void> {
    // A failure needs no answer here: what is not confirmed ends by itself.
    await this.#ask().catch(() => undefined)
    if (life !== this.#life) return
    this.#timer = setTimeout(() => void this.#beat(life), this.#interval)
    // A near cache alone keeps no process alive.
    this.#timer.unref()
  }
}
