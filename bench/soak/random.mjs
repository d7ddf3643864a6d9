/** mulberry32: random numbers that can be had again. */
export function createRandom(seed) {
  let state = seed >>> 0
  /** A whole number from 0 to `below` − 1. */
  const next = (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
  return {
    next,
    between: (least, most) => least + next(most - least + 1),
    of: (items) => items[next(items.length)],
    /** @param weights by name */
    weighted(weights) {
      const entries = Object.entries(weights)
      let left = next(entries.reduce((sum, [, weight]) => sum + weight, 0))
      for (const [name, weight] of entries) {
        left -= weight
        if (left < 0) return name
      }
    },
  }
}
