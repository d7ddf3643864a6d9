import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createSessions } from '../../src/create-sessions.ts'
import { report } from '../../src/operations/metrics/index.ts'
import type { Snapshot } from '../../src/operations/observe/snapshot.ts'
import { runCli, startCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn } from '../support/requests.ts'
import { until } from '../support/until.ts'

let redis: RedisServer
const ends: (() => unknown)[] = []

beforeAll(async () => {
  redis = await startRedis({ tcp: true, args: ['--maxmemory', '100mb'] })
})
afterAll(() => redis.stop())
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
  await redis.cli('FLUSHALL')
})

const env = () => ({ SOJOURN_REDIS: redis.url, SOJOURN_SECRETS: SECRET })

async function application() {
  const sessions = createSessions({ redis: redis.url, secrets: [SECRET], audit: true })
  ends.push(() => sessions.close())
  for (let i = 0; i < 4; i++) await signIn(sessions, { theme: 'dark' }, i < 3 ? `u${i}` : undefined)
  return sessions
}

describe('sojourn stats', () => {
  it('tells what there is, and what the applications report', async () => {
    const sessions = await application()
    report(sessions, { name: 'web-1' })
    const make = async () => {
      const session = await sessions.open()
      session.set('theme', 'dark')
      await session.commit()
    }
    // What is under way when the test ends fails.
    const working = setInterval(() => void make().catch(() => undefined), 20)
    const { stdout, stderr, code } = await runCli(['stats'], { env: env() })
    clearInterval(working)
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^One server, prefix sj, 20\d\d-/)
    expect(stdout).toMatch(/Sessions {4}~?\d+, \d.* % signed in, \d+ B on average/)
    expect(stdout).toMatch(/Memory {6}[\d.]+ MiB of 100\.?0? MiB/)
    expect(stdout).toMatch(/Nodes {7}1 up, 0\.\d+\.\d+/)
    expect(stdout).toMatch(/Created {5}\d+\.\d\/s \(anonymous /)
    expect(stdout).toMatch(/operation .*\/s .*p50 .*p99 .*failed\ncreate +\d/)
    expect(stdout).toMatch(/127\.0\.0\.1:\d+ +primary/)
  })

  it('without reports tells what the servers and the audit do', async () => {
    await application()
    const { stdout, stderr, code } = await runCli(['stats'], { env: env() })
    expect(code).toBe(0)
    expect(stderr).toContain('no application reports')
    expect(stdout).toMatch(/Sessions {4}4, 75 % signed in/)
    expect(stdout).toMatch(/Created {5}0\.30\/s \(login 0\.30\)/)
    expect(stdout).toMatch(/Nodes {7}\? \(none reports\)/)
  })

  it('gives the snapshot as JSON, with nothing in it that is not seen', async () => {
    await application()
    const { stdout, code } = await runCli(['stats', '--json'], { env: env() })
    expect(code).toBe(0)
    const snapshot = JSON.parse(stdout) as Snapshot
    expect(snapshot.sessions).toMatchObject({ active: 4, exact: true })
    expect(snapshot.sessions.attributes.map(({ name }) => name)).toEqual(['theme'])
    expect(snapshot).not.toHaveProperty('application')
    expect(snapshot.servers[0]).not.toHaveProperty('lagBytes')
  })

  it('goes on with --watch, a line for each look, also when the server is away', async () => {
    await application()
    const { child, ended } = startCli(['stats', '--watch', '--json'], { env: env() })
    let [out, talk] = ['', '']
    child.stdout?.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.stderr?.on('data', (data: Buffer) => {
      talk += data.toString()
    })
    const count = () => out.split('\n').length - 1
    await until(async () => count() >= 2)
    await redis.kill()
    await until(async () => talk !== '')
    await redis.restart()
    const before = count()
    await until(async () => count() > before)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(0)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Snapshot & { problem?: string })
    expect(lines[0]?.sessions.active).toBe(4)
    const problems = lines.flatMap(({ problem }) => problem ?? [])
    expect(problems.length).toBeGreaterThan(0)
    for (const problem of problems) expect(talk).toContain(problem)
    // Once for each reason, not with each look.
    const told = talk.trim().split('\n')
    expect(new Set(told).size).toBe(told.length)
    expect(talk).toContain('sojourn: ')
  })

  it('tells with --watch that a server hangs, before its deadline', async () => {
    await application()
    const { child, ended } = startCli(['stats', '--watch', '--json'], { env: env() })
    let [out, talk] = ['', '']
    child.stdout?.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.stderr?.on('data', (data: Buffer) => {
      talk += data.toString()
    })
    await until(async () => out.includes('\n'))
    redis.pause()
    const at = performance.now()
    await until(async () => out.includes('"problem"'))
    expect(performance.now() - at).toBeLessThan(4_500)
    redis.resume()
    const before = out.length
    await until(async () => out.slice(before).includes('"sessions"'))
    child.kill('SIGINT')
    expect((await ended).code).toBe(0)
    expect(talk).toBe('sojourn: there is a server that does not answer: looking on\n')
  })

  it('with --watch for people has a head, and figures below it', async () => {
    await application()
    const { child, ended } = startCli(['stats', '--watch'], { env: env() })
    let out = ''
    child.stdout?.on('data', (data: Buffer) => {
      out += data.toString()
    })
    await until(async () => out.split('\n').length > 3)
    child.kill('SIGTERM')
    const { stdout, code } = await ended
    expect(code).toBe(0)
    const [head, first, second] = stdout.split('\n')
    expect(head).toMatch(/UTC +sessions +created\/s/)
    expect(first).toMatch(/^\d\d:\d\d:\d\d +4 /)
    expect(second?.length).toBe(head?.length)
  })

  it('tells by its exit code that nobody answers, and what is refused', async () => {
    const of = (url: string, ...args: string[]) =>
      runCli(['stats', ...args], { env: { SOJOURN_REDIS: url } })
    expect(await of('unix:///nowhere/redis.sock')).toMatchObject({ code: 3, stdout: '' })
    expect(await of('unix:///nowhere/redis.sock', '--watch')).toMatchObject({ code: 3, stdout: '' })
    expect(await of(redis.url.replace('//', '//u:wrong@'))).toMatchObject({ code: 4, stdout: '' })
    expect(await runCli(['stats'])).toMatchObject({ code: 2, stdout: '' })
  })

  it('with --watch shows no figure of applications before they can have told it', async () => {
    const sessions = await application()
    report(sessions, { name: 'web-1' })
    const { child, ended } = startCli(['stats', '--watch'], { env: env() })
    let out = ''
    child.stdout?.on('data', (data: Buffer) => {
      out += data.toString()
    })
    await until(async () => / 1$/m.test(out))
    child.kill('SIGTERM')
    const lines = (await ended).stdout.trim().split('\n').slice(1)
    expect(lines[0]).toMatch(/^\S+ +4 +– +– +– .*–$/)
    expect(lines.join('\n')).not.toMatch(/ 0$/m)
  })

  it('tells who may not hear reports so, with what makes them heard', async () => {
    await redis.cli('ACL', 'SETUSER', 'deaf', 'on', '>pw', '~*', 'resetchannels', '+@all')
    const url = new URL(redis.url)
    url.username = 'deaf'
    url.password = 'pw'
    const { stdout, stderr, code } = await runCli(['stats'], {
      env: { ...env(), SOJOURN_REDIS: url.href },
    })
    expect(code).toBe(0)
    expect(stderr).toContain('may not be heard (sj:reports): `sojourn acl --role ops`')
    expect(stderr).not.toContain('no application reports')
    expect(stdout).toContain('? (may not be heard)')
    const json = await runCli(['stats', '--json'], { env: { ...env(), SOJOURN_REDIS: url.href } })
    expect(JSON.parse(json.stdout)).toMatchObject({ reports: 'refused' })
    expect(JSON.parse(json.stdout)).not.toHaveProperty('nodes')
  })
})
