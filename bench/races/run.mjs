import { setTimeout as sleep } from 'node:timers/promises'
import { Race } from './race.mjs'
import { rows } from './rows.mjs'

/** Redis removes expired keys at its own pace; reads are exact. */
const MARGIN = 250
const MOST_EXAMPLES = 3

/**
 * Runs every row `races` times against a fleet.
 * @returns for each row: `name`, `races`, `forced`, `bad`, `failed` (races that broke), `examples`
 */
export async function runRows(fleet, { races, concurrency, onRow }) {
  const results = []
  for (const [number, row] of rows.entries()) {
    const startedAt = performance.now()
    const result = await runRow(fleet, row, { number, races, concurrency })
    results.push(result)
    onRow?.(result, performance.now() - startedAt)
  }
  return results
}

/** So many races wait for something at once, some with a request that is held. */
const WAVE = 250

async function runRow(fleet, row, { number, races, concurrency }) {
  const result = { name: row.name, races, forced: 0, bad: 0, failed: 0, examples: [] }
  const example = (race, text) => {
    if (result.examples.length < MOST_EXAMPLES) {
      result.examples.push(`race ${race.index}: ${text} (${race.trace})`)
    }
  }
  const count = (race, bad) => {
    if (bad === undefined) return
    result.bad += 1
    example(race, bad)
  }
  const guarded = async (race, work) => {
    try {
      await work()
    } catch (error) {
      result.failed += 1
      example(race, error.message)
    }
  }
  for (let from = 0; from < races; from += WAVE) await wave(from, Math.min(WAVE, races - from))
  return result

  async function wave(from, size) {
    const waiting = []
    await eachOf(size, concurrency, (index) => run(from + index, waiting))
    await eachOf(waiting.length, concurrency, async (index) => {
      const { race, later, due } = waiting[index]
      await sleep(Math.max(0, due - performance.now()))
      await guarded(race, async () => count(race, await later.bad()))
    })
  }

  async function run(index, waiting) {
    const race = new Race(fleet, `r${number}`, index)
    await guarded(race, async () => {
      const { forced, bad, later } = await row.race(race)
      if (forced) result.forced += 1
      else example(race, 'was not forced')
      if (bad === undefined && later !== undefined) {
        waiting.push({ race, later, due: performance.now() + later.after + MARGIN })
      } else count(race, bad)
    })
  }
}

async function eachOf(total, concurrency, work) {
  let next = 0
  const worker = async () => {
    while (next < total) await work(next++)
  }
  await Promise.all(Array.from({ length: Math.min(total, concurrency) }, worker))
}
