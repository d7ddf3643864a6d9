// One node: node.mjs '{"redis": …, "secret": …}'. Does what it is asked over IPC.
import { createSessions } from '../../dist/index.js'
import { answer } from '../support/child.mjs'
import { sample } from '../support/sample.mjs'
import { measureHits } from './hits.mjs'
import { createTokenFile, readTokens } from './token-file.mjs'
import { runTraffic } from './traffic.mjs'

const AT_ONCE = 64
const CHUNK = 4_096

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
    /** Of the sessions that are held after `readAll`. */
    hits({ file, count }) {
      const { entries } = sessions.stats().nearCache
      const held = Math.min(entries, count)
      const requests = readTokens(file, count - held, held)
        .map(requestOf)
        .toReversed()
      return measureHits(sessions, requests, () => sessions.stats().nearCache.misses)
    },
    traffic: (options) => runTraffic(sessions, requestOf, options),
    stats: () => sessions.stats().nearCache,
  },
  {},
)
