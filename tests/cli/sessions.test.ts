import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from 'vitest'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { aclRules } from '../../src/operations/acl/acl.ts'
import { report } from '../../src/operations/metrics/index.ts'
import { runCli, startCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn } from '../support/requests.ts'
import { hasTerminal, see, startTerminal } from '../support/terminal.ts'
import { until } from '../support/until.ts'

interface Data {
  theme: string
  cart: readonly object[]
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

async function open(token: string) {
  const session = await sessions.open(token, { fresh: true })
  if (session.id === undefined) throw new Error('there is no session')
  return { id: session.id, token }
}

describe('sojourn ls', () => {
  it('ends quietly when nobody reads on', async () => {
    for (let i = 0; i < 3; i++) await signIn(sessions, { theme: 'dark' }, `user-${i}`)
    // Its reader is gone before the first line comes.
    const { child, ended } = startCli(['ls', '--json'], { env: { SOJOURN_REDIS: server.url } })
    child.stdout?.destroy()
    const { code, stderr } = await ended
    expect({ code, stderr }).toEqual({ code: 141, stderr: '3 of 3 sessions\n' })
  })

  it('shows ids without the secrets, and users with them, and never a token', async () => {
    const ada = await open(await signIn(sessions, { theme: 'dark' }, 'ada'))
    const nobody = await open(await signIn(sessions, { theme: 'light' }))
    const { stdout, stderr, code } = await plainly('ls')
    expect(code).toBe(0)
    expect(lines(stdout)).toHaveLength(3)
    expect(stdout).toMatch(new RegExp(`${ada.id}\\s+signed in`))
    expect(stdout).toMatch(new RegExp(`${nobody.id}\\s+–`))
    expect(stderr).toContain('2 of 2 sessions')
    const known = await knowing('ls')
    expect(known.stdout).toMatch(new RegExp(`${ada.id}\\s+ada`))
    for (const { token } of [ada, nobody]) expect(known.stdout + stdout).not.toContain(token)
  })

  it('goes at most as fast as it may, whosever the keys are, and says how long that takes', async () => {
    for (let i = 0; i < 3; i++) await signIn(sessions, { theme: 'dark' })
    // A server that is shared: what a look costs are its keys.
    const others = "for i = 1, 2000 do redis.call('SET', 'other:' .. i, 'x') end"
    await server.cli('EVAL', others, '0')
    const started = performance.now()
    const { stderr } = await plainly('ls', '--rate', '2000')
    const took = performance.now() - started
    expect(took).toBeGreaterThan(900)
    expect(stderr).toContain('3 of 3 sessions')
    if (!hasTerminal) return
    const terminal = startTerminal('ls --rate 600', { env: { SOJOURN_REDIS: server.url } })
    await see(terminal, /looking at [\d,]+ of about 2,003, about \d+s left/)
    expect(await terminal.ended).toBe(0)
    expect(terminal.shown()).toContain('3 of 3 sessions')
  })

  it('does without secrets whose variable is not set here', async () => {
    await signIn(sessions, { theme: 'dark' }, 'ada')
    const file = join(folder, 'unset.config.mjs')
    writeFileSync(file, `export default { redis: '${server.url}', secrets: [process.env.NOT_SET] }`)
    const { stdout, code } = await runCli(['ls', '--config', file], { cwd: folder })
    expect(code).toBe(0)
    expect(stdout).toContain('signed in')
  })

  it('filters, limits, and writes a line of JSON for each', async () => {
    const ada = await open(await signIn(sessions, { theme: 'dark' }, 'ada'))
    await signIn(sessions, { theme: 'light' })
    const large = await open(
      await signIn(sessions, { cart: Array.from({ length: 300 }, () => ({ n: Math.random() })) }),
    )
    const ids = async (...args: string[]) =>
      lines((await plainly('ls', '--json', ...args)).stdout).map((line) => JSON.parse(line).id)
    expect(await ids('--signed-in')).toEqual([ada.id])
    expect(await ids('--anonymous')).toHaveLength(2)
    expect(await ids('--larger-than', '1000')).toEqual([large.id])
    expect(await ids('--limit', '1')).toHaveLength(1)
    expect(await ids('--limit', '0')).toHaveLength(3)
    expect(await ids('--idle-for', '1h')).toEqual([])
    expect((await plainly('ls', '--idle-for', '1h')).code).toBe(1)
  })

  it('finds the sessions of a user by their list', async () => {
    const session = await sessions.open()
    await session.login('ada', { device: 'Firefox \u001b[31m', address: '10.0.0.7' })
    const { stdout, code } = await knowing('ls', '--principal', 'ada')
    expect(code).toBe(0)
    expect(stdout).toContain('10.0.0.7')
    // What a stranger has named their device must not steer a terminal.
    expect(stdout).toContain('Firefox ·[31m')
    expect(await knowing('ls', '--principal', 'bob')).toMatchObject({ code: 1, stdout: '' })
    expect(await plainly('ls', '--principal', 'ada')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('SOJOURN_SECRETS'),
    })
  })
})

