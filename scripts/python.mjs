// Checks clients/python: ruff, mypy, pytest. Makes its environment in clients/python/.venv first, of pinned packages.
// Usage: npm run test:python [-- arguments of pytest]
// The interpreter is `python3`, or what SOJOURN_PYTHON names; where there is none from 3.10 on, nothing is checked.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../clients/python/', import.meta.url))
const venv = join(folder, '.venv')
const bin = join(venv, process.platform === 'win32' ? 'Scripts' : 'bin')
const PIP = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
/** Versions of Django, and the least and the most minor version of Python 3 that they run on. */
const DJANGO = [
  ['4.2', 8, 12],
  ['5.2', 10, 14],
  ['6.0', 12, 14],
]
const LOOK = 'import sys, venv, ensurepip; print(sys.version); sys.exit(sys.version_info < (3, 10))'

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'inherit', ...options })
}

/** Runs a step, and ends here when it fails. */
function step(name, command, ...args) {
  console.log(`python: ${name}`)
  const { status, error } = run(command, args)
  if (status === 0) return
  console.error(`python: ${name} failed${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}

const python = process.env.SOJOURN_PYTHON || 'python3'
const looked = run(python, ['-c', LOOK], { stdio: 'pipe' })
if (looked.status !== 0) {
  const found = looked.error === undefined && looked.stdout !== ''
  console.log(found ? `skipped: ${python} is older than 3.10` : 'skipped: no python3')
  process.exit(0)
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

step('ruff format', join(bin, 'ruff'), 'format', '--check', '--quiet', '.')
step('ruff', join(bin, 'ruff'), 'check', '--quiet', '.')
step('mypy', join(bin, 'mypy'))
step('pytest', join(bin, 'pytest'), ...process.argv.slice(2))
if (process.argv.length === 2) otherDjangos()

/** The Django tests once more, on the other versions that this interpreter runs: each from a folder that comes first. */
function otherDjangos() {
  const look = 'import django; print(django.get_version())'
  const own = run(join(bin, 'python'), ['-c', look], { stdio: 'pipe' }).stdout.trim()
  const minor = Number(looked.stdout.split('.')[1])
  for (const [version, least, most] of DJANGO) {
    const pinned = join('tests', 'django', `django-${version}.txt`)
    const exact = /^django==(\S+)/.exec(readFileSync(join(folder, pinned), 'utf8'))[1]
    if (exact === own || minor < least || minor > most) continue
    const target = join('.django', exact)
    if (!existsSync(join(folder, target, 'django', 'shortcuts.py'))) {
      rmSync(join(folder, target), { recursive: true, force: true })
      const args = ['--no-deps', '--require-hashes', '-r', pinned, '--target', target]
      step(`installing Django ${exact}`, join(bin, 'python'), ...PIP, ...args)
    }
    process.env.PYTHONPATH = target
    step(`pytest on Django ${exact}`, join(bin, 'pytest'), join('tests', 'django'))
    delete process.env.PYTHONPATH
  }
}
