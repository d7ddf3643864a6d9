// The benchmark: `npm run bench [-- --quick] [--json FILE] [--rows ID,ID] [--scenarios NAME,NAME]`. One HTTP server process a row on a core
// of its own, the load and Redis on another, in turns; see docs/performance.md. Ends with 1 when a
// promise is missed.
import { canPin, leaveMeasuredCore } from '../support/cores.mjs'
import { renderChecks, renderTables } from '../support/markdown.mjs'
import { prepare } from '../support/run.mjs'
import { summary } from '../support/statistics.mjs'
import { checksOf } from './checks.mjs'
import { inShort } from './in-short.mjs'
import { FORMAT, tables } from './tables.mjs'

const LONGEST_RUN = 45 * 60_000
/** Express makes garbage with each request, and its bursts differ by more than others': it gets more. */
const NOISY = 'express'

const list = { type: 'string' }
const run = prepare('bench', { longest: LONGEST_RUN, options: { rows: list, scenarios: list } })
const { quick } = run
// Many short rounds: what disturbs a shared machine comes and goes within seconds, and rows are compared
// within a round. And several processes of each row: where its memory happens to lie makes one quicker than
// another by microseconds, for as long as it lives.
const plan = quick
  ? { processes: 1, rounds: 2, warm: 100, measured: 250, counted: 400 }
  : { processes: 3, rounds: 5, warm: 80, measured: 200, counted: 2_000 }
// Each server's code is compiled by its own load before anything counts: what a read runs within a second, the
// many small functions of a write take five (a write cost 90 µs after 1.2 s of it, and 77 from the fifth second
// on). Scenarios that come later find most of theirs compiled. Milliseconds.
const FIRST = { read: 1_200, write: 5_000, mixed: 400, anonymous: 400, read4k: 800 }
const QUICK_FIRST = 300
const QUICK_ONES = ['node', 'express', 'fastify']

// Only now: their packages may have come this moment.
const { listRows } = await import('./rows.mjs')
const { CONNECTIONS } = await import('./load.mjs')
const { checkViews, countCommands, endRow, measure, restart, startRow, warmUp } = await import(
  './row.mjs'
)
const all = (await import('./scenarios.mjs')).scenarios
const scenarios = chosen('scenarios', quick ? all.slice(0, 2) : all, 'name')

leaveMeasuredCore()
if (!canPin) run.say('no taskset or a single core: the server shares its core with the load')

const rounds = plan.processes * plan.rounds
const asked = chosen('rows', listRows(), 'id').filter(
  ({ framework }) => !quick || run.values.rows !== undefined || QUICK_ONES.includes(framework),
)
const rows = []
// One framework after the other: its rows are compared with each other and with no others. With all of them at once,
// 24 servers and 14 Redis, each finds the processor's caches emptied by the others: a write of Sojourn on Fastify
// cost 86 µs there and 76 beside five others, one of @fastify/session 112 and 107 (decision 0028). So variants, which no
// peer is held against, have a turn of their own too.
for (const framework of new Set(asked.map((row) => row.framework))) {
  const own = asked.filter((row) => row.framework === framework)
  const apart = own.filter((row) => row.apart)
  rows.push(...(await measureTogether(own.filter((row) => !row.apart))))
  const beside = own.filter(({ id }) => apart.some((row) => [framework, row.floor].includes(id)))
  if (apart.length > 0)
    rows.push(...(await measureTogether([...beside, ...apart])).slice(beside.length))
  run.say(`${framework} is done`)
}
rows.sort(
  (a, b) => asked.findIndex(({ id }) => id === a.id) - asked.findIndex(({ id }) => id === b.id),
)

/** Rows in turns, round after round. @returns them, each with the `company` that it is compared with */
async function measureTogether(group) {
  const running = []
  for (const row of group) {
    const started = await startRow(row, run)
    started.company = running
    running.push(started)
  }
  for (let round = 1; round <= rounds; round++) {
    const isFirstOfProcess = round % plan.rounds === 1
    if (round > 1 && isFirstOfProcess) for (const row of running) await restart(row)
    if (isFirstOfProcess) {
      for (const row of running) {
        for (const scenario of scenarios) {
          await warmUp(row, scenario, quick ? QUICK_FIRST : FIRST[scenario.name])
        }
      }
    }
    for (const scenario of scenarios) {
      // To and fro, so that a machine that grows slower does not count against the last.
      const there = round % 2 === 1 ? running : running.toReversed()
      const back = there.filter(({ framework }) => framework === NOISY).toReversed()
      for (const row of [...there, ...back]) await measure(row, scenario, plan)
    }
  }
  for (const scenario of scenarios) {
    for (const row of running) await countCommands(row, scenario, plan.counted)
  }
  for (const row of running) {
    await checkViews(row)
    await endRow(row)
  }
  return running
}

/** Those that were asked for, or all. */
function chosen(option, all, key) {
  const names = run.values[option]?.split(',')
  if (names === undefined) return all
  const found = all.filter((item) => names.includes(item[key]))
  if (found.length === names.length) return found
  return run.fail(`--${option} takes ${all.map((item) => item[key]).join(', ')}`)
}

const figuresOf = (row, { name }) => {
  const bursts = row.bursts[name]
  const bare = row.company.find(({ system }) => system === 'bare')
  const floor = row.company.find(({ id }) => id === row.floor)
  const of = (key) => summary(bursts.map((burst) => burst[key]))
  /** Of bursts of the same round. */
  const over = (other) =>
    other === undefined || other === row
      ? undefined
      : summary(bursts.map(({ cpu }, i) => cpu - other.bursts[name][i].cpu))
  const stores = row.redis !== undefined
  return {
    cpu: of('cpu'),
    overhead: over(bare),
    overFloor: over(floor),
    perSecond: of('perSecond'),
    busy: of('busy'),
    p50: of('p50'),
    p99: of('p99'),
    commands: row.commands[name],
    redisCpu: stores ? of('redisCpu') : undefined,
  }
}

const version = rows.find(({ redis }) => redis !== undefined)?.redis.version ?? 'no Redis'
const measured = rows.map((row) => ({
  id: row.id,
  name: row.name,
  framework: row.framework,
  system: row.system,
  floor: row.floor,
  bytes: row.bytes,
  figures: Object.fromEntries(scenarios.map((s) => [s.name, figuresOf(row, s)])),
}))
const checks = checksOf(measured, {
  rows: run.values.rows?.split(','),
  scenarios: scenarios.map((scenario) => scenario.name),
})
const setting =
  `${version}, Node ${process.versions.node}, ${CONNECTIONS} connections, ${rounds} rounds of ` +
  `${plan.measured} ms, ${plan.processes} processes, twice as many for Express${canPin ? '' : ', not pinned'}; median (least–most).`
const report = run.report({
  format: FORMAT,
  quick,
  setting,
  pinned: canPin,
  scenarios: scenarios.map(({ name }) => name),
  rows: measured,
  checks,
})
console.log(`${inShort(report)}\n\n${renderTables(tables(report))}\n\n${renderChecks(checks)}`)
process.exit(checks.some(({ ok }) => ok === false) ? 1 : 0)
