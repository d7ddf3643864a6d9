// Checks clients/python: ruff, mypy, pytest. Makes its environment in clients/python/.venv first, of pinned packages.
// Usage: npm run test:python [-- arguments of pytest]
// The interpreter is `python3`, or what SOJOURN_PYTHON names; where there is none from 3.10 on, nothing is checked.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bin, folder, PIP, prepare, run, step } from './python-environment.mjs'

/** Versions of Django, and the least and the most minor version of Python 3 that they run on. */
const DJANGO = [
  ['4.2', 8, 12],
  ['5.2', 10, 14],
  ['6.0', 12, 14],
]

const python = prepare()
if (python.missing !== undefined) {
  console.log(`skipped: ${python.missing}`)
  process.exit(0)
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
  const minor = Number(python.version.split('.')[1])
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
