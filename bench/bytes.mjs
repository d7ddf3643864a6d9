// Bytes a session takes in Redis: `npm run bench:bytes [-- --sessions N]`. Each system stores the same
// 356 bytes of data through its own code, on an own server of the same run.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { createSessions } from '../dist/index.js'
import { installPackages, versionOf } from './races/install.mjs'
import { redisCommand, startRedis } from './races/redis.mjs'

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '10000' } } })
const count = Number(values.sessions)
const server = redisCommand()
if (!(count >= 1 && count <= 1_000_000) || server === undefined || !installPackages()) {
  console.error(
    'bench:bytes: takes --sessions 1 to 1000000, and needs redis-server and npm packages',
  )
  process.exit(1)
}
const { createClient } = await import('redis')
const { RedisStore } = await import('connect-redis')
const { Cookie } = createRequire(import.meta.url)('express-session')
const sample = JSON.parse(readFileSync(new URL('sample-session.json', import.meta.url), 'utf8'))

/** The sample with a token of its own, so that no two sessions are the same. */
const data = () => ({ ...sample, csrf: randomBytes(16).toString('base64url') })

async function sojourn(socket, options) {
  const secrets = [randomBytes(32)]
  const sessions = createSessions({ redis: socket, secrets, ...options })
  await sessions.ready()
  return {
    async store() {
      const session = await sessions.open()
      for (const [name, value] of Object.entries(data())) session.set(name, value)
      await session.commit()
    },
    close: () => sessions.close(),
  }
}

async function connectRedis(socket) {
  const client = await createClient({ socket: { path: socket } }).connect()
  const store = new RedisStore({ client })
  return {
    store() {
      // As express-session hands it over: a cookie with its lifetime, and an id of 24 random bytes.
      const session = { cookie: new Cookie({ maxAge: 1_800_000 }), ...data() }
      return store.set(randomBytes(24).toString('base64url'), session)
    },
    close: () => client.close(),
  }
}

const systems = {
  'Sojourn, default settings': (socket) => sojourn(socket, {}),
  'Sojourn, not compressed': (socket) => sojourn(socket, { compress: false }),
  "Sojourn, seal: 'token'": (socket) => sojourn(socket, { seal: 'token' }),
  'Sojourn, seal: false': (socket) => sojourn(socket, { seal: false }),
  "Sojourn, codec: 'json'": (socket) => sojourn(socket, { codec: 'json' }),
  [`connect-redis ${versionOf('connect-redis')}`]: connectRedis,
}

const rows = {}
let version
for (const [name, start] of Object.entries(systems)) {
  const redis = await startRedis(server, createClient)
  try {
    version = redis.version
    const used = async () =>
      Number(/used_memory:(\d+)/.exec(String(await redis.command('INFO', 'memory')))[1])
    const system = await start(redis.socket)
    const before = await used()
    for (let i = 0; i < count; i++) await system.store()
    const perSession = ((await used()) - before) / count
    const key = String(await redis.command('RANDOMKEY'))
    rows[name] = {
      'record, bytes': Number(await redis.command('STRLEN', key)),
      'MEMORY USAGE, bytes': Number(await redis.command('MEMORY', 'USAGE', key)),
      'used_memory, bytes a session': Math.round(perSession),
    }
    await system.close()
  } finally {
    redis.stop()
  }
}
console.log(`${version}, ${count} sessions of ${JSON.stringify(sample).length} bytes of JSON`)
console.table(rows)
