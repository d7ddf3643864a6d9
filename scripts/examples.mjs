// Runs the tests of the examples that have packages of their own, with this checkout's Sojourn in its packed
// form. With --former on what `former/` of each says, which has the framework's major version before, and the
// files that differ there. Usage: node scripts/examples.mjs [--former] [name…]
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

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
function unpack(archive, target) {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const args = ['-xzf', archive, '-C', target, '--strip-components=1']
  return spawnSync('tar', args, { stdio: 'inherit' }).status === 0
}

const MADE = ['node_modules', 'dist', 'build', '.next', '.nuxt', '.output', '.svelte-kit']

/**
 * Lays out an example with its `former/` on top, as far from the root of a package, the unpacked archive, as
 * `former/` is from this one's: its package.json and its lock file name Sojourn by that path.
 * @returns the folder
 */
function layOut(each, archive) {
  const unpacked = join(temporary, 'unpacked')
  const among = join(unpacked, 'examples/former')
  const lay = (from, to) => {
    const filter = (path) => path === from || ![...MADE, 'former'].includes(basename(path))
    cpSync(from, join(among, to), { recursive: true, filter })
  }
  if (!existsSync(among)) {
    if (!unpack(archive, unpacked)) fail('the archive cannot be unpacked')
    lay(join(examples, 'harness'), 'harness')
  }
  lay(join(examples, each), each)
  lay(join(examples, each, 'former'), each)
  return join(among, each)
}

const { values, positionals: chosen } = parseArgs({
  options: { former: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const described = values.former ? 'former/package.json' : 'package.json'
const all = readdirSync(examples).filter((each) => existsSync(join(examples, each, described)))
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
  console.log(`\n== example ${each}${values.former ? ', former versions' : ''}`)
  const folder = values.former ? layOut(each, archive) : join(examples, each)
  const isReady =
    (installed(folder) || npm(folder, INSTALL)) &&
    unpack(archive, join(folder, 'node_modules', name))
  if (!isReady || !npm(folder, ['test'])) failed.push(each)
}
if (failed.length > 0) fail(`failed: ${failed.join(', ')}`)
