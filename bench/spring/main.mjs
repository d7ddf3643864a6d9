// Spring Boot: `npm run bench:spring [-- --quick] [--json FILE]`. The same application without sessions, with Spring Session Data
// Redis and with Sojourn, one JVM each on a core of its own, the load and Redis on another, in turns. Needs a JDK 17 with Maven. Ends
// with 1 when a promise is missed.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../examples/harness/site.mjs'
import { jdk, MAVEN } from '../../scripts/jdk.mjs'
import { canPin, leaveMeasuredCore, onMeasuredCore } from '../support/cores.mjs'
import { renderChecks, renderTables } from '../support/markdown.mjs'
import { prepare } from '../support/run.mjs'
import { sample } from '../support/sample.mjs'
import { summary } from '../support/statistics.mjs'
import { checksOf, tables } from './tables.mjs'

const START_DEADLINE = 60_000
const SESSIONS = 480
/** Of Linux, which counts processes' time in these. */
const TICK = 10_000

const run = prepare('bench:spring', { longest: 20 * 60_000 })
const { runBurst, runFor, sendRequests } = await import('../http/load.mjs')
// A JVM compiles for long, on the core that is measured.
const plan = run.quick
  ? { rounds: 2, first: 3_000, warm: 100, measured: 500, counted: 300 }
  : { rounds: 9, first: 25_000, warm: 300, measured: 2_000, counted: 2_000 }
const read = (body) => body === `${sample.theme} ${sample.locale}`
const scenarios = [
  { name: 'read', isRight: read },
  { name: 'write', isRight: (body) => /^[1-9]\d*$/.test(body) },
  { name: 'anonymous', isRight: (body) => body === 'anonymous' },
]

const home = jdk()
if (home === undefined) run.fail('needs a JDK 17 with Maven')
run.say('building the application …')
const build = ['-q', '-B', '-Pbench', '-pl', ':bench-spring', '-am', '-DskipTests', 'package']
const java = fileURLToPath(new URL('../../clients/java', import.meta.url))
if (spawnSync(MAVEN, build, { cwd: java, stdio: 'inherit' }).status !== 0) {
  run.fail('Maven has failed, see above')
}
const jar = fileURLToPath(new URL('app/target/bench-spring-1.jar', import.meta.url))
leaveMeasuredCore()
if (!canPin) run.say('no taskset or a single core: the servers share theirs with the load')

const NO_SESSIONS = 'org.springframework.boot.session.autoconfigure.SessionAutoConfiguration'
const NO_DATA_REDIS = [
  'org.springframework.boot.session.data.redis.autoconfigure.SessionDataRedisAutoConfiguration',
  'org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration',
]
const secret = randomBytes(32).toString('base64url')
const SYSTEMS = [
  {
    id: 'bare',
    name: 'Spring Boot 4',
    options: () => ({
      'sojourn.enabled': false,
      'spring.autoconfigure.exclude': [NO_SESSIONS, ...NO_DATA_REDIS].join(),
    }),
  },
  {
    id: 'data-redis',
    name: 'Spring Session Data Redis',
    options: (port) => ({
      'sojourn.enabled': false,
      'spring.data.redis.url': `redis://127.0.0.1:${port}`,
    }),
  },
  {
    id: 'sojourn',
    name: 'Sojourn',
    options: (port) => ({
      'sojourn.redis.uri': `redis://127.0.0.1:${port}`,
      'sojourn.secrets': secret,
      'sojourn.cookie.secure': 'never',
      'spring.autoconfigure.exclude': NO_DATA_REDIS.join(),
    }),
  },
]

async function start({ id, name, options }) {
  const redisPort = await freePort()
  const redis = id === 'bare' ? undefined : await run.startRedis({ port: redisPort })
  const port = await freePort()
  const settings = {
    ...{ 'server.port': port, 'server.address': '127.0.0.1', 'bench.system': id },
    'server.tomcat.max-keep-alive-requests': -1,
    ...{ 'logging.level.root': 'warn', 'spring.main.banner-mode': 'off' },
    ...options(redisPort),
  }
  const args = Object.entries(settings).map(([key, value]) => `--${key}=${value}`)
  const vm = ['-XX:+UseSerialGC', '-Xms256m', '-Xmx256m']
  const [command, ...rest] = onMeasuredCore([`${home}/bin/java`, ...vm, '-jar', jar, ...args])
  const child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit'] })
  run.ends(() => child.kill('SIGKILL'))
  const row = { id, name, port, pid: child.pid, redis, cookies: [], bursts: {}, commands: {} }
  for (const end = Date.now() + START_DEADLINE; ; await sleep(100)) {
    if (await fetch(`http://127.0.0.1:${port}/counts`).catch(() => undefined)) break
    if (child.exitCode !== null || Date.now() > end) run.fail(`${name} does not start`)
  }
  for (let i = 0; i < SESSIONS; i++) {
    const seeded = await fetch(`http://127.0.0.1:${port}/seed?now=${sample.lastSeen}`, {
      method: 'POST',
    })
    if ((await seeded.text()) !== 'seeded') run.fail(`${name}: a session could not be made`)
    const [cookie] = seeded.headers.getSetCookie().map((line) => line.split(';', 1)[0])
    row.cookies.push(cookie ?? `session=${String(i).padStart(48, 'x')}`)
  }
  return row
}

