import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const bench = fileURLToPath(new URL('..', import.meta.url))
const packagesOf = (file) => JSON.parse(readFileSync(bench + file, 'utf8')).packages

/** Whether the packages of bench/ are there, in the versions of its lock file. */
function installed() {
  if (!existsSync(`${bench}node_modules/.package-lock.json`)) return false
  const found = packagesOf('node_modules/.package-lock.json')
  return Object.entries(packagesOf('package-lock.json')).every(
    ([path, { version, optional }]) => path === '' || optional || found[path]?.version === version,
  )
}

/** @returns whether they are there now */
export function installPackages() {
  if (installed()) return true
  console.error('bench: installing what Sojourn is compared with …')
  const npm = process.env.npm_execpath
  // connect-redis 10 asks for Node 22 and runs on 20: a warning, not shown at this level.
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--engine-strict=false']
  const options = { cwd: bench, stdio: ['ignore', 'ignore', 'inherit'] }
  const { status } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, options)
  return status === 0
}

/** Of a framework that is none of bench's packages: the one that the tests run on. */
export function ownVersionOf(name) {
  const root = fileURLToPath(new URL('../../package.json', import.meta.url))
  return JSON.parse(readFileSync(root, 'utf8')).devDependencies[name]
}

export function versionOf(name) {
  return packagesOf('package-lock.json')[`node_modules/${name}`].version
}
