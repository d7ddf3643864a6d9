/** `npm run check:supply` refuses what a lock file must not have, and what npm says of the rest; its bill of materials is whole. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

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
    'one in the bundle of a licence for tools',
    (packages: Record<string, Entry>) => {
      Object.assign(packages['node_modules/uplot'] as Entry, { license: 'MPL-2.0' })
    },
    'node_modules/uplot: licence "MPL-2.0"',
  ],
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

interface Answer {
  readonly code?: number
  readonly stdout?: string
  readonly stderr?: string
}

interface Bill {
  components: { name: string; version: string; properties?: { name: string }[] }[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

describe('with what npm says', () => {
  const bin = join(folder, 'bin')
  const sbom = join(folder, 'sbom.json')
  const own = JSON.parse(readFileSync(here('../../package.json'), 'utf8')) as {
    name: string
    version: string
    dependencies: Record<string, string>
  }
  const verified: Answer = { stdout: '{"invalid":[],"missing":[]}' }
  const published: Answer = { stdout: `{"id":"${own.name}@${own.version}"}` }

  beforeAll(() => {
    mkdirSync(bin)
    // The true one is asked once: all that is wanted of it.
    const { stdout } = spawnSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
      ...{ cwd: here('../..'), encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    })
    writeFileSync(sbom, stdout)
    const npm = join(bin, 'npm')
    writeFileSync(
      npm,
      `#!${process.execPath}
const { readFileSync, writeSync } = require('node:fs')
const of = { sbom: 'sbom', publish: 'publish', audit: 'audit' }[process.argv[2]]
if (of === 'sbom') process.stdout.write(readFileSync(process.env.FAKE_SBOM))
else {
  const { code = 0, stdout = '', stderr = '' } = JSON.parse(process.env.FAKE_ANSWERS)[of]
  writeSync(1, stdout)
  writeSync(2, stderr)
  process.exitCode = code
}
`,
    )
    chmodSync(npm, 0o755)
  }, 60_000)

  function supply(
    { audit = verified, publish = published }: { audit?: Answer; publish?: Answer },
    ...args: string[]
  ): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [here('../../scripts/supply-chain.mjs'), ...args], {
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${bin}${delimiter}${process.env['PATH']}`,
        ...{ FAKE_SBOM: sbom, FAKE_ANSWERS: JSON.stringify({ audit, publish }) },
      },
    })
  }

  const error = (of: object): Answer => ({ code: 1, stdout: JSON.stringify({ error: of }) })
  const notOffered = error({
    summary: 'found no dependencies to audit that were installed from a supported registry',
  })
  const noKeys = error({
    code: 'ENOTFOUND',
    summary: 'request to https://tuf-repo-cdn.sigstore.dev/15.root.json failed',
  })

  it('takes what is verified, and says so', () => {
    const { status, stdout, stderr } = supply({})
    expect(stdout).toContain('signatures: all verified')
    expect([status, stderr]).toEqual([0, ''])
  })

  it.each([
    ['the registry offers none', notOffered],
    ['the keys cannot be had', noKeys],
  ])('where %s says so, and with --strict fails', (why, audit) => {
    const { status, stdout } = supply({ audit })
    expect(stdout).toContain(`signatures: not looked at, ${why}`)
    expect(status).toBe(0)
    const strict = supply({ audit }, '--strict')
    expect(strict.stderr).toContain(`signatures: not looked at, ${why}`)
    expect(strict.status).toBe(1)
  })

  it.each<[string, Answer, string]>([
    [
      'a wrong signature',
      { code: 1, stdout: '{"invalid":[{"name":"a","version":"1.0.0"}],"missing":[]}' },
      'a@1.0.0: not signed',
    ],
    [
      'a missing signature',
      { code: 1, stdout: '{"invalid":[],"missing":[{"name":"b","version":"2.0.0"}]}' },
      'b@2.0.0: not signed',
    ],
    ['a failure beside good answers', { ...verified, code: 7 }, 'npm has failed (exit 7)'],
    [
      'a registry that is not reached',
      error({ code: 'ECONNREFUSED', summary: 'request to http://127.0.0.1:1/ failed' }),
      'npm has failed (request to',
    ],
    [
      'a fault of npm',
      { code: 1, stderr: "npm error Cannot read properties of undefined (reading 'x')\n" },
      'npm has failed (Cannot read',
    ],
    ['no answer', { stdout: '' }, 'npm has failed (exit 0)'],
    ['lists that are none', { stdout: '{"invalid":1,"missing":2}' }, 'npm has failed (exit 0)'],
  ])('of signatures, %s is a problem', (_, audit, said) => {
    const { status, stdout, stderr } = supply({ audit })
    expect(stderr).toContain(said)
    expect(stdout).not.toContain('all verified')
    expect(status).toBe(1)
  })

  it.each<[string, Answer, string]>([
    ['is refused', { code: 1, stderr: 'npm error no licence\n' }, 'would fail: no licence'],
    ['is of another name', { stdout: '{"id":"other@1.0.0"}' }, 'publishes another name'],
  ])('publishing that %s is a problem', (_, publish, said) => {
    const { status, stderr } = supply({ publish })
    expect(stderr).toContain(said)
    expect(status).toBe(1)
  })

  it('the bill of materials has what is installed and what is bundled, and nothing else', () => {
    const file = join(folder, 'bill.json')
    expect(supply({}, '--sbom', file).status).toBe(0)
    const { components, dependencies } = JSON.parse(readFileSync(file, 'utf8')) as Bill
    const bundle = readFileSync(here('../../dist/console/licenses.md'), 'utf8')
    const wanted = [
      ...[...bundle.matchAll(/^## (\S+) - (\S+) /gm)].map(
        ([, name, version]) => `${name}@${version}`,
      ),
      ...Object.entries(own.dependencies).map(([name, version]) => `${name}@${version}`),
    ].sort()
    expect(wanted).toHaveLength(7)
    expect(components.map(({ name, version }) => `${name}@${version}`).sort()).toEqual(wanted)
    // To whoever has the package none of them is a tool, and all is told that they need.
    const properties = components.flatMap(({ properties = [] }) => properties)
    expect(properties.map(({ name }) => name)).not.toContain('cdx:npm:package:development')
    const refs = [`${own.name}@${own.version}`, ...wanted].sort()
    expect(dependencies.map(({ ref }) => ref).sort()).toEqual(refs)
    expect(new Set(dependencies.flatMap(({ dependsOn }) => dependsOn))).toEqual(new Set(wanted))
  })

  it.each([
    ['more is bundled', (text: string) => `${text}\n## other - 1.0.0 (MIT)\n`],
    ['less is bundled', (text: string) => text.replace(/^## preact /m, '')],
    ['it is of another version', (text: string) => text.replace(/^(## uplot - )\S+/m, '$10.0.1')],
  ])('where %s than is known, it is a problem', (_, change) => {
    const file = join(folder, 'licenses.md')
    writeFileSync(file, change(readFileSync(here('../../dist/console/licenses.md'), 'utf8')))
    const { status, stderr } = supply({}, '--bundle', file)
    expect(stderr).toContain('bundled are ')
    expect(status).toBe(1)
  })

  it('a bill of materials without one of them is a problem', () => {
    const text = readFileSync(sbom, 'utf8')
    const bill = JSON.parse(text) as Bill
    bill.components = bill.components.filter(({ name }) => name !== 'uplot')
    writeFileSync(sbom, JSON.stringify(bill))
    const { status, stderr } = supply({})
    writeFileSync(sbom, text)
    expect(stderr).toContain('the bill of materials has ')
    expect(status).toBe(1)
  })
})
