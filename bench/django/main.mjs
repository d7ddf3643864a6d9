// What a session costs in Django, beside django-redis: `npm run bench:django [-- --quick] [--json FILE]`.
// Each row is a process with Django's WSGI handler, called in the process, and has a Redis of its own. Ends
// with 1 when a promise is missed.
import { setTimeout as sleep } from 'node:timers/promises'
import { leaveMeasuredCore } from '../support/cores.mjs'
import { renderChecks, renderTables } from '../support/markdown.mjs'
import { ownVersion, prepare } from '../support/run.mjs'
import { summary } from '../support/statistics.mjs'
import { checksOf } from './checks.mjs'
import { pinned, prepareDjango } from './environment.mjs'
import { startRow } from './process.mjs'
import { FORMAT, tables } from './tables.mjs'

const LONGEST_RUN = 15 * 60_000
const SCENARIOS = ['read', 'cart', 'write', 'anonymous']
const SESSIONS = 480
/** Until MONITOR has told of the last command. */
const MONITOR_DELAY = 200

const run = prepare('bench:django', { longest: LONGEST_RUN })
const environment = prepareDjango()
if (environment.missing !== undefined) run.fail(environment.missing)
const times = run.quick
  ? { rounds: 6, requests: 80, warmUp: 480, counted: 100 }
  : { rounds: 60, requests: 120, warmUp: 960, counted: 480 }

leaveMeasuredCore()
const rows = []
for (const [system, name] of [
  ['bare', 'Django alone'],
  ['django-redis', `django-redis ${pinned('django-redis')}, cache sessions`],
  ['django', `Django's own RedisCache, cache sessions`],
  ['sojourn', `Sojourn ${ownVersion()}`],
  ['sojourn-anew', `Sojourn ${ownVersion()}, each record opened anew`],
]) {
  const redis = await run.startRedis()
  const child = startRow(environment, system, redis.socket)
  run.ends(child.kill)
  await child.ask('seed', SESSIONS)
  const bytes = await bytesPerSession(redis)
  rows.push({ system, name, child, redis, bytes, bursts: {}, commands: {} })
}

for (const scenario of SCENARIOS) {
  for (const row of rows) await row.child.ask('burst', scenario, times.warmUp)
  for (let round = 0; round < times.rounds; round++) {
    for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
      row.bursts[scenario] ??= []
      row.bursts[scenario].push(await row.child.ask('burst', scenario, times.requests))
    }
  }
  for (const row of rows) row.commands[scenario] = await countCommands(row, scenario)
  run.say(`${scenario}: done`)
}
for (const row of rows) await row.child.ask('check')

async function bytesPerSession(redis) {
  const keys = await redis.command('KEYS', '*')
  let bytes = 0
  for (const key of keys) bytes += Number(await redis.command('MEMORY', 'USAGE', key))
  return bytes === 0 ? undefined : bytes / SESSIONS
}

/** As the client sends them, without those that run inside scripts. */
async function countCommands({ child, redis }, scenario) {
  let count = 0
  const monitor = await redis.monitor((line) => {
    if (!/^\S+ \[\d+ lua\]/.test(line)) count++
  })
  await child.ask('burst', scenario, times.counted)
  await sleep(MONITOR_DELAY)
  monitor.destroy()
  return count / times.counted
}

/** A burst of a row beside the bare one of the same round. */
function figuresOf({ bursts, commands }, scenario) {
  const bare = rows[0].bursts[scenario]
  const of = (pick) => summary(bursts[scenario].map(pick))
  return {
    cpu: of(({ cpu }) => cpu),
    overCpu: of(({ cpu }, round) => cpu - bare[round].cpu),
    wall: of(({ wall }) => wall),
    overWall: of(({ wall }, round) => wall - bare[round].wall),
    commands: commands[scenario],
  }
}

const { python, django, redis } = await rows[0].child.ask('versions')
const results = rows.map((row) => ({
  system: row.system,
  name: row.name,
  bytes: row.bytes,
  figures: Object.fromEntries(SCENARIOS.map((scenario) => [scenario, figuresOf(row, scenario)])),
}))
const checks = checksOf(results)
const setting =
  `Python ${python}, Django ${django}, redis-py ${redis}, ${rows[0].redis.version}; ` +
  `${times.rounds} rounds of ${times.requests} requests each, ${SESSIONS} sessions.`
const report = run.report({ format: FORMAT, quick: run.quick, setting, results, checks })
console.log(`${renderTables(tables(report))}\n\n${renderChecks(checks)}`)
process.exit(checks.every(({ ok }) => ok) ? 0 : 1)
