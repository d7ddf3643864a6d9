// The environment of clients/python, in clients/python/.venv, of pinned packages and the client itself.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const folder = fileURLToPath(new URL('../clients/python/', import.meta.url))
const venv = join(folder, '.venv')
export const bin = join(venv, process.platform === 'win32' ? 'Scripts' : 'bin')
export const PIP = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
const LOOK = 'import sys, venv, ensurepip; print(sys.version); sys.exit(sys.version_info < (3, 10))'

export function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'inherit', ...options })
}

/** Runs a step, and ends here when it fails. */
export function step(name, command, ...args) {
  console.log(`python: ${name}`)
  const { status, error } = run(command, args)
  if (status === 0) return
  console.error(`python: ${name} failed${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}

/**
 * Makes the environment where it is not there as it should be. The interpreter is `python3`, or what SOJOURN_PYTHON names.
 * @returns the interpreter's version, or why there is none
 */
export function prepare() {
  const python = process.env.SOJOURN_PYTHON || 'python3'
  const looked = run(python, ['-c', LOOK], { stdio: 'pipe' })
  if (looked.status !== 0) {
    const found = looked.error === undefined && looked.stdout !== ''
    return { missing: found ? `${python} is older than 3.10` : 'no python3' }
  }
  // What an interrupted run has left has no stamp, and is made anew.
  const stamp = join(venv, '.stamp')
  const hash = createHash('sha256').update(looked.stdout)
  for (const file of ['requirements-dev.txt', 'pyproject.toml']) {
    hash.update(readFileSync(join(folder, file)))
  }
  const wanted = hash.digest('hex')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    rmSync(venv, { recursive: true, force: true })
    step('making .venv', python, '-m', 'venv', venv)
    const own = join(bin, 'python')
    step('installing packages', own, ...PIP, '--require-hashes', '-r', 'requirements-dev.txt')
    step('installing sojourn', own, ...PIP, '--no-deps', '--no-build-isolation', '-e', '.')
    writeFileSync(stamp, wanted)
  }
  return { version: looked.stdout.trim() }
}
