import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { runCli, startCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn } from '../support/requests.ts'
import { hasTerminal, see, startTerminal, type Terminal } from '../support/terminal.ts'
import { until } from '../support/until.ts'

interface Data {
  theme: string
}

let server: RedisServer
let sessions: Sessions<Data>
let folder: string

beforeAll(async () => {
  server = await startRedis()
  folder = mkdtempSync(join(tmpdir(), 'sj-cli-'))
})

afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  await server.cli('FLUSHALL')
  sessions = createSessions<Data>({ redis: server.url, secrets: [SECRET], audit: true })
})

afterEach(() => sessions.close())

const plainly = (...args: string[]) =>
  runCli(args, { env: { SOJOURN_REDIS: server.url }, cwd: folder })
const knowing = (...args: string[]) =>
  runCli(args, { env: { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET }, cwd: folder })

const lines = (text: string) => text.split('\n').filter((line) => line !== '')
/** Quickly, and with what has led on from former ids. */
const stored = async (): Promise<number> => lines(await server.cli('KEYS', '*:s:*')).length
const left = async (): Promise<number> =>
  lines((await plainly('ls', '--json', '--limit', '0')).stdout).length

async function open(token: string) {
  const session = await sessions.open(token, { fresh: true })
  if (session.id === undefined) throw new Error('there is no session')
  return { id: session.id, token }
}

/** What the audit has, without the sign-ins. */
async function told(...args: string[]) {
  const { stdout } = await knowing('tail', '--once', '--json', ...args)
  return lines(stdout)
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event !== 'login')
}