describe('sojourn inspect', () => {
  it('shows what there is, values only when they are asked for', async () => {
    const { id, token } = await open(
      await signIn(sessions, { theme: 'very-dark', cart: [{ sku: 'A-1' }] }, 'ada'),
    )
    const closed = await plainly('inspect', id)
    expect(closed.stdout).toContain('signed in')
    expect(closed.stdout).toContain('Its attributes are sealed')
    const masked = await knowing('inspect', id)
    expect(masked.stdout).toMatch(/theme\s+string\s+10/)
    expect(masked.stdout).toMatch(/cart\s+array/)
    expect(masked.stdout).not.toContain('very-dark')
    expect(
      JSON.parse((await knowing('inspect', id, '--json')).stdout).attributes[0],
    ).not.toHaveProperty('value')
    const whole = await knowing('inspect', id, '--values')
    expect(whole.stdout).toContain("'very-dark'")
    expect(whole.stdout).not.toContain(token)
    // A look is no activity.
    const [before] = await sessions.of('ada').list()
    await knowing('inspect', id)
    expect((await sessions.of('ada').list())[0]?.lastActiveAt).toBeCloseTo(
      before?.lastActiveAt ?? 0,
      -2,
    )
  })

  it('tells the audit who looks at values, and shows none where it cannot', async () => {
    const { id } = await open(await signIn(sessions, { theme: 'very-dark' }, 'ada'))
    const looks = async () =>
      lines((await knowing('tail', '--once', '--json', '--event', 'operator')).stdout).map(
        (line) => JSON.parse(line).details,
      )
    await knowing('inspect', id)
    expect(await looks()).toEqual([])
    await knowing('inspect', id, '--values')
    expect(await looks()).toEqual([
      { id, principal: 'ada', operator: userInfo().username, action: 'values' },
    ])
    const rules = aclRules({ role: 'ops', user: 'looker', prefix: 'sj', features: [], database: 0 })
    await server.cli('ACL', 'SETUSER', ...rules)
    const user = { username: 'looker', password: 'password' }
    const redis = JSON.stringify({ socket: server.socketPath, ...user })
    const env = { SOJOURN_REDIS: redis, SOJOURN_SECRETS: SECRET }
    expect(await runCli(['inspect', id, '--values'], { env })).toMatchObject({
      code: 4,
      stdout: '',
    })
  })

  it('says that there is none, and what is no id', async () => {
    const { id } = await open(await signIn(sessions, { theme: 'x' }))
    expect(await plainly('inspect', id.slice(0, 3) + '0'.repeat(22))).toMatchObject({
      code: 1,
      stdout: '',
    })
    expect(await plainly('inspect', 'x')).toMatchObject({ code: 2 })
  })

  it('follows a rotation, and says why something does not open', async () => {
    const strict = createSessions<Data>({ redis: server.url, secrets: [SECRET], seal: 'token' })
    const token = await signIn(strict, { theme: 'dark' })
    const session = await strict.open(token)
    const former = session.id as string
    await session.rotate()
    const { stdout } = await knowing('inspect', former)
    expect(stdout).toContain(String(session.id))
    expect(stdout).toContain('opens only with its token')
    await strict.close()
  })
})

describe('sojourn tail', () => {
  it('shows what happened, and what happens, with the secrets to whom', async () => {
    const session = await sessions.open()
    await session.login('ada', { device: 'Firefox \u001b[31m' })
    await session.logout()
    await signIn(sessions, { theme: 'x' }, 'bob')
    const sealed = await plainly('tail', '--once')
    expect(sealed.stdout).toMatch(/login\s+sealed/)
    const { stdout } = await knowing('tail', '--once')
    expect(stdout).toMatch(/login .*principal=ada.*device=Firefox ·\[31m/)
    expect(stdout).toMatch(/logout .*principal=ada/)
    const some = await knowing('tail', '--once', '--json', '--event', 'login', '--principal', 'bob')
    expect(lines(some.stdout).map((line) => JSON.parse(line).details.principal)).toEqual(['bob'])
    const none = await knowing('tail', '--once', '--since', '1ms')
    expect(none).toMatchObject({
      ...{ code: 0, stdout: '' },
      stderr: 'nothing has happened within 1ms: --since looks farther back\n',
    })
    const other = await knowing('tail', '--once', '--event', 'evicted')
    expect(other.stderr).toMatch(/^\d entries were kept since then, none of them as asked for\n$/)
    await server.cli('FLUSHALL')
    const without = await knowing('tail', '--once')
    expect(without.stderr).toContain(
      'nothing was kept: do the applications have the option `audit`',
    )
  })

  it('goes on until it is told to end', async () => {
    const { child, ended } = startCli(['tail'], {
      env: { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET },
    })
    let shown = ''
    child.stdout?.on('data', (data: Buffer) => {
      shown += data.toString()
    })
    await signIn(sessions, { theme: 'x' }, 'ada')
    await until(async () => shown.includes('principal=ada'))
    await signIn(sessions, { theme: 'x' }, 'bob')
    await until(async () => shown.includes('principal=bob'))
    expect(lines(shown)).toHaveLength(2)
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0 })
  })
})

