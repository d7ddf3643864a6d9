import type { Clock } from '../../core/clock.ts'

/** One armed deadline. Opaque to callers. */
export interface Deadline {
  readonly at: number
  expire: (() => void) | undefined
  next: Deadline | undefined
}

/**
 * Deadlines that all have the same duration, so the oldest is always the next to pass: a queue and
 * one timer instead of a timer for each command.
 */
export class Deadlines {
  readonly #duration: number
  readonly #clock: Clock
  #head: Deadline | undefined
  #tail: Deadline | undefined
  #timer: NodeJS.Timeout | undefined
  #armed = false

  /** `duration`: milliseconds. */
  constructor(duration: number, clock: Clock) {
    this.#duration = duration
    this.#clock = clock
  }

  /** Calls `expire` once, after the duration, unless settled before. */
  add(expire: () => void): Deadline {
    const at = this.#clock.monotonic() + this.#duration
    const deadline: Deadline = { at, expire, next: undefined }
    if (this.#tail === undefined) this.#head = deadline
    else this.#tail.next = deadline
    this.#tail = deadline
    if (!this.#armed) this.#arm(this.#duration)
    return deadline
  }

  settle(deadline: Deadline): void {
    deadline.expire = undefined
    // Answers come in order, so settled deadlines leave at the front at once and none piles up.
    while (this.#head !== undefined && this.#head.expire === undefined) this.#dropHead()
  }

  /** Forgets all; none will be called. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#armed = false
    this.#head = undefined
    this.#tail = undefined
  }

  #dropHead(): void {
    this.#head = this.#head?.next
    if (this.#head === undefined) this.#tail = undefined
  }

  #arm(delay: number): void {
    this.#armed = true
    // Left running when all are settled: one idle wake-up is cheaper than a timer per burst.
    this.#timer = setTimeout(() => {
      // Timers come before sockets in an event loop's turn. After a long synchronous task answers
      // may lie unread: they are read first, and only what is still open then has timed out.
      setImmediate(() => this.#sweep())
    }, Math.ceil(delay))
    // A command that waits has a socket, or a retry, that keeps the process alive.
    this.#timer.unref()
  }

  #sweep(): void {
    if (!this.#armed) return
    const now = this.#clock.monotonic()
    while (this.#head !== undefined && (this.#head.expire === undefined || this.#head.at <= now)) {
      const { expire } = this.#head
      this.#head.expire = undefined
      this.#dropHead()
      expire?.()
    }
    if (this.#head === undefined) this.#armed = false
    else this.#arm(this.#head.at - now)
  }
}
