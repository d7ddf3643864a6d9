// One row under way: its process, its server, its sessions, and what was measured of it.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../support/child.mjs'
import { CONNECTIONS, runBurst, runFor, sendRequests } from './load.mjs'

const SESSIONS = { small: 480, large: 96 }
const STORELESS = ['bare', 'dictionary', 'map']
const SAMPLED_KEYS = 100
const MONITOR_DELAY = 100
/** A burst with fewer says nothing of the server: the machine has stood still. */
const LEAST_REQUESTS = 100
const MOST_STALLS = 10

/**
 * Starts the row's process and makes its sessions through its own code.
 * @param startRedis absent for rows without sessions
 */
export async function startRow(row, { startRedis, ends }) {
  const redis = STORELESS.includes(row.system) ? undefined : await startRedis()
  const secret = randomBytes(32).toString('base64url')
  const running = {
    ...row,
    redis,
    options: { ...row, socket: redis?.socket, secret },
    cookies: {},
    bytes: undefined,
    commands: {},
    bursts: {},
    /** Handled by the processes that it has had before. */
    writes: 0,
  }
  ends(() => void running.child.kill())
  await startProcess(running)
  const { port } = running
  running.cookies.small = await seed(port, '/seed', SESSIONS.small, redis !== undefined)
  if (redis !== undefined) running.bytes = await bytesPerSession(redis)
  running.cookies.large = await seed(port, '/seed-4k', SESSIONS.large, redis !== undefined)
  return running
}

async function startProcess(row) {
  const server = new URL('server.mjs', import.meta.url)
  row.child = await startChild(server, row.options, { pinned: true })
  row.port = row.child.hello.port
}

/** Another process of the same, with the same sessions. */
export async function restart(row) {
  row.writes += (await row.child.ask('mark')).writes
  await row.child.kill()
  await startProcess(row)
}

/** Its figures stay. */
export async function endRow({ child, redis }) {
  await child.kill()
  redis?.stop()
}

async function seed(port, path, count, storesSessions) {
  const one = async (i) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' })
    const body = await response.text()
    if (body !== 'seeded') throw new Error(`${path} was answered ${response.status}: ${body}`)
    const cookies = response.headers.getSetCookie().map((line) => line.split(';', 1)[0])
    if (storesSessions && cookies.length === 0) throw new Error(`${path} set no cookie`)
    // The framework alone is sent a cookie of the same kind, and does nothing with it.
    return cookies.length > 0 ? cookies.join('; ') : `session=${String(i).padStart(48, 'x')}`
  }
  const made = []
  for (let i = 0; i < count; i += CONNECTIONS) {
    made.push(...(await Promise.all(Array.from({ length: CONNECTIONS }, (_, j) => one(i + j)))))
  }
  return made
}

async function bytesPerSession(redis) {
  const keys = await redis.command('KEYS', '*')
  const sampled = keys.slice(0, SAMPLED_KEYS)
  let bytes = 0
  for (const key of sampled) bytes += Number(await redis.command('MEMORY', 'USAGE', key))
  return bytes / sampled.length
}

const cookiesOf = (row, scenario) => row.cookies[scenario.cookies] ?? row.cookies.small

/** @param ms how long */
export async function warmUp(row, scenario, ms) {
  await runFor(row, scenario, cookiesOf(row, scenario), ms)
}

/**
 * One measured burst; its figures are kept with the row.
 * @throws Error when the server does not come to answer
 */
export async function measure(row, scenario, times) {
  for (let stalls = 0; stalls < MOST_STALLS; stalls++) {
    const figures = await measureOnce(row, scenario, times)
    if (figures === undefined) continue
    row.bursts[scenario.name] ??= []
    row.bursts[scenario.name].push(figures)
    return
  }
  throw new Error(`${row.name}, ${scenario.name}: hardly a request is answered`)
}

async function measureOnce(row, scenario, times) {
  const mark = async () => ({
    ...(await row.child.ask('mark')),
    redisCpu: row.redis === undefined ? 0 : await cpuOf(row.redis),
  })
  const burst = await runBurst(row, scenario, cookiesOf(row, scenario), { ...times, mark })
  const { before, after, latency } = burst
  const requests = after.requests - before.requests
  if (requests < LEAST_REQUESTS) return undefined
  const cpu = after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system
  const ms = after.at - before.at
  return {
    cpu: cpu / requests,
    perSecond: (requests / ms) * 1_000,
    busy: cpu / 1_000 / ms,
    p50: latency[0],
    p99: latency[1],
    redisCpu: row.redis === undefined ? undefined : (after.redisCpu - before.redisCpu) / requests,
  }
}

/** Microseconds. */
async function cpuOf(redis) {
  const info = String(await redis.command('INFO', 'cpu'))
  const [, user] = /used_cpu_user:([\d.]+)/.exec(info)
  const [, system] = /used_cpu_sys:([\d.]+)/.exec(info)
  return (Number(user) + Number(system)) * 1e6
}

/** Counts the commands that the row's client sends, not those that run inside scripts. */
export async function countCommands(row, scenario, requests) {
  if (row.redis === undefined) return
  let keyed = 0
  let others = 0
  const monitor = await row.redis.monitor((line) => {
    const [, where, args] = /^\S+ \[\d+ (\S+)\] (.*)$/s.exec(line)
    if (where === 'lua') return
    if (args.includes('" "')) keyed += 1
    else others += 1
  })
  await sendRequests(row, scenario, cookiesOf(row, scenario), requests)
  await sleep(MONITOR_DELAY)
  monitor.destroy()
  row.commands[scenario.name] = {
    all: (keyed + others) / requests,
    /** Without those that name no key: a connection's heartbeat. */
    keyed: keyed / requests,
  }
}

/**
 * Afterwards every session must hold as many views as were counted into it.
 * @throws Error when some are missing: then the writes were not stored, and their figures are void
 */
export async function checkViews(row) {
  if (row.redis === undefined) return
  let stored = 0
  for (const cookie of row.cookies.small) {
    const response = await fetch(`http://127.0.0.1:${row.port}/views`, { headers: { cookie } })
    stored += Number(await response.text())
  }
  const writes = row.writes + (await row.child.ask('mark')).writes
  if (stored !== writes) {
    throw new Error(`${row.name}: ${writes} writes were handled, ${stored} are stored`)
  }
}
