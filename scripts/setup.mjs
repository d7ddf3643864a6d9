// Brings a checkout to where a command can run: packages, the build and, for `test`, a server and a browser.
// Runs before anything is installed, so it uses only Node. Usage: node scripts/setup.mjs build|start|test
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (...path) => join(root, ...path)
const say = (text) => console.log(`sojourn: ${text}`)

function fail(text) {
  console.error(`sojourn: ${text}`)
  process.exit(1)
}

/** Runs a command, shows its output only when it fails, and tells whether it worked. */
function run(command, args, env = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status === 0) return true
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`)
  return false
}

// Packages. npm keeps what it installed in node_modules/.package-lock.json and writes it last, so an
// interrupted install does not count. Optional packages are those of other platforms.
function packagesInstalled() {
  if (!existsSync(at('node_modules/.package-lock.json'))) return false
  const packages = (file) => JSON.parse(readFileSync(at(file), 'utf8')).packages
  const installed = packages('node_modules/.package-lock.json')
  return Object.entries(packages('package-lock.json')).every(
    ([path, { version, optional }]) =>
      path === '' || optional || installed[path]?.version === version,
  )
}

function installPackages() {
  say('installing packages …')
  const npm = process.env.npm_execpath
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const windows = process.platform === 'win32'
  const worked = npm?.endsWith('.js')
    ? run(process.execPath, [npm, ...args])
    : run(windows ? 'npm.cmd' : 'npm', args)
  if (!worked) fail('`npm ci` failed, see above')
}

// The build. dist/.stamp holds a hash of all that goes into it.
function sourceHash() {
  const hash = createHash('sha256')
  const add = (path) =>
    hash
      .update(`${path}\0`)
      .update(readFileSync(at(path)))
      .update('\0')
  const walk = (folder) => {
    if (!existsSync(at(folder))) return
    const entries = readdirSync(at(folder), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else add(path)
    }
  }
  for (const file of readdirSync(root).sort()) {
    if (/^tsconfig.*\.json$|^package-lock\.json$/.test(file)) add(file)
  }
  walk('console')
  walk('protocol')
  walk('src')
  return hash.digest('hex')
}

function built() {
  return existsSync(at('dist/.stamp')) && readFileSync(at('dist/.stamp'), 'utf8') === sourceHash()
}

function build() {
  say('building …')
  const hash = sourceHash()
  // Beside the old one, which goes on working until the new one is whole.
  rmSync(at('dist.new'), { recursive: true, force: true })
  const tsc = at('node_modules/typescript/bin/tsc')
  // Two entries that type the same property of a request cannot be in one program.
  for (const project of ['tsconfig.build.json', 'tsconfig.build.compat.json']) {
    if (!run(process.execPath, [tsc, '-p', project, '--outDir', 'dist.new']))
      fail('the build failed, see above')
  }
  const vite = at('node_modules/vite/bin/vite.js')
  const page = ['build', '-c', 'console/vite.config.ts', '--outDir', at('dist.new/console')]
  if (!run(process.execPath, [vite, ...page, '--logLevel', 'warn']))
    fail('the build of the console failed, see above')
  writeFileSync(at('dist.new/.stamp'), hash)
  rmSync(at('dist'), { recursive: true, force: true })
  renameSync(at('dist.new'), at('dist'))
}

// The server for tests.
function onPath(name) {
  const isProgram = (path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  }
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isProgram(join(folder, name)))
}

// The browser for the console's tests. Without one they are skipped, but for CI.
function browserFound() {
  return Boolean(process.env.SOJOURN_CHROMIUM?.trim()) || onPath('chromium')
}

function installBrowser() {
  if (!onPath('apt-get')) return
  say('installing chromium with apt-get …')
  const packages = ['install', '-y', '-qq', '--no-install-recommends', 'chromium']
  if (!system('apt-get', 'update', '-qq') || !system('apt-get', ...packages))
    say("chromium is not there: the console's tests in a browser are skipped")
}

// The proxy for a test of shared caches: skipped without. Not in everybody's PATH.
function proxyFound() {
  return onPath('nginx') || existsSync('/usr/sbin/nginx')
}

function installProxy() {
  if (!onPath('apt-get')) return
  say('installing nginx with apt-get …')
  const packages = ['install', '-y', '-qq', '--no-install-recommends', 'nginx-light']
  if (!system('apt-get', 'update', '-qq') || !system('apt-get', ...packages))
    say('nginx is not there: the test of shared caches is skipped')
}

/** As root, or as somebody who may become it without being asked. RUNLEVEL=1 keeps Debian's packages from starting their service. */
function system(...command) {
  const env = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', ...command]
  return process.getuid?.() === 0 ? run(env[0], env.slice(1)) : run('sudo', ['-n', ...env])
}

function serverFound() {
  const named = process.env.SOJOURN_REDIS_SERVER?.trim()
  if (!named) return onPath('redis-server') || onPath('valkey-server')
  const [program] = named.split(/\s+/)
  if (existsSync(program) || onPath(program)) return true
  return fail(`SOJOURN_REDIS_SERVER names ${program}, which is not there`)
}

function installServer() {
  const ways = {
    'apt-get': () =>
      system('apt-get', 'update', '-qq') &&
      system('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'redis-server'),
    apk: () =>
      system('apk', 'add', '--quiet', 'redis') || system('apk', 'add', '--quiet', 'valkey'),
    dnf: () =>
      system('dnf', 'install', '-y', '-q', 'valkey') ||
      system('dnf', 'install', '-y', '-q', 'redis'),
    brew: () => run('brew', ['install', '--quiet', 'redis']),
  }
  const way = Object.keys(ways).find(onPath)
  if (way) {
    say(`installing redis-server with ${way} …`)
    if (ways[way]() && serverFound()) return
  }
  fail(
    'the tests need redis-server or valkey-server: install one (Debian: apt-get install redis-server,' +
      ' macOS: brew install redis) or set SOJOURN_REDIS_SERVER to its path',
  )
}

// One run at a time changes the checkout. The lock holds the owner's process id: a lock whose owner is
// gone is taken over.
const lock = at('.setup.lock')

function takeLock() {
  const deadline = Date.now() + 10 * 60_000
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      process.once('exit', () => rmSync(lock, { force: true }))
      for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (ownerGone()) rmSync(lock, { force: true })
    else if (Date.now() > deadline) fail(`another setup holds ${lock}: delete it if none runs`)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

function ownerGone() {
  try {
    const owner = Number(readFileSync(lock, 'utf8'))
    // Empty: its owner has made the file and not yet written to it.
    if (owner === 0) return Date.now() - statSync(lock).mtimeMs > 5_000
    process.kill(owner, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

const steps = [
  [packagesInstalled, installPackages],
  [built, build],
]
const goal = process.argv[2]
if (goal === 'test') {
  const programs = [
    [serverFound, installServer],
    [browserFound, installBrowser],
    [proxyFound, installProxy],
  ]
  steps.unshift(...programs)
} else if (goal !== 'build' && goal !== 'start')
  fail('usage: node scripts/setup.mjs build|start|test')

if (!steps.every(([done]) => done())) {
  takeLock()
  for (const [done, act] of steps) if (!done()) act()
}
