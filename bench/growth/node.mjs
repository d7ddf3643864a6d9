// One node: node.mjs '{"redis": …, "secret": …}'. Does what it is asked over IPC.
import { createSessions } from '../../dist/index.js'
import { answer } from '../support/child.mjs'
import { sample } from '../support/sample.mjs'
import { createTokenFile, readTokens } from './token-file.mjs'
import { runTraffic } from './traffic.mjs'

const AT_ONCE = 64
const CHUNK = 4_096
const HIT_SESSIONS = 1_000
const HIT_ROUNDS = 200
/** Rounds in which the code is still being compiled. */
const FIRST_ROUNDS = 50

const { redis, secret } = JSON.parse(process.argv[2])
const sessions = createSessions({
  redis,
  secrets: [secret],
  cookie: { secure: false },
  commandTimeout: '5s',
})
await sessions.ready()

const requestOf = (token) => ({
  cookie: `session=${token}`,
  secure: false,
  host: 'localhost',
  proxied: false,
})

async function inParallel(count, one) {
  let next = 0
  const lane = async () => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, lane))
}

/** A chunk's sessions, each read once through the near cache. */
async function read(tokens) {
  await inParallel(tokens.length, async (i) => {
    const { session } = await sessions.exchange({}, requestOf(tokens[i]))
    if (session.get('theme') !== sample.theme) throw new Error('a session was not found')
  })
}

answer(
  {
    async seed({ file, count }) {
      const tokens = createTokenFile(file)
      for (let from = 0; from < count; from += CHUNK) {
        const made = []
        await inParallel(Math.min(CHUNK, count - from), async () => {
          const session = await sessions.open()
          for (const [name, value] of Object.entries(sample)) session.set(name, value)
          await session.commit()
          made.push(session.token)
        })
        tokens.add(made)
      }
      tokens.close()
    },
    /** Reads so many sessions, each once. @returns what that has left in this process */
    async readAll({ file, count }) {
      for (let from = 0; from < count; from += CHUNK) {
        await read(readTokens(file, from, Math.min(CHUNK, count - from)))
      }
      globalThis.gc()
      const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
      return { rss, heapUsed, external, arrayBuffers, nearCache: sessions.stats().nearCache }
    },
    /** @returns nanoseconds from the cookie header to an attribute, of the sessions read last */
    async hitTime({ file, count }) {
      const chosen = Math.min(HIT_SESSIONS, count)
      const tokens = readTokens(file, count - chosen, chosen)
      const requests = tokens.map(requestOf)
      await read(tokens)
      const times = []
      for (let round = 0; round < FIRST_ROUNDS + HIT_ROUNDS; round++) {
        const start = process.hrtime.bigint()
        for (const request of requests) {
          const answered = sessions.exchange({}, request)
          if (answered instanceof Promise) throw new Error('a hit was answered with a promise')
          answered.session.get('theme')
        }
        times.push(Number(process.hrtime.bigint() - start) / chosen)
        // The heartbeat has to come through.
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      return times.slice(FIRST_ROUNDS)
    },
    traffic: (options) => runTraffic(sessions, requestOf, options),
    stats: () => sessions.stats().nearCache,
  },
  {},
)
