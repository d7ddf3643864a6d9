// The race proof: `npm run races [-- --races N] [--json FILE]`. Forces the same races on
// express-session + connect-redis and on Sojourn, over HTTP and Redis, and prints both side by side.
// Ends with 1 when Sojourn shows anything but 0, or when a race was not the race it is meant to be.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { installPackages, versionOf } from '../support/install.mjs'
import { redisCommand, startRedis } from '../support/redis.mjs'
import { problems, table } from './report.mjs'

const LONGEST_RUN = 10 * 60_000
const ROTATION_GRACE = 3_000
const CONCURRENCY = 16

function fail(text) {
  console.error(`races: ${text}`)
  process.exit(1)
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: { races: { type: 'string' }, json: { type: 'string' } },
    })
    const races = Number(values.races ?? 1_000)
    if (Number.isInteger(races) && races >= 1 && races <= 100_000) return { ...values, races }
    return fail('--races takes a whole number from 1 to 100000')
  } catch (error) {
    return fail(`${error.message}\nusage: npm run races -- [--races N] [--json FILE]`)
  }
}

async function race(title, races, options) {
  const fleet = await processFleet({ ...options, concurrency: CONCURRENCY })
  try {
    const onRow = ({ name }, ms) => console.error(`races: ${title}: ${name}: ${seconds(ms)}`)
    return { title, rows: await runRows(fleet, { races, concurrency: CONCURRENCY, onRow }) }
  } finally {
    fleet.close()
  }
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

const { races, json } = readArguments()
const startedAt = performance.now()
if (!existsSync(new URL('../../dist/index.js', import.meta.url))) {
  fail('Sojourn is not built: use `npm run races`, which builds it')
}
const server = redisCommand()
if (server === undefined) {
  fail(
    'needs redis-server or valkey-server: install one (Debian: apt-get install redis-server, ' +
      'macOS: brew install redis) or set SOJOURN_REDIS_SERVER to its path',
  )
}
if (!installPackages()) fail('`npm ci` in bench/ failed, see above')
// Only now: their packages may have come this moment.
const { createClient } = await import('redis')
const { processFleet } = await import('./fleet.mjs')
const { runRows } = await import('./run.mjs')
const { expressSessionHolds } = await import('./systems/express-session.mjs')
const { sojournHolds } = await import('./systems/sojourn.mjs')

const redis = await startRedis(server, createClient).catch((error) => fail(error.message))
process.once('exit', () => redis.stop())
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => fail('stopped'))
setTimeout(() => fail(`not done after ${seconds(LONGEST_RUN)}`), LONGEST_RUN).unref()

try {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url)))
  const secret = randomBytes(32).toString('base64')
  const rotationGrace = ROTATION_GRACE
  const peer = await race(
    `express-session ${versionOf('express-session')} + connect-redis ${versionOf('connect-redis')}`,
    races,
    {
      system: 'express-session',
      options: { socket: redis.socket, secret, rotationGrace },
      holds: (id) => expressSessionHolds(redis.command, id),
    },
  )
  const own = await race(`Sojourn ${version}`, races, {
    system: 'sojourn',
    options: { redis: redis.socket, secret, rotationGrace },
    holds: (id) => sojournHolds(redis.command, id),
  })
  const ms = performance.now() - startedAt
  const setting = `${redis.version}, Node ${process.versions.node}, Express ${versionOf('express')}`
  console.log(`
${table(peer, own)}

forced: races in which both requests stood where they race, as their order and what they had read
show; count: races that ended as the row says. express-session has no merge. Slow and parallel
requests write one attribute; express-session runs with resave and saveUninitialized off.
${setting}; two nodes and an observer of each system, every one a process; ${seconds(ms)}.`)
  const found = problems(peer, own)
  for (const text of found) console.error(text)
  if (json !== undefined) {
    const report = { races, setting, durationMs: Math.round(ms), problems: found, peer, own }
    writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  }
  if (found.length > 0) process.exitCode = 1
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  redis.stop()
}
