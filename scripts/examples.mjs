// Runs the tests of the examples that have packages of their own, with this checkout's Sojourn in its packed
// form. Usage: node scripts/examples.mjs [name…]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const examples = join(root, 'examples')
const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const { name, version } = read(join(root, 'package.json'))

function fail(text) {
  console.error(`examples: ${text}`)
  process.exit(1)
}

/** @returns whether it worked; its output is shown */
function npm(cwd, args, stdout = 'inherit') {
  const path = process.env.npm_execpath
  const options = { cwd, stdio: ['ignore', stdout, 'inherit'] }
  const { status } = path?.endsWith('.js')
    ? spawnSync(process.execPath, [path, ...args], options)
    : spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, options)
  return status === 0
}

/** Whether the packages of an example are there, in the versions of its lock file. */
function installed(folder) {
  const kept = join(folder, 'node_modules/.package-lock.json')
  if (!existsSync(kept)) return false
  const found = read(kept).packages
  return Object.entries(read(join(folder, 'package-lock.json')).packages).every(
    ([path, { version, optional }]) => path === '' || optional || found[path]?.version === version,
  )
}

/** Instead of what `npm ci` has copied from here, which may be of an older build. */
function unpack(archive, folder) {
  const target = join(folder, 'node_modules', name)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const args = ['-xzf', archive, '-C', target, '--strip-components=1']
  return spawnSync('tar', args, { stdio: 'inherit' }).status === 0
}

const all = readdirSync(examples).filter((each) => existsSync(join(examples, each, 'package.json')))
const chosen = process.argv.slice(2)
for (const each of chosen) if (!all.includes(each)) fail(`no ${each}; there are ${all.join(', ')}`)

const temporary = mkdtempSync(join(tmpdir(), `${name}-examples-`))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))
// Builds first, by the package's own script.
if (!npm(root, ['pack', '--loglevel=error', '--pack-destination', temporary], 'ignore')) {
  fail('`npm pack` failed, see above')
}
const archive = join(temporary, `${name}-${version}.tgz`)

// Not `ci`, which refuses a lock file where the registry lacks an optional package (vite 8 has one for Windows). The
// versions are those of the lock file all the same, which stays as it is.
const INSTALL = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']

const failed = []
for (const each of chosen.length === 0 ? all : chosen) {
  const folder = join(examples, each)
  console.log(`\n== example ${each}`)
  const isReady = (installed(folder) || npm(folder, INSTALL)) && unpack(archive, folder)
  if (!isReady || !npm(folder, ['test'])) failed.push(each)
}
if (failed.length > 0) fail(`failed: ${failed.join(', ')}`)
