/**
 * Two web nodes, one set of sessions. `npm start`, or `node examples/demo/main.mjs` after a build.
 *   PORT_A, PORT_B      3001 and 3002; the next free ones where they are taken
 *   SOJOURN_REDIS_URL   keeps the sessions in Redis or Valkey; without it, in this process
 *   SOJOURN_SECRET      32 bytes or more: with Redis, sessions then outlive this process
 */
import { randomBytes } from 'node:crypto'
import { counter, createSessions, memoryEngine, union } from 'sojourn'
import { listen } from './listen.mjs'
import { createNode, serve } from './node.mjs'
import { watchStore } from './store-watch.mjs'

const { PORT_A, PORT_B, SOJOURN_REDIS_URL: redis, SOJOURN_SECRET: secret } = process.env
/** npm passes a Ctrl-C on that the terminal has sent to us too: the same press, not a second one. */
const SAME_PRESS = 500
const PATIENCE = 1_500

/** @typedef {import('./node.mjs').Data} Data */

/** @type {import('sojourn').CreateSessionsOptions<Data>} */
const options = {
  secrets: secret ?? randomBytes(32),
  idleTimeout: '20m',
  absoluteTimeout: '8h',
  touchAfter: 0.01,
  merge: { cart: union('sku'), visits: counter },
  cookie: { name: '__Host-sojourn-demo' },
}

/** @returns {never} */
function fail(/** @type {unknown} */ error) {
  console.error(`Sojourn demo: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}

function portOf(/** @type {string} */ name, /** @type {string | undefined} */ text, usual = 0) {
  if (text === undefined || text === '') return usual
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  return fail(`${name} takes a port, 0 to 65535`)
}

/** Where Redis is, without user and password. */
function placeOf(/** @type {string} */ url) {
  if (!URL.canParse(url)) return url
  const { protocol, host, pathname } = new URL(url)
  return protocol === 'unix:' ? pathname : host
}

async function start() {
  const engine = redis ? undefined : memoryEngine()
  const store = redis ? `Redis at ${placeOf(redis)}` : 'embedded engine, in this process'
  const nodes = ['A', 'B'].map((name) =>
    createNode(
      name,
      createSessions(
        engine ? { ...options, engine } : { ...options, redis, prefix: 'sojourn-demo' },
      ),
    ),
  )
  const ports = [portOf('PORT_A', PORT_A, 3001), portOf('PORT_B', PORT_B, 3002)]
  for (const [i, node] of nodes.entries()) {
    node.port = await listen(node.server, ports[i] ?? 0)
    node.origin = `http://localhost:${node.port}`
  }
  for (const node of nodes) serve(node, nodes, store)
  return { nodes, store }
}

const { nodes, store } = await start().catch(fail)

console.log(`
  Sojourn demo

  Node A   ${nodes[0].origin}
  Node B   ${nodes[1].origin}
  Store    ${store}${redis ? '' : '; SOJOURN_REDIS_URL=redis://localhost keeps them in Redis'}

  Sign in on one node, open the other. Ctrl-C ends.
`)

const watches = nodes.map((node, i) =>
  watchStore(node.sessions, (state) => {
    node.feed.storeChanged(state)
    // One line for both nodes: they ask the same store.
    if (i > 0) return
    if (state.ok) console.log('The store answers again.')
    else console.log(`The store does not answer (${state.code}): ${state.message}`)
  }),
)

/** Requests under way are answered, within reason. */
async function closeServer(/** @type {import('./node.mjs').Node} */ { server, feed }) {
  feed.close()
  const closed = new Promise((resolve) => server.close(resolve))
  // A connection that has had its last answer would be kept alive.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const patience = setTimeout(() => server.closeAllConnections(), PATIENCE)
  await closed
  clearInterval(idle)
  clearTimeout(patience)
}

async function stop() {
  console.log('\nStopping …')
  for (const end of watches) end()
  await Promise.all(nodes.map(closeServer))
  await Promise.all(nodes.map(({ sessions }) => sessions.close()))
  console.log('Stopped.')
}

/** @type {number | undefined} */
let stoppedAt
function onSignal() {
  if (stoppedAt === undefined) {
    stoppedAt = performance.now()
    stop().then(() => process.exit(0), fail)
  } else if (performance.now() - stoppedAt > SAME_PRESS) {
    process.exit(130)
  }
}
process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)

// A signal to npm alone ends npm and its shell, and would leave us behind.
if (process.env.npm_lifecycle_event !== undefined) {
  const { ppid } = process
  const watch = setInterval(() => {
    if (process.ppid === ppid) return
    clearInterval(watch)
    onSignal()
  }, 500)
  watch.unref()
}