describe('sojourn keys', () => {
  it('seals all anew, and then says whose tokens still need the old secret', {
    timeout: 60_000,
  }, async () => {
    await server.cli('FLUSHALL')
    await signIn(sessions, { theme: 'x' })
    await signIn(sessions, { theme: 'x' })
    const fresh = 'the new secret, of 32 bytes or more'
    const folder = mkdtempSync(join(tmpdir(), 'sj-keys-'))
    const secrets = join(folder, 'secrets')
    writeFileSync(secrets, `${fresh}\n${SECRET}\n`)
    const index = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href
    const config = `import { secretsFile } from '${index}'
      export default { redis: '${server.url}', secrets: secretsFile('${secrets}') }`
    writeFileSync(join(folder, 'sojourn.config.mjs'), config)
    const run = (...args: string[]) => runCli(['keys', ...args], { cwd: folder })
    const uses = (stdout: string): unknown => JSON.parse(stdout).uses
    expect(uses((await run('--json')).stdout)).toMatchObject([
      { place: 0, sessions: 0, tokens: 0 },
      { place: 1, sessions: 2, tokens: 0 },
    ])
    const asked = await run('--reseal')
    expect(asked.stderr).toContain('2 sessions would be sealed with secrets[0]: again with --yes')
    expect(asked.stderr).toContain('it has sealed none yet')
    expect(uses((await run('--json')).stdout)).toMatchObject([{ sessions: 0 }, { sessions: 2 }])
    const { stdout, stderr, code } = await run('--reseal', '--yes')
    expect(code).toBe(0)
    expect(stderr).toContain('2 sealed anew.')
    expect(stdout).toMatch(/secrets\[1\] .* 0 +2 +in use, for 12h at most/)
    const again = await run('--reseal', '--yes', '--json')
    expect(again.stderr).toContain('there is nothing to seal anew')
    expect(uses(again.stdout)).toMatchObject([
      { place: 0, sessions: 2, tokens: 0 },
      { place: 1, sessions: 0, tokens: 2 },
    ])
    const audit = createSessions<Data>({ redis: server.url, secrets: [fresh, SECRET] })
    const entries = (await audit.audit.list()).filter(({ event }) => event === 'operator')
    await audit.close()
    expect(entries).toMatchObject([
      { event: 'operator', details: { action: 'reseal', found: 2 } },
      { event: 'operator', details: { action: 'resealed', found: 2 } },
    ])
    rmSync(folder, { recursive: true })
  })

  it('says which secrets are in use, and which can go', { timeout: 60_000 }, async () => {
    const others = createSessions<Data>({
      redis: server.url,
      secrets: ['another secret, of 32 bytes or more'],
    })
    await signIn(others, { theme: 'x' })
    await signIn(sessions, { theme: 'x' })
    await signIn(sessions, { theme: 'x' })
    await others.close()
    const keys = async (...secrets: string[]) => {
      const env = { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: JSON.stringify(secrets) }
      const [shown, json] = await Promise.all([
        runCli(['keys'], { env }),
        runCli(['keys', '--json'], { env }),
      ])
      return {
        ...shown,
        places: JSON.parse(json.stdout).uses.map((use: { place?: number; sessions: number }) => [
          use.place,
          use.sessions,
        ]),
      }
    }
    const fresh = (await runCli(['keys', '--new'])).stdout.trim()
    expect(Buffer.from(fresh, 'base64')).toHaveLength(32)
    const { places, stdout, code } = await keys(fresh, SECRET)
    expect(places).toEqual([
      [0, 0],
      [1, 2],
      [undefined, 1],
    ])
    expect(code).toBe(1)
    expect(stdout).toMatch(/secrets\[1\] .* in use, for 12h at most/)
    expect(stdout).not.toContain(SECRET)
    await server.cli('FLUSHALL')
    const empty = await keys(fresh, SECRET)
    expect(empty.stdout).toContain('can be taken out')
    expect(empty.code).toBe(0)
    expect(await plainly('keys')).toMatchObject({ code: 2 })
  })
})

