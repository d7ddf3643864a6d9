import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createKeyring } from '../../src/core/keyring.ts'
import { secretsFile } from '../../src/core/secrets-file.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { report } from '../../src/operations/metrics/index.ts'
import { readSecrets, rotate } from '../../src/operations/sessions/rotate.ts'
import { type CliResult, runCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn } from '../support/requests.ts'

interface Data {
  theme: string
}

const FRESH = 'a new secret, which not all of them have'
const idOf = (secret: string): number => createKeyring([secret]).primary.id
const isRoot = process.getuid?.() === 0

let server: RedisServer
let folder: string
let file: string

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

beforeEach(async () => {
  await server.cli('FLUSHALL')
  folder = mkdtempSync(join(tmpdir(), 'sj-rotate-'))
  file = join(folder, 'secrets')
  writeFileSync(file, `${SECRET}\n`)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

const rotating = (step: string, ...args: string[]): Promise<CliResult> =>
  runCli(['keys', '--file', file, '--rotate', step, ...args], {
    env: { SOJOURN_REDIS: server.url },
  })
const written = (): string[] => readFileSync(file, 'utf8').split('\n')

function node(name: string, secrets: readonly string[] | ReturnType<typeof secretsFile>) {
  const own = createSessions<Data>({ redis: server.url, secrets })
  report(own, { name, every: '500ms' })
  onTestFinished(() => own.close())
  return own
}

/** @returns why */
async function refused(step: string, ...args: string[]): Promise<string> {
  const before = readFileSync(file, 'utf8')
  const { code, stdout, stderr } = await rotating(step, ...args)
  expect([code, stdout]).toEqual([1, ''])
  expect(readFileSync(file, 'utf8')).toBe(before)
  expect(stderr).not.toMatch(new RegExp(`${SECRET}|${FRESH}`))
  return stderr
}

describe('sojourn keys --rotate', () => {
  it('S26 takes a node through each step, and signs nobody out', { timeout: 90_000 }, async () => {
    const sessions = node('web-1', secretsFile(file))
    await sessions.ready()
    let token = await signIn(sessions, { theme: 'x' }, 'ada')
    const isIn = async () =>
      expect((await sessions.open(token, { fresh: true })).principal).toBe('ada')

    const appended = await rotating('append')
    expect(appended.code).toBe(0)
    const [, fresh = ''] = written()
    expect(written()).toEqual([SECRET, fresh, ''])
    expect(Buffer.from(fresh, 'base64')).toHaveLength(32)
    expect(appended.stdout).toBe(`secrets[1], key id ${idOf(fresh)}, is new\n`)
    expect(appended.stdout + appended.stderr).not.toContain(fresh)
    expect(await refused('append')).toMatch(/has 2 secrets, so a change is under way/)
    await sessions.reloadSecrets()
    await isIn()

    expect(await refused('front')).toMatch(
      /secrets\[1\], key id \d+, is not known, but of web-1 \(\d+\): again with --yes/,
    )
    const moved = await rotating('front', '--yes', '--json')
    expect(moved.code).toBe(0)
    expect(JSON.parse(moved.stdout)).toEqual({
      ...{ step: 'front', done: true, keyIds: [idOf(fresh), idOf(SECRET)] },
    })
    expect(written()).toEqual([fresh, SECRET, ''])
    await isIn()
    await sessions.reloadSecrets()
    await isIn()
    expect(await refused('remove', '--yes')).toMatch(
      /^nothing is changed: 1 session needs secrets\[1\]$/m,
    )

    const session = await sessions.open(token, { fresh: true })
    await session.rotate()
    token = session.token ?? ''
    expect(await refused('remove')).toMatch(/again with --yes, when that has been so for 5 minutes/)
    const removed = await rotating('remove', '--yes')
    expect([removed.code, removed.stdout]).toEqual([0, `what is left: key id ${idOf(fresh)}\n`])
    expect(written()).toEqual([fresh, ''])
    await sessions.reloadSecrets()
    await isIn()
  })

  it('does not put in front what a node that reports lacks, whatever the operator says', {
    timeout: 60_000,
  }, async () => {
    writeFileSync(file, `${SECRET}\n${FRESH}\n`)
    node('web-1', [SECRET, FRESH])
    node('web-2', [SECRET])
    expect(await refused('front', '--yes')).toMatch(/web-2 \(\d+\) lacks secrets\[1\]/)
  })

  it('does not take out what a node that reports signs with', { timeout: 60_000 }, async () => {
    writeFileSync(file, `${FRESH}\n${SECRET}\n`)
    node('web-1', [FRESH, SECRET])
    node('web-2', [SECRET, FRESH])
    expect(await refused('remove', '--yes')).toMatch(/web-2 \(\d+\) still signs with secrets\[1\]/)
  })

  it('where none reports the operator says that all have it', { timeout: 60_000 }, async () => {
    writeFileSync(file, JSON.stringify([SECRET, FRESH]))
    const sessions = createSessions<Data>({ redis: server.url, secrets: SECRET })
    await signIn(sessions, { theme: 'x' })
    await sessions.close()
    expect(await refused('front')).toMatch(
      /whether all nodes have secrets\[1\], key id \d+, is not known, for none says so/,
    )
    expect((await rotating('front', '--yes')).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(JSON.stringify([FRESH, SECRET]))
    expect(await refused('front', '--yes')).toMatch(
      /secrets\[1\] is in use by 1 session: it has been in front/,
    )
    const { code, stdout } = await rotating('remove', '--yes', '--json')
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      { step: 'remove', done: false, reason: '1 session needs secrets[1]' },
    ])
  })

  it('looks with the secrets of the file, and has one step for one secret', {
    timeout: 60_000,
  }, async () => {
    const { stdout, code } = await runCli(['keys', '--file', file], {
      env: { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: FRESH },
    })
    expect([code, stdout]).toEqual([0, expect.stringContaining(String(idOf(SECRET)))])
    expect(await refused('front')).toMatch(/has one secret: `--rotate append` comes first/)
    expect(await refused('remove')).toMatch(/has one secret/)
  })

  it('refuses what is no file of its own, and to go without one', async () => {
    const link = join(folder, 'link')
    symlinkSync(file, link)
    const env = { SOJOURN_REDIS: server.url }
    for (const [args, why] of [
      [['--file', link, '--rotate', 'append'], /symbolic link, .*change the secret where it is/],
      [['--file', folder, '--rotate', 'append'], /cannot be read: EISDIR/],
      [['--file', join(folder, 'none'), '--rotate', 'append'], /cannot be read: ENOENT/],
      [['--rotate', 'append'], /`--rotate`: needs --file/],
      [['--file', file, '--rotate', 'next'], /Allowed choices are append, front, remove/],
      [['--file', file, '--rotate', 'front', '--reseal'], /cannot be used with/],
    ] as const) {
      const { code, stdout, stderr } = await runCli(['keys', ...args], { env })
      expect(stderr).toMatch(why)
      expect([code, stdout]).toEqual([2, ''])
    }
    expect(written()).toEqual([SECRET, ''])
    expect(readdirSync(folder).sort()).toEqual(['link', 'secrets'])
  })
})

describe('the file', () => {
  it.each([
    ['lines', 'A\nB\n', 'B\nA\n'],
    ['lines of Windows, and no end of the last', 'A\r\nB', 'B\r\nA'],
    ['a list', '["A","B"]', '["B","A"]'],
    ['a list in lines', '[\n  "A",\n  "B"\n]\n', '[\n  "B",\n  "A"\n]\n'],
  ])('stays %s', (_, before, after) => {
    const long = (text: string) => text.replace('A', SECRET).replace('B', FRESH)
    writeFileSync(file, long(before))
    expect(rotate('front', readSecrets(file))).toEqual([idOf(FRESH), idOf(SECRET)])
    expect(readFileSync(file, 'utf8')).toBe(long(after))
    expect(readdirSync(folder)).toEqual(['secrets'])
  })

  it('is another one in its place, with its mode and owner', () => {
    chmodSync(file, 0o640)
    if (isRoot) chownSync(file, 65_534, 65_534)
    const before = statSync(file)
    rotate('append', readSecrets(file))
    const { ino, mode, uid, gid } = statSync(file)
    expect({ mode, uid, gid }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid })
    expect(ino).not.toBe(before.ino)
  })

  it('is left as it is where another has changed it meanwhile', () => {
    const read = readSecrets(file)
    writeFileSync(file, `${FRESH}\n`)
    expect(() => rotate('append', read)).toThrow('has been changed meanwhile')
    expect(readdirSync(folder)).toEqual(['secrets'])
    expect(written()).toEqual([FRESH, ''])
  })

  // Root may write everywhere.
  it.skipIf(isRoot)('in a folder that cannot be written is refused', () => {
    chmodSync(folder, 0o500)
    onTestFinished(() => chmodSync(folder, 0o700))
    expect(() => rotate('append', readSecrets(file))).toThrow(/cannot be replaced here \(EACCES\)/)
  })
})
