// How long a revoked session is still served: `npm run bench:staleness [-- --quick] [--json FILE]
// [--revocations N]`. Two nodes, each a process. Ends with 1 when a promise is missed.
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { startChild } from '../support/child.mjs'
import { renderChecks, renderTables } from '../support/markdown.mjs'
import { startProxy } from '../support/proxy.mjs'
import { prepare } from '../support/run.mjs'
import { quantile } from '../support/statistics.mjs'
import { revokeInFault, revokeOneByOne } from './rounds.mjs'
import { tables } from './tables.mjs'

const LONGEST_RUN = 5 * 60_000
const MAX_STALENESS = 1_000
const MOST_P99 = 10

const run = prepare('bench:staleness', {
  longest: LONGEST_RUN,
  options: { revocations: { type: 'string' } },
})
const count = Number(run.values.revocations ?? (run.quick ? 500 : 5_000))
if (!(count >= 1 && count <= 100_000)) run.fail('--revocations takes a number from 1 to 100000')
const faults = run.quick ? 3 : 12

const redis = await run.startRedis()
const proxyPath = join(dirname(redis.socket), 'proxy.sock')
const proxy = await startProxy(proxyPath, redis.socket)
const secret = randomBytes(32).toString('base64')
const node = async (socket) => {
  const program = new URL('node.mjs', import.meta.url)
  const child = await startChild(program, { redis: socket, secret })
  run.ends(() => void child.kill())
  return child
}
const revoker = await node(redis.socket)
const near = { revoker, reader: await node(redis.socket) }
const behindProxy = { revoker, reader: await node(proxyPath) }
const { state } = await near.reader.ask('stats')
if (state !== 'on') run.fail(`the near cache is ${state}`)

const now = () => Number(process.hrtime.bigint()) / 1e6
const linkCut = {
  async fault(ids) {
    proxy.cut()
    const cutAt = now()
    const times = await Promise.all(ids.map((id) => revoker.ask('revoke', id)))
    return times.map((at) => ({ at: Math.max(at, cutAt), done: true }))
  },
  repair: async () => proxy.heal(),
}
const serverStopped = (question) => ({
  fault: (ids) => revoker.ask(question, { ids, server: redis.pid }),
  repair: async () => process.kill(redis.pid, 'SIGCONT'),
})

async function inFaults(name, fault) {
  const results = []
  for (let i = 0; i < faults; i++) results.push(...(await revokeInFault(behindProxy, fault)))
  run.say(`${name}: done`)
  return figures(name, results)
}

function figures(name, results) {
  const of = (key) => results.map((result) => result[key]).toSorted((a, b) => a - b)
  const lastHits = of('lastHit')
  const refused = of('refused')
  return {
    name,
    count: results.length,
    refused:
      refused[0] === undefined
        ? undefined
        : { p50: quantile(refused, 0.5), p99: quantile(refused, 0.99), max: refused.at(-1) },
    lastHit: lastHits.at(-1),
    late: lastHits.filter((ms) => ms > MAX_STALENESS).length,
  }
}

const undisturbed = figures('nothing', await revokeOneByOne(near, count))
run.say('nothing: done')
const cut = await inFaults('the link is cut one way', linkCut)
const stopping = await inFaults(
  'the server stops as it acknowledges',
  serverStopped('revokeAndStop'),
)
const stopped = await inFaults('the server has stopped', serverStopped('stopAndRevoke'))
const results = [undisturbed, cut, stopping, stopped]
const checks = [
  {
    text: `p99 of ${count} revocations: ${undisturbed.refused.p99.toFixed(2)} ms, at most ${MOST_P99} ms`,
    ok: undisturbed.refused.p99 <= MOST_P99,
  },
  ...[cut, stopping, stopped].map(({ name, late, lastHit }) => ({
    text: `${name}: ${late} hits later than ${MAX_STALENESS} ms, the last after ${lastHit.toFixed(0)} ms`,
    ok: late === 0,
  })),
]
const setting = `${redis.version}, Node ${process.versions.node}, \`maxStaleness\` ${MAX_STALENESS} ms (the default).`
const report = run.report({ quick: run.quick, setting, results, checks })
console.log(`${renderTables(tables(report))}\n\n${renderChecks(checks)}`)
proxy.stop()
process.exit(checks.every(({ ok }) => ok) ? 0 : 1)
