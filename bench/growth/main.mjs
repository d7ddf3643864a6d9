// What more nodes, sessions and writes cost: `npm run bench:growth [-- --quick] [--json FILE]`.
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { startChild } from '../support/child.mjs'
import { renderTables } from '../support/markdown.mjs'
import { prepare } from '../support/run.mjs'
import { fitCost } from './cost.mjs'
import { measureFleet } from './fleet.mjs'
import { measureMemory } from './memory.mjs'
import { FORMAT, tables } from './tables.mjs'

const LONGEST_RUN = 15 * 60_000

const run = prepare('bench:growth', { longest: LONGEST_RUN })
const sizes = run.quick ? [1_000, 10_000, 100_000] : [1_000, 10_000, 100_000, 1_000_000]
const ms = run.quick ? 1_000 : 4_000

const redis = await run.startRedis()
const file = join(dirname(redis.socket), 'tokens')
const secret = randomBytes(32).toString('base64')
const startNode = async () => {
  const program = new URL('node.mjs', import.meta.url)
  const options = { flags: ['--expose-gc'] }
  const node = await startChild(program, { redis: redis.socket, secret }, options)
  run.ends(() => void node.kill())
  return node
}

const seeder = await startNode()
const { state } = await seeder.ask('stats')
if (state !== 'on') run.fail(`the near cache is ${state}`)
await seeder.ask('seed', { file, count: sizes.at(-1) })
await seeder.kill()
run.say(`${sizes.at(-1)} sessions are stored`)

const { say } = run
const memory = await measureMemory({ startNode, file, sizes, say })
const fleet = await measureFleet({
  ...{ startNode, redis, file, ms, say },
  fleets: [1, 2, 4, 8],
  rates: [0, 200, 400, 800],
})
const setting = `${redis.version}, Node ${process.versions.node}.`
const report = run.report({
  ...{ format: FORMAT, quick: run.quick, setting, memory, fleet },
  cost: fitCost(fleet),
})
console.log(renderTables(tables(report)))
process.exit(0)
