// One node: node.mjs '{"module": …, "redis": …, "secret": …, "times": …}'. Does what the driver sends, and tells it
// of all events in the order in which they happen. Killed at any moment.
import { perform } from './perform.mjs'
import { optionsOf } from './setting.mjs'

const { module, ...where } = JSON.parse(process.argv[2])
const { createSessions } = await import(module)
const sessions = createSessions(optionsOf(where))

let outgoing = []
/** What is told in one turn of the event loop shares a message. */
function tell(...item) {
  if (outgoing.push(item) > 1) return
  setImmediate(() => {
    const items = outgoing
    outgoing = []
    process.send(items)
  })
}

for (const name of ['created', 'login', 'rotated', 'logout', 'revoked', 'evicted', 'token-reuse']) {
  sessions.on(name, (event) => tell('event', name, event))
}
sessions.on('error', ({ operation, error }) => {
  tell('error', operation, error.code ?? String(error.stack ?? error))
})
process.on('warning', (warning) => tell('fault', String(warning.stack ?? warning)))

/** Expired sessions are done with when the driver has written them down. */
const unheard = new Map()
let number = 0
sessions.on('expired', ({ id, principal }) => {
  number += 1
  tell('expired', number, id, principal)
  return new Promise((resolve) => unheard.set(number, resolve))
})

async function run({ number: n, ...operation }) {
  try {
    tell('done', n, await perform(sessions, operation))
  } catch (error) {
    tell('fault', `${operation.name}: ${error.stack ?? error}`)
    tell('done', n, { error: 'fault' })
  }
}

process.on('disconnect', () => process.exit(0))
process.on('message', ({ run: operations = [], heard = [], ask }) => {
  for (const operation of operations) void run(operation)
  for (const n of heard) {
    unheard.get(n)?.()
    unheard.delete(n)
  }
  if (ask === 'memory') {
    globalThis.gc()
    tell('memory', process.memoryUsage())
  }
  if (ask === 'close') void sessions.close().then(() => process.exit(0))
})
await sessions.ready()
tell('ready')
