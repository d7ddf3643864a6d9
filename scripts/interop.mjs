// The applications of examples/polyglot on one Redis, driven over HTTP: tests/interop.
// Usage: npm run test:interop [-- arguments of node --test]
// Needs Python 3.10 and a JDK 17 with Maven; says which it has done without.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildPolyglot } from './polyglot.mjs'

const folder = fileURLToPath(new URL('../tests/interop/', import.meta.url))
const tools = buildPolyglot()
for (const [stack, { missing }] of Object.entries(tools)) {
  if (missing !== undefined) console.log(`skipped: ${stack}, ${missing}`)
}
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.test.mjs'))
  .map((file) => folder + file)
const args = [
  '--test',
  '--test-concurrency=1',
  '--test-timeout=120000',
  ...process.argv.slice(2),
  ...files,
]
const { status } = spawnSync(process.execPath, args, {
  stdio: 'inherit',
  env: { ...process.env, POLYGLOT: JSON.stringify(tools) },
})
process.exitCode = status ?? 1
