// Moves sessions under load, with the tool as it is shipped: `npm run bench:migrate [-- --quick] [--sessions N] [--json FILE]`.
// Nodes go to the new side in two steps, back, and there again. Ends with 1 when a session is lost or a
// sign-out undone.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createSessions } from '../../dist/index.js'
import { renderTables } from '../support/markdown.mjs'
import { prepare } from '../support/run.mjs'
import { FORMAT, tables } from './tables.mjs'
import { Users } from './users.mjs'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const STEP = 2_000

const options = { sessions: { type: 'string' } }
const run = prepare('bench:migrate', { longest: 10 * 60_000, options })
const count = Number(run.values.sessions ?? (run.quick ? 10_000 : 100_000))
const [from, to] = [await run.startRedis(), await run.startRedis()]
const secrets = [randomBytes(32).toString('base64')]
const sideOf = ({ socket }) => createSessions({ redis: socket, secrets, commandTimeout: '30s' })
const users = new Users({ from: sideOf(from), to: sideOf(to) }, (below) =>
  Math.floor(Math.random() * below),
)
await users.signIn(count)
run.say(`${count} sessions are stored`)

users.start()
const began = performance.now()
const args = [CLI, 'migrate', '--from', from.socket, '--to', to.socket, '--json']
const tool = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
run.ends(() => tool.kill('SIGKILL'))
let [result, talk] = ['', '']
tool.stdout.on('data', (data) => (result += data))
const following = new Promise((resolve, reject) => {
  tool.stderr.on('data', (data) => {
    talk += data
    if (talk.includes('following')) resolve()
  })
  tool.once('exit', (code) => reject(new Error(`the tool ended with ${code}: ${talk}`)))
})
await following
const copied = performance.now() - began
const atCopy = { ...users.counts }
run.say(`copied within ${Math.round(copied)} ms, beside ${atCopy.requests} requests`)
for (const share of [0.5, 1, 0.3, 1]) {
  await users.move(share)
  await sleep(STEP)
  run.say(`${share * 100} % of the nodes are on the new side`)
}
await users.stop()
const peak =
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${tool.pid}/status`, 'utf8'))?.[1]) / 1024
const ending = performance.now()
const exited = once(tool, 'exit')
tool.kill('SIGINT')
const [code] = await exited
const ended = performance.now() - ending
const problems = { from: await users.problems('from'), to: await users.problems('to') }
const report = run.report({
  ...{
    format: FORMAT,
    setting: `${from.version}, Node ${process.versions.node}, unix sockets, all on two cores.`,
  },
  ...{ sessions: count, copied, atCopy, ended, peak, code, counts: users.counts },
  ...{ lostDuring: users.lost.length, problems, tool: JSON.parse(result || '{}') },
})
console.log(renderTables(tables(report)))
const isRight = [problems.from, problems.to].every(({ lost, undone }) => lost + undone === 0)
process.exit(isRight && code === 0 && users.lost.length === 0 ? 0 : 1)
