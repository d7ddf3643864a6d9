/** Work on one session, one after the other in the order of the calls. The first begins at once. */
export class CallQueue {
  #running = 0
  #last: Promise<unknown> | undefined

  get isBusy(): boolean {
    return this.#running > 0
  }

  /** Resolves when what is under way now has ended, however. */
  async idle(): Promise<void> {
    await this.#last
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    this.#running++
    const leave = (): void => {
      this.#running--
      if (this.#running === 0) this.#last = undefined
    }
    const result = this.#last === undefined ? work() : this.#last.then(work)
    this.#last = result.then(leave, leave)
    return result
  }
}