describe('keys says which nodes that report have which secret', () => {
  const fresh = 'a new secret, which not all of them have'
  const env = (secrets: string[]) => ({
    SOJOURN_REDIS: server.url,
    SOJOURN_SECRETS: JSON.stringify(secrets),
  })
  const node = (name: string, secrets: string[]): void => {
    const own = createSessions<Data>({ redis: server.url, secrets })
    report(own, { name, every: '500ms' })
    onTestFinished(() => own.close())
  }

  it('one that lacks the first is named, and nothing is sealed anew while it does', {
    timeout: 60_000,
  }, async () => {
    await signIn(sessions, { theme: 'x' })
    node('web-1', [SECRET, fresh])
    node('web-2', [SECRET, fresh])
    node('web-3', [SECRET])
    const { stdout, code } = await runCli(['keys'], { env: env([fresh, SECRET]) })
    expect(stdout).toMatch(/^web-1 \(\d+\), web-2 \(\d+\) +secrets\[1\] +secrets\[0\]$/m)
    expect(stdout).toMatch(/^web-3 \(\d+\) +secrets\[1\] +– +without secrets\[0\]: /m)
    expect(code).toBe(1)
    const reseal = await runCli(['keys', '--reseal', '--yes'], { env: env([fresh, SECRET]) })
    expect(reseal.stderr).toMatch(/nothing is sealed anew, for web-3 \(\d+\) lacks secrets\[0\]/)
    expect(reseal.stdout).toMatch(/secrets\[1\] +\d+ +1 +0 /)
    expect(reseal.code).toBe(1)
  })

  it('one that lacks a former one that nobody needs any more is no failure', {
    timeout: 60_000,
  }, async () => {
    node('web-1', [SECRET])
    const json = await runCli(['keys', '--json'], { env: env([SECRET, fresh]) })
    const { uses, nodes } = JSON.parse(json.stdout)
    expect(nodes).toMatchObject([{ name: 'web-1', pid: process.pid, keyIds: [uses[0].keyId] }])
    expect(json.code).toBe(0)
    const other = await runCli(['keys'], {
      env: env([fresh, 'another secret, of 32 bytes or more']),
    })
    expect(other.stdout).toMatch(
      /^web-1 \(\d+\) +key id \d+ +– +without secrets\[0\], secrets\[1\]: /m,
    )
    expect(other.code).toBe(1)
  })

  it('where none reports, or they may not be heard, it says that', {
    timeout: 60_000,
  }, async () => {
    expect((await runCli(['keys'], { env: env([SECRET]) })).stdout).toContain('none reports')
    const rules = ['+@all', '~*', 'resetchannels', '>password', 'on']
    await server.cli('ACL', 'SETUSER', 'deaf', ...rules)
    const redis = { socket: server.socketPath, username: 'deaf', password: 'password' }
    const deaf = { ...env([SECRET]), SOJOURN_REDIS: JSON.stringify(redis) }
    const { stdout, code } = await runCli(['keys'], { env: deaf })
    expect(stdout).toContain('may not listen to their reports')
    expect(code).toBe(0)
  })
})

it('needs no more rights than sojourn acl gives to look', async () => {
  await signIn(sessions, { theme: 'dark' }, 'ada')
  await server.cli(
    'ACL',
    'SETUSER',
    ...aclRules({ role: 'ops', user: 'oncall', prefix: 'sj', features: [], database: 0 }),
  )
  const redis = JSON.stringify({
    socket: server.socketPath,
    username: 'oncall',
    password: 'password',
  })
  const env = { SOJOURN_REDIS: redis, SOJOURN_SECRETS: SECRET }
  const { stdout, code } = await runCli(['ls', '--json'], { env })
  expect(code).toBe(0)
  const { id } = JSON.parse(stdout)
  expect(await runCli(['inspect', id], { env })).toMatchObject({ code: 0 })
  expect(await runCli(['ls', '--principal', 'ada'], { env })).toMatchObject({ code: 0 })
  const { code: refused, stderr } = await runCli(['revoke', id, '--yes'], { env })
  expect(refused).toBe(4)
  expect(stderr).toContain('--role operator')
  expect(stderr.match(/Redis refused \(NOPERM\)/g)).toHaveLength(1)
})
