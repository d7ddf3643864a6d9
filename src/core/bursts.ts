/** Runs work in the order in which it came: so much at once, then a pause, however much there is. */
export class Bursts {
  readonly #size: number
  readonly #pause: number
  readonly #waiting = new Set<() => void>()
  /** Of this burst. */
  #left: number

  /** @param pause milliseconds from the beginning of one burst to that of the next */
  constructor(size: number, pause: number) {
    this.#size = size
    this.#pause = pause
    this.#left = size
  }

  /** Never at once. What waits already does not wait twice. @param work must not throw */
  add(work: () => void): void {
    this.#waiting.add(work)
    queueMicrotask(() => this.#run())
  }

  delete(work: () => void): void {
    this.#waiting.delete(work)
  }

  #run(): void {
    for (const work of this.#waiting) {
      if (this.#left === 0) return
      if (this.#left === this.#size) setTimeout(() => this.#next(), this.#pause).unref()
      this.#left--
      this.#waiting.delete(work)
      work()
    }
  }

  #next(): void {
    this.#left = this.#size
    this.#run()
  }
}
