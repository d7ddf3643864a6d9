import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Browsers } from './browsers.mjs'
import { Chaos } from './chaos.mjs'
import { Node } from './fleet.mjs'
import { Keyspace, Replacing } from './keyspace.mjs'
import { Ledger } from './ledger.mjs'
import { createRandom } from './random.mjs'
import { timesOf } from './setting.mjs'
import { Watch } from './watch.mjs'

const NODES = 4
/**
 * Milliseconds for which an expired session may wait once nobody dies any more: its lease, of a node that
 * was killed, and until the next look of another.
 */
const BOUND = 2_500 + 2_400
/** By then all have expired and are told of, also those that nodes died with several times. */
const SETTLING = 60_000
const MB = 1024 * 1024
/** What the server may keep beside what it had at first: scripts, tables that have grown. */
const MOST_LEFT = 3 * MB
const BYTES_A_TRACKED_NAME = 160
const MOST_HEAP_MB = 128
const MOST_RSS_MB = 400
const MOST_PROBLEMS = 50

/**
 * People sign in and out, come back with old cookies, and stay away until their sessions expire, while
 * nodes are killed. Afterwards everything is looked at.
 * @param options `redis`: path of the socket of a server with nothing else in it
 * `command` asks it, on a connection of its own; a part is a string or a Buffer
 * `module`: URL of Sojourn's
 * `killEvery`: milliseconds, on average
 * `pace`: see `timesOf`
 * @returns figures, and `problems`: texts
 */
export async function soak(options) {
  const { redis, command, module, operations, seed, killEvery = 3_000, pace = 1, say } = options
  const problems = []
  const problem = (text) => {
    if (problems.length < MOST_PROBLEMS) problems.push(text)
  }
  const random = createRandom(seed)
  const times = timesOf(pace)
  const principals = Math.min(800, Math.floor(operations / 50))
  const ledger = new Ledger()
  const keyspace = new Keyspace(command)
  const replacing = new Replacing(times.absolute)
  const browsers = new Browsers({ random, times, ledger, replacing, principals, problem })
  const counts = { left: operations, done: 0, unknown: 0, reuses: 0, faults: {} }
  const load = deferred()
  const tasks = tasksOf({
    operations,
    browsers,
    ledger,
    keyspace,
    counts,
    problem,
    allDone: load.resolve,
  })
  const argument = { module, redis, secret: randomBytes(32).toString('base64'), times }
  const nodes = Array.from({ length: NODES }, () => new Node(argument, tasks))

  const baseline = await keyspace.memory()
  const startedAt = performance.now()
  await Promise.all(nodes.map((node) => node.start()))
  const chaos = new Chaos({ nodes, random, command, every: killEvery })
  chaos.start()
  const watch = new Watch({ keyspace, problem })
  const progress = () => {
    const seconds = (performance.now() - startedAt) / 1_000
    say(
      `${figure(counts.done)} operations, ${figure(counts.done / seconds)}/s, ` +
        `${figure(browsers.size)} browsers; ${figure(ledger.told)} expired, ${chaos.kills} kills; ` +
        `${problems.length} problems`,
    )
    return counts.done / operations
  }
  watch.start({ random, principals, replacing, node: nodes[0], progress })
  await load.promise
  const loadMs = performance.now() - startedAt
  await watch.stop()
  await chaos.stop()

  const settleFrom = performance.now()
  const atEnd = await settle({ keyspace, problems, problem, longest: times.patience })
  const settleMs = performance.now() - settleFrom
  const sessions = ledger.close()
  for (const text of sessions.problems) problem(text)
  const { heap } = await nodes[0].memory()
  if (heap > MOST_HEAP_MB) problem(`a node's heap: ${heap.toFixed(0)} MB`)
  if (watch.rss > MOST_RSS_MB) problem(`a node's RSS: ${watch.rss.toFixed(0)} MB`)
  await Promise.all(nodes.map((node) => node.close()))
  const removed = await keyspace.clear()
  await sleep(500)
  const final = await keyspace.memory()
  const tracked = await keyspace.trackedNames()
  if (final > baseline + MOST_LEFT + tracked * BYTES_A_TRACKED_NAME) {
    problem(`Redis has ${megabytes(final)} MB at the end, ${megabytes(baseline)} MB at first`)
  }
  const { told, duplicates, strangers } = ledger
  return {
    ...{ operations, seed, loadMs, settleMs },
    ...{ byName: browsers.counts, errors: browsers.errors, faults: counts.faults },
    ...{ kills: chaos.kills, cuts: chaos.cuts },
    unknown: counts.unknown + (browsers.errors.ERR_SOJOURN_STORE_UNAVAILABLE ?? 0),
    sessions: sessions.counts,
    expired: { told, duplicates, strangers, latestMs: watch.overdue },
    reuses: counts.reuses,
    ...{ scans: watch.scans, samples: watch.samples },
    redis: { baselineMB: baseline / MB, peakMB: watch.peak / MB, finalMB: final / MB, tracked },
    ...{ atEnd, removed },
    node: { heaps: [...watch.heaps, heap], peakRss: watch.rss },
    problems,
  }
}

