import type { Clock } from '../../core/clock.ts'

/** Milliseconds: two measurements differ by about half a round trip, and that is no step of a clock. */
const NOISE = 5

/**
 * The servers' clock as this process sees it: one for all of them, so that times which come from one can
 * be compared with those of another. Monotonic in between, learned anew with each connection.
 */
export class ServerClock {
  readonly #clock: Clock
  /** Server time minus our monotonic clock, once it is known. */
  #offset: number | undefined
  readonly #steppedBack = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds since the epoch; our own time before the first connection. */
  now(): number {
    if (this.#offset === undefined) return this.#clock.now()
    return Math.floor(this.#clock.monotonic() + this.#offset)
  }

  learn(offset: number): void {
    const before = this.#offset
    if (before !== undefined && Math.abs(offset - before) < NOISE) return
    this.#offset = offset
    if (before !== undefined && offset < before) for (const tell of this.#steppedBack) tell()
  }

  /** @param listener told when what was to end at a time would end later than it was meant to */
  onStepBack(listener: () => void): void {
    this.#steppedBack.add(listener)
  }
}