describe('sojourn revoke', () => {
  it('ends by id, by user, by filter and all; dry runs end nothing', async () => {
    const [one, two] = [
      await open(await signIn(sessions, { theme: 'x' })),
      await open(await signIn(sessions, { theme: 'x' })),
    ]
    for (let i = 0; i < 3; i++) await signIn(sessions, { theme: 'x' }, 'ada')
    expect(await plainly('revoke', '--all', '--dry-run')).toMatchObject({
      code: 0,
      stdout: '5 would end\n',
    })
    expect(await left()).toBe(5)
    expect(await plainly('revoke', one.id)).toMatchObject({
      code: 0,
      stdout: '1 of 1 has ended\n',
    })
    expect((await sessions.open(one.token)).id).toBeUndefined()
    expect(await plainly('revoke', one.id)).toMatchObject({ code: 1 })
    expect(
      JSON.parse((await knowing('revoke', '--principal', 'ada', '--yes', '--json')).stdout),
    ).toEqual({ found: 3, revoked: 3 })
    expect(await left()).toBe(1)
    expect(await plainly('revoke', '--signed-in', '--yes')).toMatchObject({ code: 1 })
    expect(await plainly('revoke', '--anonymous', '--yes')).toMatchObject({
      code: 0,
      stdout: '1 of 1 has ended\n',
    })
    expect((await sessions.open(two.token)).id).toBeUndefined()
  })

  it("S17 everyone's: of those from before it none is left, on any node, while others sign in", async () => {
    const node = createSessions<Data>({ redis: server.url, secrets: [SECRET] })
    const before: string[] = []
    for (let i = 0; i < 120; i++) {
      const principal = i % 4 === 0 ? undefined : `user ${i % 40}`
      before.push(await signIn(sessions, { theme: 'x' }, principal))
    }
    // Both have them in memory.
    for (const token of before) {
      for (const each of [sessions, node]) expect((await each.open(token)).id).toBeDefined()
    }
    const late: string[] = []
    const over = new AbortController()
    const others = (async () => {
      while (!over.signal.aborted) late.push(await signIn(node, { theme: 'x' }, 'late'))
    })()
    const { code, stdout } = await plainly('revoke', '--all', '--yes', '--json')
    over.abort()
    await others
    // Of the others one may have been found that has gone over into its login.
    expect(code).toBeLessThanOrEqual(1)
    expect(JSON.parse(stdout).revoked).toBeGreaterThanOrEqual(before.length)
    expect(late.length).toBeGreaterThan(0)
    for (const options of [{}, { fresh: true }]) {
      for (const each of [sessions, node]) {
        const seen = await Promise.all(before.map((token) => each.open(token, options)))
        expect(seen.filter(({ id }) => id !== undefined)).toEqual([])
      }
    }
    await node.close()
  })

  it('tells the audit who ends what, and why, before it does; of a filter once', async () => {
    for (let i = 0; i < 2; i++) await signIn(sessions, { theme: 'x' }, 'ada')
    for (let i = 0; i < 3; i++) await signIn(sessions, { theme: 'x' })
    const { id } = await open(await signIn(sessions, { theme: 'x' }, 'bob'))
    const why = ['--reason', 'lost phone', '--yes']
    await knowing('revoke', '--principal', 'ada', ...why)
    await knowing('revoke', id, ...why)
    await knowing('revoke', '--anonymous', ...why)
    const { stdout } = await knowing('tail', '--once', '--json')
    const told = lines(stdout)
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event !== 'login')
    const about = { operator: userInfo().username, reason: 'lost phone' }
    const [user, one, filter] = [
      { ...about, principal: 'ada', found: 2 },
      { ...about, id, found: 1 },
      { ...about, filter: 'signedIn=false', found: 3 },
    ]
    expect(told.map(({ details }) => details)).toEqual([
      { ...user, action: 'revoke' },
      ...[1, 2].map(() => ({ id: expect.any(String), principal: 'ada' })),
      { ...user, action: 'revoked', revoked: 2, verified: true },
      { ...one, action: 'revoke' },
      { id },
      { ...one, action: 'revoked', revoked: 1, verified: true },
      { ...filter, action: 'revoke' },
      { ...filter, action: 'revoked', revoked: 3 },
    ])
  })

  it('asks, and without somebody to answer ends nothing', async () => {
    const { token } = await open(await signIn(sessions, { theme: 'x' }))
    expect(await plainly('revoke', '--all')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    })
    expect(await plainly('revoke')).toMatchObject({ code: 2 })
    expect(await plainly('revoke', '--all', '--principal', 'ada', '--yes')).toMatchObject({
      code: 2,
    })
    expect((await sessions.open(token, { fresh: true })).id).toBeDefined()
  })

  it('counts each session once, by whatever id it is named, and those that are not there', async () => {
    const session = await sessions.open(await signIn(sessions, { theme: 'x' }, 'ada'))
    const former = session.id as string
    await session.rotate()
    const now = session.id as string
    const none = former.slice(0, 3) + '0'.repeat(22)
    expect(await plainly('revoke', former, now, now, '--dry-run')).toMatchObject({
      stdout: '1 would end\n',
    })
    expect(await plainly('revoke', former, now, now, none)).toMatchObject({
      code: 1,
      stdout: '1 of 2 has ended\n',
    })
  })

  it('stops when it is told to, says how many have ended, and so does the audit', async () => {
    for (let i = 0; i < 40; i++) await signIn(sessions, { theme: 'x' })
    const { child, ended } = startCli(['revoke', '--all', '--yes', '--json', '--rate', '20'], {
      env: { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET },
    })
    await until(async () => (await stored()) < 38)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    const { found, revoked } = JSON.parse(stdout)
    expect([code, found, revoked]).toEqual([130, 40, 40 - (await stored())])
    expect(revoked).toBeLessThan(40)
    const entries = lines((await knowing('tail', '--once', '--json')).stdout).map((line) =>
      JSON.parse(line),
    )
    expect(entries.at(-1)?.details).toMatchObject({ action: 'revoked', found: 40, revoked })
  })

  it('says how many have ended where the store fails midway, and so does the audit when it is back', async () => {
    for (let i = 0; i < 40; i++) await signIn(sessions, { theme: 'x' })
    const { ended } = startCli(['revoke', '--all', '--yes', '--json', '--rate', '20'], {
      env: { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET },
    })
    await until(async () => (await stored()) < 38)
    // Nothing but scripts end sessions: that they may not, for a while, is a store that fails.
    await server.cli('ACL', 'LOG', 'RESET')
    await server.cli('ACL', 'SETUSER', 'default', '-evalsha', '-eval')
    await until(async () => JSON.stringify(await server.cli('ACL', 'LOG')).includes('eval'))
    await server.cli('ACL', 'SETUSER', 'default', '+@all')
    const { code, stdout, stderr } = await ended
    const { found, revoked } = JSON.parse(stdout)
    // The one that failed is ended later, as a sign-out that could not be written down is.
    expect(found).toBe(40)
    expect(revoked).toBeGreaterThan(0)
    expect(revoked).toBeLessThanOrEqual(40 - (await stored()))
    expect(code).toBe(4)
    expect(stderr).toContain('NOPERM')
    const entries = lines((await knowing('tail', '--once', '--json')).stdout).map((line) =>
      JSON.parse(line),
    )
    expect(entries.at(-1)?.details).toMatchObject({ action: 'revoked', found: 40, revoked })
  })

  it('leaves alone what a filter has chosen and does not let through when its turn comes', async () => {
    const tokens: string[] = []
    for (let i = 0; i < 20; i++) tokens.push(await signIn(sessions, { theme: 'x' }))
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const back = await sessions.open(tokens[0])
    await back.login('ada', { keep: ['theme'] })
    const { child, ended } = startCli(
      ['revoke', '--anonymous', '--yes', '--json', '--rate', '10'],
      { env: { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET } },
    )
    await until(async () => (await stored()) < 20)
    const spared: string[] = []
    for (const token of tokens.slice(1)) {
      const session = await sessions.open(token, { fresh: true })
      if (session.isNew) continue
      await session.login('bob', { keep: ['theme'] })
      spared.push(session.token as string)
    }
    const { code, stdout } = await ended
    expect(child.exitCode).toBe(code)
    expect(spared.length).toBeGreaterThan(0)
    for (const token of spared) {
      expect((await sessions.open(token, { fresh: true })).principal).toBe('bob')
    }
    const { found, revoked, skipped } = JSON.parse(stdout)
    expect([found, revoked + skipped]).toEqual([19, 19])
  })

  it('reads the secrets from sojourn.config too', async () => {
    await signIn(sessions, { theme: 'x' }, 'ada')
    const config = join(folder, 'sojourn.config.mjs')
    writeFileSync(config, `export default { redis: '${server.url}', secrets: ['${SECRET}'] }`)
    const { stdout } = await runCli(['revoke', '--principal', 'ada', '--yes'], { cwd: folder })
    rmSync(config)
    expect(stdout).toBe('1 of 1 has ended\n')
  })

  it('names in the audit which of several ids, up to a hundred of them', async () => {
    const ids: string[] = []
    for (let i = 0; i < 103; i++) ids.push((await open(await signIn(sessions, { theme: 'x' }))).id)
    const [one = '', other = ''] = ids
    await knowing('revoke', one, other)
    await knowing('revoke', ...ids)
    const operations = (await told('--event', 'operator')).map(({ details }) => details)
    expect(operations.slice(0, 2)).toEqual([
      { operator: userInfo().username, action: 'revoke', ids: [one, other], found: 2 },
      expect.objectContaining({ action: 'revoked', ids: [one, other], revoked: 2 }),
    ])
    expect(operations[2]).toMatchObject({ found: 101 })
    expect(operations[2].ids).toEqual(ids.slice(2, 102))
    // By one of them they are found.
    expect(await told('--event', 'operator', '--id', other)).toHaveLength(2)
  })

  it('ends nothing with secrets that are not those of the sessions, and says what to do', async () => {
    const { id } = await open(await signIn(sessions, { theme: 'x' }, 'ada'))
    const env = {
      SOJOURN_REDIS: server.url,
      SOJOURN_SECRETS: 'another secret, of 32 bytes or more',
    }
    for (const args of [
      ['--principal', 'ada', '--yes'],
      [id],
      ['--all', '--yes'],
      ['--all', '--dry-run'],
    ]) {
      expect(await runCli(['revoke', ...args], { env })).toMatchObject({
        ...{ code: 2, stdout: '' },
        stderr: expect.stringMatching(/`secrets`: are not those of these sessions.*sojourn keys/),
      })
    }
    expect(await left()).toBe(1)
    expect(await told()).toEqual([])
    // A secret that is new may not have sealed anything yet.
    const both = JSON.stringify(['another secret, of 32 bytes or more', SECRET])
    expect(await runCli(['revoke', id], { env: { ...env, SOJOURN_SECRETS: both } })).toMatchObject({
      code: 0,
    })
  })

  it('ends no more of one user in a second than it is told, however many there are', async () => {
    const SIGNED_IN = 501
    for (let i = 0; i < SIGNED_IN; i++) {
      const session = await sessions.open()
      await session.login('ada')
    }
    const { stdout } = await knowing(
      'revoke',
      '--principal',
      'ada',
      '--yes',
      '--json',
      '--rate',
      '400',
    )
    expect(JSON.parse(stdout)).toEqual({ found: SIGNED_IN, revoked: SIGNED_IN })
    const [before, after] = await told('--event', 'operator')
    expect(after.details).toMatchObject({ action: 'revoked', verified: true })
    expect(after.at - before.at).toBeGreaterThan(((SIGNED_IN - 1) / 400) * 1_000)
  })
})

