import { LONGEST_LIFETIME } from './duration.ts'
import type { Settings } from './options.ts'

/** Between two attempts, milliseconds. */
const PAUSE = 1_000
/** For an attempt, milliseconds: it may never be answered. The sources' own `timeout`, 1 second by default, comes first. */
const PATIENCE = 30_000
const MOST = 5_000
const AT_ONCE = 16

interface Debt {
  readonly settle: () => Promise<void>
  /** No entry lives longer, milliseconds since the epoch by the engine's clock. */
  readonly until: number
}

/**
 * What an old store has not taken: tried again until it does, as long as the process runs. Without it what was
 * signed out while that store was away would open there again.
 */
export class Arrears {
  readonly #settings: Settings
  readonly #givenUp: (count: number) => void
  readonly #debts = new Map<string, Debt>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  /** What came after the close was called. */
  #late: Promise<unknown> = Promise.resolve()

  /** @param givenUp told of so many that are not tried any more */
  constructor(settings: Settings, givenUp: (count: number) => void) {
    this.#settings = settings
    this.#givenUp = givenUp
  }

  /** @param settle takes the place of what was to be done for this key before */
  add(key: string, settle: () => Promise<void>): void {
    const debt = { settle, until: this.#settings.engine.now() + LONGEST_LIFETIME }
    this.#debts.delete(key)
    this.#debts.set(key, debt)
    if (this.#isClosed) {
      this.#late = Promise.all([this.#late, this.#tryLast(key, debt)])
      return
    }
    if (this.#debts.size > MOST) {
      const [oldest] = this.#debts.keys()
      this.#debts.delete(oldest as string)
      this.#givenUp(1)
    }
    this.#wait()
  }

  /** Tries once more, for nobody knows of them afterwards. What is added from then on is tried once as well. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#sweep()
    await this.#late
    const { size } = this.#debts
    this.#debts.clear()
    if (size > 0) this.#givenUp(size)
  }

  #wait(): void {
    if (this.#isClosed || this.#timer !== undefined || this.#debts.size === 0) return
    this.#timer = setTimeout(() => {
      void this.#sweep().then(() => {
        this.#timer = undefined
        this.#wait()
      })
    }, PAUSE)
    this.#timer.unref()
  }

  /** Never rejects. One alone first: a client may keep each command for a store that is away. */
  async #sweep(): Promise<void> {
    const waiting = [...this.#debts]
    for (let from = 0, to = 1; from < waiting.length; from = to, to += AT_ONCE) {
      const some = waiting.slice(from, to)
      const settled = await Promise.all(some.map(([key, debt]) => this.#try(key, debt)))
      if (!settled.includes(true)) return
    }
  }

  async #tryLast(key: string, debt: Debt): Promise<void> {
    await this.#try(key, debt)
    if (this.#debts.get(key) !== debt) return
    this.#debts.delete(key)
    this.#givenUp(1)
  }

  /** Never rejects, and ends. */
  async #try(key: string, debt: Debt): Promise<boolean> {
    let isSettled = true
    try {
      if (this.#settings.engine.now() < debt.until) await inTime(debt.settle(), this.#isClosed)
    } catch {
      isSettled = false
    }
    // Else another has taken its place meanwhile.
    if (this.#debts.get(key) === debt) {
      this.#debts.delete(key)
      // To the end: one whose server is away does not hold up the others.
      if (!isSettled) this.#debts.set(key, debt)
    }
    return isSettled
  }
}

/**
 * @param isAwaited whether the process is to live until then
 * @throws Error when it takes too long; it may go on then, and be tried again beside itself
 */
async function inTime(work: Promise<void>, isAwaited: boolean): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), PATIENCE)
    if (!isAwaited) timer.unref()
  })
  try {
    await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
