// What looking costs a server and the process that looks: `npm run bench:observe [-- --looks N]`. Processor time of the server by
// its own count (INFO cpu), without what it takes when nobody looks. Then the commands of a console with one page open, by
// INFO commandstats, those of one examination by doctor, and the bytes of a process's report.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createSessions } from '../dist/index.js'
import { createConsole } from '../dist/operations/console/index.js'
import { report } from '../dist/operations/metrics/index.js'
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

/** How often each command was called since the server started. */
async function callsOf(redis) {
  const told = String(await redis.command('INFO', 'COMMANDSTATS'))
  const lines = [...told.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
  return new Map(
    lines.map(([, name, calls]) => [name.replace('|', ' ').toUpperCase(), Number(calls)]),
  )
}

/** @returns what is called meanwhile, by its name, and the rest of what it costs; without what this here asks */
async function called(redis, work) {
  const before = await callsOf(redis)
  const { output, cpu } = await usedBy(redis)
  await work()
  const used = await usedBy(redis)
  const after = await callsOf(redis)
  const calls = [...after].map(([name, count]) => {
    const own = name === 'INFO' ? 3 : 0
    return [name, count - (before.get(name) ?? 0) - own]
  })
  return {
    calls: calls.filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a),
    kilobytes: Math.round((used.output - output) / 1_000),
    milliseconds: Math.round((used.cpu - cpu) * 1_000),
  }
}

/** A page that is open at the overview, for so many seconds, and then an examination. */
async function consoleOf(redis) {
  const page = createConsole({
    ...{ redis: redis.socket, secrets: [secret], origins: ['http://console'] },
    authorize: () => ({ name: 'bench', access: 'read' }),
  })
  const ask = (path, init) => page.fetch(new Request(`http://console/api/${path}`, init))
  try {
    const { csrf } = await (await ask('about')).json()
    const leaves = new AbortController()
    const live = await ask('live', { signal: leaves.signal })
    const reader = live.body.getReader()
    const read = (async () => {
      while (!(await reader.read()).done);
    })().catch(() => undefined)
    // It connects, and looks for the first time.
    await wait(5_000)
    const looked = await called(redis, () => wait(looks * 1_000))
    await reader.cancel()
    leaves.abort()
    await read
    await wait(1_000)
    const headers = { 'x-sojourn-console': csrf, origin: 'http://console' }
    const examined = await called(redis, async () => {
      const answer = await ask('doctor', { method: 'POST', headers })
      if (answer.status !== 200) throw new Error(`doctor: ${await answer.text()}`)
      await answer.arrayBuffer()
    })
    return { looked, examined }
  } finally {
    await page.close()
  }
}

/** Bytes of a process's report that has done all that there is to do, without names of attributes and with the longest list. */
async function reportBytes(redis) {
  const sessions = createSessions({ redis: redis.socket, prefix: 'told', secrets: [secret] })
  const listener = createClient({ socket: { path: redis.socket } })
  await listener.connect()
  const heard = []
  await listener.subscribe('told:reports', (text) => heard.push(text.length))
  const end = report(sessions, { name: 'web-1', every: '500ms' })
  const next = async () => {
    heard.length = 0
    while (heard.length === 0) await wait(50)
    return heard.at(-1)
  }
  try {
    for (let i = 0; i < 1_000; i++) {
      const session = await sessions.open()
      await session.login(`somebody ${i}`)
      await session.rotate()
      session.set('seen', i)
      await session.commit()
      await sessions.of(`somebody ${i}`).list()
      if (i % 2 === 0) await session.logout()
      else await sessions.of(`somebody ${i}`).revokeAll()
    }
    const without = await next()
    const session = await sessions.open()
    const names = Array.from({ length: 64 }, (_, i) => `name${i}`.padEnd(64, '_'))
    for (const name of names) session.set(name, 1)
    await session.commit()
    for (const name of names) session.get(name)
    return { without, with: await next() }
  } finally {
    end()
    await sessions.close()
    listener.destroy()
  }
}

const costOf = ({ calls, kilobytes, milliseconds }) =>
  `${calls.map(([name, count]) => `${count} ${name}`).join(', ')}; ${kilobytes} kB, ${milliseconds} ms of the server's processor`

const rows = {}
const told = []
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
    if (count < 200_000) continue
    const { looked, examined } = await consoleOf(redis)
    told.push(`a console with one page open, ${looks} s: ${costOf(looked)}`)
    told.push(`one examination by doctor: ${costOf(examined)}`)
    const report = await reportBytes(redis)
    told.push(`a report: ${report.without} bytes; with 64 names of 64 characters: ${report.with}`)
  } finally {
    redis.stop()
  }
}
console.log(`${looks} looks, a second apart`)
console.table(rows)
console.log(told.join('\n'))
