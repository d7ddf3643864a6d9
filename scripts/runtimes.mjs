// Runs the adapters' tests on Bun and Deno as well, which come as packages where SOJOURN_BUN and SOJOURN_DENO do not
// name them. Usage: node scripts/runtimes.mjs
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'tests/frameworks/runtimes')
const FILE = 'tests/frameworks/runtimes.test.ts'

function run(cwd, command, args, env = process.env) {
  const { status } = spawnSync(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) process.exit(status ?? 1)
}

const programs = {}
for (const name of ['bun', 'deno']) {
  const variable = `SOJOURN_${name.toUpperCase()}`
  if (process.env[variable] !== undefined) continue
  const program = join(folder, 'node_modules/.bin', name)
  if (!existsSync(program))
    run(folder, 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  programs[variable] = program
}
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const args = [vitest, 'run', FILE, '--typecheck.enabled=false']
run(root, process.execPath, args, { ...process.env, ...programs })
