// The long run: `npm run soak [-- --operations N] [--seed N] [--json FILE]`. Signs in and out, rotates,
// revokes and lets expire on four nodes that are killed again and again; then looks at everything that is
// left. Ends with 1 and a list when anything is wrong.
import { cpSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { renderTables } from '../support/markdown.mjs'
import { prepare } from '../support/run.mjs'
import { soak } from './soak.mjs'
import { FORMAT, tables } from './tables.mjs'

const LONGEST_RUN = 30 * 60_000

const run = prepare('soak', {
  longest: LONGEST_RUN,
  options: { operations: { type: 'string' }, seed: { type: 'string' } },
})
const operations = Number(run.values.operations ?? (run.quick ? 20_000 : 200_000))
const seed = Number(run.values.seed ?? Math.floor(Math.random() * 2 ** 31))
if (!(Number.isInteger(operations) && operations >= 1_000 && operations <= 10_000_000)) {
  run.fail('--operations takes a whole number from 1000 to 10000000')
}
if (!Number.isInteger(seed)) run.fail('--seed takes a whole number')

const redis = await run.startRedis()
// Nodes start all the time: a build meanwhile must not give them another Sojourn, or half of one.
const folder = dirname(redis.socket)
cpSync(fileURLToPath(new URL('../../dist', import.meta.url)), join(folder, 'dist'), {
  recursive: true,
})
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
run.say(`${operations} operations, --seed ${seed}`)
const result = await soak({
  ...{ redis: redis.socket, command: redis.command, operations, seed, say: run.say },
  module: pathToFileURL(join(folder, 'dist/index.js')).href,
})
const setting = `${redis.version}, Node ${process.versions.node}.`
const report = run.report({ format: FORMAT, setting, ...result })
console.log(renderTables(tables(report)))
for (const text of report.problems) console.error(text)
console.log(report.problems.length === 0 ? '\nnothing is wrong' : '\nwrong, see above')
process.exit(report.problems.length === 0 ? 0 : 1)
