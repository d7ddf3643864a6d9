// The switch: `npm run bench:switch [-- --users N] [--seconds N]`. An application on express-session + connect-redis
// is replaced by the same one on Sojourn while people use it, then the other way round; then by the very same code on
// compat(), and back. Each time the new nodes take what comes, and the old ones are drained. Ends with 1 when somebody
// was signed out, a change was lost, a signed-out session came back, or a request failed.
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { installPackages } from '../support/install.mjs'
import { redisCommand, startRedis } from '../support/redis.mjs'

const NODES = 2
/** Of a user between two requests, milliseconds: all run in one process, which must not be the bottleneck. */
const SHORTEST_PAUSE = 150
const LONGEST_RUN = 10 * 60_000

function fail(text) {
  console.error(`switch: ${text}`)
  process.exit(1)
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: { users: { type: 'string' }, seconds: { type: 'string' } },
    })
    const [users, seconds] = [Number(values.users ?? 100), Number(values.seconds ?? 5)]
    const isWhole = [users, seconds].every((each) => Number.isInteger(each) && each >= 1)
    if (isWhole && users <= 1_000 && seconds <= 60) return { users, seconds }
    return fail('--users takes 1 to 1000, --seconds 1 to 60')
  } catch (error) {
    return fail(`${error.message}\nusage: npm run bench:switch -- [--users N] [--seconds N]`)
  }
}

const { users: howMany, seconds } = readArguments()
const dist = new URL('../../dist/', import.meta.url)
if (!existsSync(new URL('adopt/index.js', dist))) {
  fail('Sojourn is not built: use `npm run bench:switch`, which builds it')
}
const command = redisCommand()
if (command === undefined) fail('needs redis-server or valkey-server')
if (!installPackages()) fail('`npm ci` in bench/ failed, see above')
setTimeout(() => fail('takes too long'), LONGEST_RUN).unref()
// Only now: their packages may have come this moment.
const { createClient } = await import('redis')
const { compatApp, listen, newApp, oldApp } = await import('./apps.mjs')
const { closeConnections, User } = await import('./user.mjs')
const [core, express, compat, adopt] = await Promise.all(
  [
    'index.js',
    'frameworks/express/index.js',
    'frameworks/express-compat/index.js',
    'adopt/index.js',
  ].map((file) => import(new URL(file, dist).href)),
)
const build = { ...core, ...express, ...compat, ...adopt }

const server = await startRedis(command, createClient)
const client = await createClient({ socket: { path: server.socket } }).connect()
let adopted = 0
let errors = 0
const old = () => Promise.all(Array.from({ length: NODES }, () => listen(oldApp(client))))
const ours = (make, prefix) =>
  Promise.all(
    Array.from({ length: NODES }, async () => {
      const { app, close } = await make(build, {
        ...{ client, socket: server.socket, prefix },
        onAdopted: () => adopted++,
        onError: () => errors++,
      })
      return listen(app, close)
    }),
  )
const phases = [
  ['express-session', old],
  ['Sojourn', () => ours(newApp, 'first')],
  ['express-session', old],
  ['the same code on compat(), with a fresh prefix', () => ours(compatApp, 'second')],
  ['express-session', old],
]

const fresh = () => ({
  ...{ requests: 0, logins: 0, logouts: 0 },
  ...{ signedOut: 0, lost: 0, resurrected: 0, failed: 0 },
})
const seen = fresh()
const users = Array.from({ length: howMany }, (_, number) => new User(`user-${number}`, seen))
let nodes = []
/** Users who wait for an answer, by port: a router knows that, and drains a node by it. */
const underWay = new Map()
const run = { isOver: false }
// A user waits for an answer, and so is at the old nodes or at the new ones.
const traffic = async () => {
  await Promise.all(
    users.map(async (user) => {
      while (!run.isOver) {
        const { port } = nodes[Math.floor(Math.random() * nodes.length)]
        underWay.set(port, (underWay.get(port) ?? 0) + 1)
        await user.step(port)
        underWay.set(port, underWay.get(port) - 1)
        await pause(SHORTEST_PAUSE + Math.random() * SHORTEST_PAUSE)
      }
    }),
  )
}

/** It gets nothing more, has answered what it had, and ends. */
async function drain({ port, close }) {
  while ((underWay.get(port) ?? 0) > 0) await pause(5)
  closeConnections(port)
  await close()
}

const rows = []
try {
  let running
  for (const [title, start] of phases) {
    const [before, left] = [{ ...seen }, nodes]
    const adoptedBefore = adopted
    nodes = await start()
    running ??= traffic()
    await Promise.all(left.map(drain))
    await pause(seconds * 1000)
    const counts = Object.entries(seen).map(([name, count]) => [name, count - before[name]])
    rows.push({ phase: title, ...Object.fromEntries(counts), adopted: adopted - adoptedBefore })
  }
  run.isOver = true
  await running
  await Promise.all(nodes.map(drain))
} finally {
  client.destroy()
  server.stop()
}
console.log(`${howMany} users, ${NODES} nodes at a time, ${server.version}\n`)
console.table(rows)
const { signedOut, lost, resurrected, failed } = seen
console.log(
  `signed out ${signedOut}, changes lost ${lost}, signed-out sessions that came back ${resurrected}, ` +
    `requests failed ${failed}, writes to the old store that failed ${errors}`,
)
process.exit(signedOut + lost + resurrected + failed + errors > 0 ? 1 : 0)
