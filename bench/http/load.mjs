import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import { isRight, requestsOf } from './scenarios.mjs'

export const CONNECTIONS = 16

/**
 * Keeps every connection of its own share of the cookies busy.
 * @param amount so many requests, or until `stop` is called
 * @returns `latency` (nanoseconds), `done`, `stop()`, `wrong()`: why the answers are of no use
 */
function startLoad(port, scenario, cookies, amount) {
  const latency = createHistogram()
  let wrong
  let connection = 0
  const instance = autocannon({
    url: `http://127.0.0.1:${port}`,
    connections: CONNECTIONS,
    // How often it looks whether it shall stop, ms.
    sampleInt: 20,
    skipAggregateResult: true,
    ...(amount === undefined ? { duration: 600 } : { amount }),
    setupClient(client) {
      const share = cookies.filter((_, i) => i % CONNECTIONS === connection)
      connection += 1
      client.setRequests(requestsOf(scenario, share))
    },
    verifyBody(body) {
      if (!isRight(scenario, body)) wrong ??= `answered ${JSON.stringify(body)}`
      return true
    },
  })
  instance.on('response', (_client, status, _bytes, ms) => {
    if (status !== 200) wrong ??= `answered with status ${status}`
    latency.record(Math.max(1, Math.round(ms * 1e6)))
  })
  instance.on('reqError', (error) => {
    wrong ??= String(error)
  })
  const done = new Promise((resolve) => {
    instance.on('done', resolve)
  })
  return { latency, done, stop: () => instance.stop(), wrong: () => wrong }
}

/** @throws Error when one answer was not the right one: a row that is wrong has no figures */
function check(load, row, scenario) {
  const wrong = load.wrong()
  if (wrong !== undefined) throw new Error(`${row.name}, ${scenario.name}: ${wrong}`)
}

/**
 * Load for `warm` and then, measured, for `measured` milliseconds.
 * @param mark reads the server's counters
 */
export async function runBurst(row, scenario, cookies, { warm, measured, mark }) {
  const load = startLoad(row.port, scenario, cookies)
  await sleep(warm)
  const before = await mark()
  load.latency.reset()
  await sleep(measured)
  const after = await mark()
  const latency = [50, 99].map((percent) => load.latency.percentile(percent) / 1e6)
  load.stop()
  await load.done
  check(load, row, scenario)
  return { before, after, latency }
}

/** Exactly so many requests. */
export async function sendRequests(row, scenario, cookies, amount) {
  const load = startLoad(row.port, scenario, cookies, amount)
  await load.done
  check(load, row, scenario)
}
