// What looking costs a server and the process that looks: `npm run bench:observe [-- --looks N]`. Processor time of the server by
// its own count (INFO cpu), without what it takes when nobody looks.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createSessions } from '../dist/index.js'
import { Observer } from '../dist/operations/observe/observer.js'
import { installPackages } from './support/install.mjs'
import { redisCommand, startRedis } from './support/redis.mjs'

const { values } = parseArgs({ options: { looks: { type: 'string', default: '60' } } })
const looks = Number(values.looks)
const server = redisCommand()
if (!(looks >= 5 && looks <= 3_600) || server === undefined || !installPackages()) {
  console.error('bench:observe: takes --looks 5 to 3600, and needs redis-server and npm packages')
  process.exit(1)
}
const { createClient } = await import('redis')
const sample = JSON.parse(readFileSync(new URL('sample-session.json', import.meta.url), 'utf8'))
const secret = 'a secret for this measurement only, 32 bytes'

async function fill(socket, count) {
  const sessions = createSessions({ redis: socket, secrets: [secret], nearCache: false })
  await sessions.ready()
  let made = 0
  const work = async () => {
    while (made < count) {
      const number = made++
      const session = await sessions.open()
      for (const [name, value] of Object.entries(sample)) session.set(name, value)
      if (number % 2 === 0) await session.login(`user ${number}`, { keep: Object.keys(sample) })
      else await session.commit()
    }
  }
  await Promise.all(Array.from({ length: 64 }, work))
  await sessions.close()
}

/** Seconds of processor time since it was started, and commands. */
async function usedBy(redis) {
  const info = String(await redis.command('INFO'))
  const of = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)[1])
  return {
    cpu: of('used_cpu_user') + of('used_cpu_sys'),
    input: of('total_net_input_bytes'),
    output: of('total_net_output_bytes'),
  }
}

async function measured(redis, work) {
  const before = await usedBy(redis)
  const own = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(own)
  const after = await usedBy(redis)
  return {
    server: ((after.cpu - before.cpu) / looks) * 1_000,
    process: (user + system) / looks / 1_000,
    bytes: (after.output - before.output) / looks,
  }
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function look(socket, secrets) {
  const observer = new Observer({ redis: socket, prefix: 'sj', secrets })
  let left = looks
  await new Promise((resolve) => {
    const stop = observer.watch({
      seen() {
        if (--left > 0) return
        stop()
        resolve()
      },
    })
  })
  const { active, sampled } = observer.last.sessions
  await observer.close()
  return { active, sampled }
}

const rows = {}
for (const count of [1_000, 200_000]) {
  const redis = await startRedis(server, createClient)
  try {
    await fill(redis.socket, count)
    const idle = await measured(redis, () => wait(looks * 1_000))
    for (const [name, secrets] of [
      ['without secrets', undefined],
      ['with secrets', secret],
    ]) {
      let seen
      const cost = await measured(redis, async () => {
        seen = await look(redis.socket, secrets)
      })
      rows[`${count} sessions, ${name}`] = {
        'server, ms a look': Number((cost.server - idle.server).toFixed(2)),
        'process, ms a look': Number(cost.process.toFixed(2)),
        'answers, kB a look': Math.round(cost.bytes / 1_000),
        active: seen.active,
        sampled: seen.sampled,
      }
    }
  } finally {
    redis.stop()
  }
}
console.log(`${looks} looks, a second apart`)
console.table(rows)
