/** Bound of one turn: some 100,000 sessions that expire together must not hold up the event loop. */
const SWEEP_PER_TURN = 1_000

export interface Sweeper {
  /** There is something that may expire. Costs next to nothing when the sweeper is awake. */
  wake(): void
  stop(): void
}

/**
 * Calls `sweep` once in `interval` milliseconds, at once again while it says that more is due, and
 * sleeps as soon as it has nothing left to wait for. Never keeps the process alive.
 */
export function startSweeper(interval: number, sweep: (limit: number) => Sweep): Sweeper {
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function schedule(delay: number): void {
    timer = setTimeout(turn, delay).unref()
  }

  function turn(): void {
    timer = undefined
    const state = sweep(SWEEP_PER_TURN)
    if (state !== 'empty') schedule(state === 'due' ? 0 : interval)
  }

  return {
    wake: () => {
      if (timer === undefined && !stopped) schedule(interval)
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** After a sweep: more is due, something is waiting for its time, or nothing is left. */
export type Sweep = 'due' | 'waiting' | 'empty'
