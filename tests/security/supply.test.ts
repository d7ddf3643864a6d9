/** `npm run check:supply` refuses what a lock file must not have. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'

interface Entry {
  version: string
  integrity: string
  [more: string]: unknown
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sj-supply-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function check(change: (packages: Record<string, Entry>) => void): {
  status: number | null
  stderr: string
} {
  const lock = JSON.parse(readFileSync(here('../../package-lock.json'), 'utf8')) as {
    packages: Record<string, Entry>
  }
  change(lock.packages)
  const file = join(folder, 'package-lock.json')
  writeFileSync(file, JSON.stringify(lock))
  const args = [here('../../scripts/supply-chain.mjs'), '--lock', file]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stderr }
}

const added = (more: object): Entry => ({
  ...{ version: '1.0.0', integrity: `sha512-${'A'.repeat(86)}==`, license: 'MIT', ...more },
})
const changed =
  (more: object) =>
  (packages: Record<string, Entry>): void => {
    Object.assign(packages['node_modules/commander'] as Entry, more)
  }
const withOne =
  (more: object) =>
  (packages: Record<string, Entry>): void => {
    packages['node_modules/added'] = added(more)
  }

it('takes what is there', () => {
  expect(check(() => undefined)).toEqual({ status: 0, stderr: '' })
})

it.each([
  ['an optional one', withOne({ optional: true }), 'shipped are'],
  ['a peer', withOne({ peer: true }), 'shipped are'],
  ['one that is also for development', withOne({ devOptional: true }), 'shipped are'],
  ['an optional one without a licence', withOne({ optional: true, license: undefined }), 'licence'],
  ['a tool without a licence', withOne({ dev: true, license: undefined }), 'licence'],
  ['a tool of another licence', withOne({ dev: true, license: 'AGPL-3.0' }), 'licence "AGPL-3.0"'],
  [
    'a tool with an install script',
    withOne({ dev: true, hasInstallScript: true }),
    'runs something',
  ],
  [
    'a peer with an install script',
    withOne({ peer: true, hasInstallScript: true }),
    'runs something',
  ],
  ['a shipped one with an install script', changed({ hasInstallScript: true }), 'runs something'],
  ['an empty hash', changed({ integrity: 'sha512-' }), 'not pinned'],
  ['a weak hash', changed({ integrity: `sha1-${'A'.repeat(27)}=` }), 'not pinned'],
  ['another version than is here', changed({ version: '99.0.0' }), 'in the lock'],
  [
    'where it was downloaded from',
    changed({ resolved: 'https://example.org/a.tgz' }),
    'downloaded',
  ],
] as const)('refuses %s', (_, change, said) => {
  const { status, stderr } = check(change)
  expect(stderr).toContain(said)
  expect(status).toBe(1)
})
