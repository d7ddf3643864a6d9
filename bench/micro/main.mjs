// Micro-benchmarks: `npm run bench:micro [-- --quick] [--json FILE]`. Ends with 1 when a hit of the
// near cache takes more than a microsecond.
import { randomBytes } from 'node:crypto'
import { renderChecks, renderTables } from '../support/markdown.mjs'
import { prepare } from '../support/run.mjs'
import { tables } from './tables.mjs'

const LONGEST_RUN = 5 * 60_000
const MOST_HIT = 1_000

const run = prepare('bench:micro', { longest: LONGEST_RUN })
process.env.NODE_ENV = 'production'
// Only now: what they import looks at the environment, and needs packages that may have come now.
const { measureAll } = await import('./measure.mjs')
const { hits, openSessions } = await import('./hits.mjs')
const { records, tokens } = await import('./parts.mjs')
const { scripts } = await import('./scripts.mjs')

const ms = run.quick ? 100 : 500
const secret = randomBytes(32).toString('base64')
const redis = await run.startRedis()
// No heartbeat comes through while a function is measured.
const patient = { nearCache: { maxStaleness: '1m' }, commandTimeout: '10s' }
const near = await openSessions({ redis: redis.socket, ...patient }, secret)
const inProcess = await openSessions({}, secret)

const nearHit = 'cookie header, near cache'
const results = [
  ...(await measureAll(nearHit, await hits(near), ms)),
  ...(await measureAll('cookie header, embedded engine', await hits(inProcess), ms)),
  ...(await measureAll('token', tokens(secret), ms)),
  ...(await measureAll('record', records(secret), ms)),
  ...(await scripts(near.engine, redis, secret, ms)),
]
await near.close()
await inProcess.close()

const [hit] = results
const checks = [
  {
    text: `hit path, cookie header to a readable session: ${(hit.p50 / 1_000).toFixed(2)} µs, at most 1.00 µs`,
    ok: hit.p50 <= MOST_HIT,
  },
]
const setting = `${redis.version}, Node ${process.versions.node}; medians of batches.`
const report = run.report({ quick: run.quick, setting, results, checks })
console.log(`${renderTables(tables(report))}\n\n${renderChecks(checks)}`)
process.exit(checks.every(({ ok }) => ok) ? 0 : 1)