describe.skipIf(!hasTerminal)('sojourn revoke under a terminal', () => {
  const terminals: Terminal[] = []
  afterEach(() => {
    for (const { child } of terminals.splice(0)) child.kill('SIGKILL')
  })
  const ask = (args: string): Terminal => {
    const env = { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET }
    const terminal = startTerminal(`revoke ${args}`, { env })
    terminals.push(terminal)
    return terminal
  }

  it('ends what was counted when the number is typed, and nothing when another is', async () => {
    for (let i = 0; i < 2; i++) await signIn(sessions, { theme: 'x' }, 'ada')
    const refused = ask('--principal ada')
    await see(refused, /2 sessions will end\. Type 2 to go on: /)
    refused.press('y\r')
    expect(await refused.ended).toBe(1)
    expect(refused.raw()).toContain('nothing has ended')
    expect(await left()).toBe(2)
    const agreed = ask('--principal ada')
    await see(agreed, /Type 2 to go on: /)
    agreed.press('2\r')
    expect(await agreed.ended).toBe(0)
    expect(agreed.raw()).toContain('2 of 2 have ended')
    expect(await left()).toBe(0)
  })

  it('ends nothing where a user has other sessions by now than were counted', async () => {
    for (let i = 0; i < 2; i++) await signIn(sessions, { theme: 'x' }, 'ada')
    const terminal = ask('--principal ada')
    await see(terminal, /Type 2 to go on: /)
    await signIn(sessions, { theme: 'x' }, 'ada')
    terminal.press('2\r')
    expect(await terminal.ended).toBe(1)
    expect(terminal.raw()).toContain('there are 3 by now, not 2: begin again')
    expect(terminal.raw()).toContain('nothing has ended')
    expect(await left()).toBe(3)
    expect(await told()).toEqual([])
  })

  it('ends nothing where Ctrl-C is the answer', async () => {
    await signIn(sessions, { theme: 'x' }, 'ada')
    for (const choice of ['--principal ada', '--all']) {
      const terminal = ask(choice)
      await see(terminal, /Type 1 to go on: /)
      terminal.press('\u0003')
      expect(await terminal.ended).toBe(130)
      expect(terminal.raw()).toContain('nothing has ended')
    }
    expect(await left()).toBe(1)
    expect(await told()).toEqual([])
  })
})