/** What a node asks for and tells. */
function tasksOf({ operations, browsers, ledger, keyspace, counts, problem, allDone }) {
  const isDone = () => {
    counts.done += 1
    if (counts.done === operations) allDone()
  }
  const events = {
    created: ({ id }) => ledger.made(id),
    login({ id, previousId, principal }) {
      ledger.made(id, principal)
      keyspace.learn(principal, id)
      if (previousId !== undefined) ledger.replaced(previousId)
    },
    rotated: ({ id, previousId }) => ledger.rotated(previousId, id),
    logout: ({ id }) => ledger.ended(id, 'signed out', true),
    revoked: ({ id }) => ledger.ended(id, 'revoked'),
    evicted: ({ id }) => ledger.ended(id, 'evicted'),
    'token-reuse'() {
      counts.reuses += 1
    },
  }
  return {
    next() {
      if (counts.left === 0) return undefined
      counts.left -= 1
      return browsers.next()
    },
    done(operation, result) {
      browsers.done(operation, result)
      isDone()
    },
    unknown(operation) {
      browsers.unknown(operation)
      counts.unknown += 1
      isDone()
    },
    event: (name, event) => events[name](event),
    expired: (id, principal) => ledger.expired(id, principal),
    error(operation, code) {
      const text = `${operation}: ${code}`
      counts.faults[text] = (counts.faults[text] ?? 0) + 1
      if (code !== 'ERR_SOJOURN_STORE_UNAVAILABLE') problem(`error event of ${text}`)
    },
    fault: problem,
  }
}

/**
 * Waits until all has expired and is told of; not for long where something is wrong already.
 * @param longest milliseconds that anything lives
 */
async function settle({ keyspace, problems, problem, longest }) {
  const startedAt = performance.now()
  for (;;) {
    await sleep(250)
    const found = await keyspace.scan(BOUND)
    for (const text of found.problems) problem(text)
    const rest = ['records', 'forwards', 'indexes', 'sets of deadlines'].filter(
      (name) => (found.counts[name] ?? 0) > 0,
    )
    const ms = performance.now() - startedAt
    if (rest.length > 0 && ms < (problems.length === 0 ? SETTLING : longest + BOUND)) continue
    for (const name of rest) {
      problem(`${found.counts[name]} ${name} are left after ${Math.round(ms)} ms`)
    }
    return found.counts
  }
}

function deferred() {
  const made = {}
  made.promise = new Promise((resolve) => {
    made.resolve = resolve
  })
  return made
}

const figure = (value) => Math.round(value).toLocaleString('en-US')
const megabytes = (bytes) => (bytes / MB).toFixed(1)
