import type { Clock } from '../core/clock.ts'

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Lets `ms` milliseconds pass, on both sides of the clock. */
  advance(ms: number): void
  /** Sets the wall clock ahead (or, with a negative number, back) without any time passing. */
  jump(ms: number): void
}

/** `start`: milliseconds since the epoch, 2025-01-01 by default. */
export function manualClock(start: number = Date.UTC(2025, 0, 1)): ManualClock {
  let wall = start
  let passed = 0
  return {
    now: () => wall,
    monotonic: () => passed,
    advance: (ms) => {
      wall += ms
      passed += ms
    },
    jump: (ms) => {
      wall += ms
    },
  }
}
