// What requests of the application take meanwhile: others.mjs '{"redis": …, "secret": …}'. Asked over IPC.
import { setTimeout as sleep } from 'node:timers/promises'
import { createSessions } from '../../dist/index.js'
import { answer } from '../support/child.mjs'
import { quantile } from '../support/statistics.mjs'

const USERS = 200
/** Requests a second, a fifth of them writes. */
const RATE = 400

const { redis, secret } = JSON.parse(process.argv[2])
const sessions = createSessions({ redis, secrets: [secret], commandTimeout: '10s' })
const tokens = []
for (let i = 0; i < USERS; i++) {
  const session = await sessions.open()
  session.set('n', 0)
  await session.login(`other ${i}`, { keep: ['n'] })
  tokens.push(session.token)
}

let times = []
let failed = 0

async function request(i) {
  const from = performance.now()
  try {
    const session = await sessions.open(tokens[i % USERS], { fresh: true })
    if (i % 5 === 0) {
      session.set('n', session.get('n') + 1)
      await session.commit()
    }
    times.push(performance.now() - from)
  } catch {
    failed++
  }
}

const started = performance.now()
void (async () => {
  for (let i = 0; ; i++) {
    void request(i)
    const ahead = ((i + 1) / RATE) * 1_000 - (performance.now() - started)
    if (ahead > 0) await sleep(ahead)
  }
})()

/** Changes are kept in the audit here, so that as much happens as is asked for. */
const telling = createSessions({
  ...{
    redis,
    secrets: [secret],
    commandTimeout: '10s',
    audit: { events: ['changed'], maxLength: 20_000 },
  },
})

answer({
  /** For `seconds`, so many events each. @returns how many there were */
  async tell({ rate, seconds }) {
    const begun = performance.now()
    let count = 0
    const one = async () => {
      while (performance.now() - begun < seconds * 1_000) {
        const ahead = (count++ / rate) * 1_000 - (performance.now() - begun)
        if (ahead > 0) await sleep(ahead)
        const session = await telling.open(tokens[count % USERS])
        session.set('told', count)
        await session.commit()
      }
    }
    await Promise.all(Array.from({ length: 64 }, one))
    return count
  },
  /** Since it was asked last. Milliseconds. */
  async since() {
    const [sorted, count] = [times.toSorted((a, b) => a - b), failed]
    times = []
    failed = 0
    const at = (q) => (sorted.length === 0 ? undefined : quantile(sorted, q))
    return {
      requests: sorted.length,
      failed: count,
      p50: at(0.5),
      p99: at(0.99),
      max: sorted.at(-1),
    }
  },
})
