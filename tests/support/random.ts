/** Random numbers that can be had again: `SOJOURN_SEED=… npx vitest run …`. */
export interface Random {
  readonly seed: number
  /** A whole number from 0 to `below` − 1. */
  readonly next: (below: number) => number
}

/** mulberry32. Says its seed, so that a failing run can be repeated as far as sockets allow. */
export function seeded(what: string, seed: number = seedOfThisRun()): Random {
  console.info(`${what}: SOJOURN_SEED=${seed}`)
  return random(seed)
}

export function random(seed: number): Random {
  let state = seed >>> 0
  return {
    seed,
    next: (below) => {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below
    },
  }
}

function seedOfThisRun(): number {
  const given = Number(process.env['SOJOURN_SEED'])
  return Number.isInteger(given) && given > 0 ? given : Math.floor(Math.random() * 2 ** 31) + 1
}