/** With what belongs to it: Data Redis has one key a session. */
async function bytesPerSession({ redis }) {
  const keys = await redis.command('KEYS', '*')
  let bytes = 0
  for (const key of keys) bytes += Number(await redis.command('MEMORY', 'USAGE', key))
  return bytes / SESSIONS
}

/** Microseconds of the process, its compiler and its garbage collector included. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK
}

const countsOf = async ({ port }) => (await fetch(`http://127.0.0.1:${port}/counts`)).json()

async function measure(row, scenario) {
  const mark = async () => ({
    ...(await countsOf(row)),
    at: performance.now(),
    cpu: cpuOf(row.pid),
  })
  const { before, after, latency } = await runBurst(row, scenario, row.cookies, { ...plan, mark })
  const requests = after.requests - before.requests
  row.bursts[scenario.name] ??= []
  row.bursts[scenario.name].push({
    cpu: (after.cpu - before.cpu) / requests,
    perSecond: (requests / (after.at - before.at)) * 1_000,
    p50: latency[0],
    p99: latency[1],
  })
}

async function countCommands(row, scenario) {
  if (row.redis === undefined) return
  let commands = 0
  const monitor = await row.redis.monitor((line) => {
    if (!/^\S+ \[\d+ lua\]/.test(line)) commands++
  })
  await sendRequests(row, scenario, row.cookies, plan.counted)
  await sleep(100)
  monitor.destroy()
  row.commands[scenario.name] = commands / plan.counted
}

const rows = []
for (const system of SYSTEMS) rows.push(await start(system))
for (const row of rows) {
  if (row.redis !== undefined) row.bytes = await bytesPerSession(row)
  for (const scenario of scenarios) await runFor(row, scenario, row.cookies, plan.first)
  run.say(`${row.name} is warm`)
}
for (let round = 0; round < plan.rounds; round++) {
  for (const scenario of scenarios) {
    for (const row of round % 2 === 0 ? rows : rows.toReversed()) await measure(row, scenario)
  }
}
for (const scenario of scenarios) for (const row of rows) await countCommands(row, scenario)
for (const row of rows) {
  if (row.redis === undefined) continue
  let stored = 0
  for (const cookie of row.cookies) {
    const views = await fetch(`http://127.0.0.1:${row.port}/views`, { headers: { cookie } })
    stored += Number(await views.text())
  }
  row.lost = (await countsOf(row)).writes - stored
}

const [bare] = rows
const figuresOf = (row, { name }) => {
  const bursts = row.bursts[name]
  const of = (key) => summary(bursts.map((burst) => burst[key]))
  return {
    ...{ cpu: of('cpu'), perSecond: of('perSecond'), p50: of('p50'), p99: of('p99') },
    overhead:
      row === bare
        ? undefined
        : summary(bursts.map(({ cpu }, i) => cpu - bare.bursts[name][i].cpu)),
    commands: row.commands[name],
  }
}
const measured = rows.map((row) => ({
  ...{ id: row.id, name: row.name, bytes: row.bytes, lost: row.lost },
  figures: Object.fromEntries(scenarios.map((each) => [each.name, figuresOf(row, each)])),
}))
const version = spawnSync(`${home}/bin/java`, ['-version'], { encoding: 'utf8' }).stderr
const report = run.report({
  quick: run.quick,
  setting:
    `${rows[1].redis.version}, Java ${/"(.+)"/.exec(version)?.[1]}, one core for the JVM with its compiler and collector, 16 connections, ` +
    `${plan.rounds} rounds of ${plan.measured} ms${canPin ? '' : ', not pinned'}; median (least–most).`,
  rows: measured,
  checks: checksOf(measured),
})
console.log(`${renderTables(tables(report))}\n\n${renderChecks(report.checks)}`)
process.exit(report.checks.some(({ ok }) => ok === false) ? 1 : 0)
