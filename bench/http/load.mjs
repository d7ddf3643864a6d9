import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeRequest, keepBusy } from './connection.mjs'
import { isRight, requestsOf } from './scenarios.mjs'

export const CONNECTIONS = 16

/**
 * Keeps every connection of its own share of the cookies busy.
 * @param amount so many requests, or until `stop` is called; what has been sent is waited for
 * @returns `latency` (nanoseconds), `done`: rejects when an answer was not the right one, `stop()`
 */
function startLoad({ name, port }, scenario, cookies, amount = Number.POSITIVE_INFINITY) {
  const latency = createHistogram()
  let left = amount
  let wrong
  const run = (connection) => {
    const share = cookies.filter((_, i) => i % CONNECTIONS === connection)
    const requests = requestsOf(scenario, share).map((request) => encodeRequest(port, request))
    let turn = 0
    let sentAt
    const next = () => {
      if (left <= 0) return undefined
      left -= 1
      turn = (turn + 1) % requests.length
      sentAt = performance.now()
      return requests[turn]
    }
    return keepBusy(port, next, (status, body) => {
      latency.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)))
      if (status === 200 && isRight(scenario, body)) return
      wrong ??= new Error(`${name}, ${scenario.name}: answered ${status} ${JSON.stringify(body)}`)
    })
  }
  const done = Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => run(i))).then(() => {
    if (wrong !== undefined) throw wrong
  })
  const stop = () => {
    left = 0
  }
  return { latency, done, stop }
}

/**
 * Load for `warm` and then, measured, for `measured` milliseconds.
 * @param mark reads the server's counters
 * @throws Error when one answer was not the right one: a row that is wrong has no figures
 */
export async function runBurst(row, scenario, cookies, { warm, measured, mark }) {
  const load = startLoad(row, scenario, cookies)
  const window = async () => {
    await sleep(warm)
    const before = await mark()
    load.latency.reset()
    await sleep(measured)
    const after = await mark()
    const latency = [50, 99].map((percent) => load.latency.percentile(percent) / 1e6)
    load.stop()
    return { before, after, latency }
  }
  const [figures] = await Promise.all([window(), load.done])
  return figures
}

/**
 * Load for `ms` milliseconds.
 * @throws Error when one answer was not the right one
 */
export async function runFor(row, scenario, cookies, ms) {
  const load = startLoad(row, scenario, cookies)
  await Promise.all([sleep(ms).then(load.stop), load.done])
}

/**
 * Exactly so many requests.
 * @throws Error when one answer was not the right one
 */
export const sendRequests = (row, scenario, cookies, amount) =>
  startLoad(row, scenario, cookies, amount).done
