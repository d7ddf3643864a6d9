/**
 * Works on each item of a set, some at a time, and on none twice at once: one that is added while it is worked on is
 * worked on once more.
 */
export class Queue<Item> {
  readonly #atOnce: number
  readonly #work: (item: Item) => Promise<void>
  readonly #waiting = new Set<Item>()
  readonly #busy = new Set<Item>()
  #wakers: { readonly isMet: () => boolean; readonly wake: () => void }[] = []
  #isPaused = false
  #isClosed = false

  /** @param work must not reject */
  constructor(atOnce: number, work: (item: Item) => Promise<void>) {
    this.#atOnce = atOnce
    this.#work = work
  }

  get isIdle(): boolean {
    return this.#waiting.size + this.#busy.size === 0
  }

  add(item: Item): void {
    if (this.#isClosed) return
    this.#waiting.add(item)
    this.#start()
  }

  /** Resolves when there is nothing to do. */
  idle(): Promise<void> {
    return this.#until(() => this.isIdle)
  }

  /** Resolves when fewer than `count` wait. */
  below(count: number): Promise<void> {
    return this.#until(() => this.#waiting.size < count)
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Nothing more is begun until `resume`. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#start()
  }

  /** Nothing more is begun, and what is under work is waited for. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#waiting.clear()
    this.#wake()
    await this.idle()
  }

  #until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve()
    return new Promise((wake) => this.#wakers.push({ isMet, wake }))
  }

  #start(): void {
    if (this.#isPaused) return
    for (const item of this.#waiting) {
      if (this.#busy.size >= this.#atOnce) return
      if (this.#busy.has(item)) continue
      this.#waiting.delete(item)
      this.#busy.add(item)
      void this.#run(item)
    }
  }

  async #run(item: Item): Promise<void> {
    await this.#work(item)
    this.#busy.delete(item)
    this.#start()
    this.#wake()
  }

  #wake(): void {
    const met = this.#wakers.filter(({ isMet }) => isMet())
    if (met.length === 0) return
    this.#wakers = this.#wakers.filter((waker) => !met.includes(waker))
    for (const { wake } of met) wake()
  }
}
