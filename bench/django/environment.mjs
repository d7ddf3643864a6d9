// That of clients/python, with Django and django-redis as bench/django/requirements.txt pins them, in a
// folder of their own that comes first.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bin, PIP, prepare, step } from '../../scripts/python-environment.mjs'

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url))
const packages = fileURLToPath(new URL('.packages', import.meta.url))
const stamp = join(packages, '.stamp')

/** @returns `missing`: why there is none; or `python`, the program, and `env`, its environment */
export function prepareDjango() {
  const { missing, version } = prepare()
  if (missing !== undefined) return { missing }
  const wanted = createHash('sha256')
    .update(version)
    .update(readFileSync(requirements))
    .digest('hex')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    rmSync(packages, { recursive: true, force: true })
    const args = ['--no-deps', '--require-hashes', '-r', requirements, '--target', packages]
    step('installing Django and django-redis', join(bin, 'python'), ...PIP, ...args)
    writeFileSync(stamp, wanted)
  }
  return { python: join(bin, 'python'), env: { ...process.env, PYTHONPATH: packages } }
}

/** The pinned version of a package. */
export const pinned = (name) =>
  new RegExp(`^${name}==(\\S+)`, 'm').exec(readFileSync(requirements, 'utf8'))[1]
