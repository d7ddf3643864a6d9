import { measure } from 'mitata'

/**
 * Measures each function for `ms`, after a warm-up.
 * @param functions by name; one that answers with a promise is awaited each time
 * @returns nanoseconds a call
 */
export async function measureAll(group, functions, ms) {
  const results = []
  for (const [name, fn] of Object.entries(functions)) {
    const { p50, p99, min, avg } = await measure(fn, { min_cpu_time: ms * 1e6 })
    results.push({ group, name, p50, p99, min, avg })
  }
  return results
}

/** One after the other, over and over: no two calls in a row see the same. */
export function inTurns(items) {
  let at = 0
  return () => {
    at = at + 1 === items.length ? 0 : at + 1
    return items[at]
  }
}
