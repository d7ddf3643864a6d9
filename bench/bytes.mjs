// Bytes a session takes in Redis: `npm run bench:bytes [-- --sessions N]`. Each system stores the same
// 356 bytes of data through its own code, on an own server of the same run.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { createSessions } from '../dist/index.js'
import { installPackages, versionOf } from './support/install.mjs'
import { redisCommand, startRedis } from './support/redis.mjs'

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

const device = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

/** @param login what is given to `login`; without it the session stays nobody's */
async function sojourn(socket, options, login) {
  const secrets = [randomBytes(32)]
  const sessions = createSessions({ redis: socket, secrets, ...options })
  await sessions.ready()
  return {
    async store() {
      const session = await sessions.open()
      for (const [name, value] of Object.entries(data())) session.set(name, value)
      if (login === undefined) await session.commit()
      else {
        const principal = `u_${randomBytes(4).toString('hex')}`
        await session.login(principal, { keep: Object.keys(sample), ...login })
      }
      return `sj:{${session.id.slice(0, 3)}}:s:${session.id.slice(3)}`
    },
    close: () => sessions.close(),
  }
}

async function connectRedis(socket, cookie) {
  const client = await createClient({ socket: { path: socket } }).connect()
  const store = new RedisStore({ client })
  return {
    async store() {
      // As express-session hands it over: with its cookie, and an id of 24 random bytes.
      const id = randomBytes(24).toString('base64url')
      await store.set(id, { cookie: new Cookie(cookie), ...data() })
      return `sess:${id}`
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
  'Sojourn, signed in': (socket) => sojourn(socket, {}, {}),
  'Sojourn, signed in, with device and address': (socket) =>
    sojourn(socket, {}, { device, address: '192.0.2.17' }),
  'Sojourn, reliable expiry': (socket) => sojourn(socket, { expiry: 'reliable' }),
  'Sojourn, signed in, reliable expiry': (socket) => sojourn(socket, { expiry: 'reliable' }, {}),
  [`connect-redis ${versionOf('connect-redis')}`]: (socket) => connectRedis(socket, {}),
  [`connect-redis ${versionOf('connect-redis')}, cookie with maxAge`]: (socket) =>
    connectRedis(socket, { maxAge: 1_800_000 }),
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
    let key
    for (let i = 0; i < count; i++) key = await system.store()
    const perSession = ((await used()) - before) / count
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
