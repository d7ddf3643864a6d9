import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { rules } from '../../src/operations/doctor/examine.ts'
import { runCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { hasTerminal, see, startTerminal, type Terminal } from '../support/terminal.ts'

const PASSWORD = 'Canary77'
/** Control characters, but for the ends of lines. */
const CONTROL = /[^\P{Cc}\n]/u

let server: RedisServer
let folder: string

beforeAll(async () => {
  server = await startRedis({ password: PASSWORD, args: ['--maxmemory-policy', 'allkeys-lru'] })
  folder = mkdtempSync(join(tmpdir(), 'sj-cli-'))
})

afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  runCli(['doctor', '--window', '100ms', ...args], { cwd: folder, env })

const redis = (password = PASSWORD): string =>
  JSON.stringify({ socket: server.socketPath, password })

describe('sojourn doctor', () => {
  it('says what is wrong, why, and what to do, and never the password', async () => {
    const { code, stdout, stderr } = await run([], { SOJOURN_REDIS: redis() })
    expect(code).toBe(1)
    expect(stdout).toContain(`✗ mem.policy  maxmemory-policy is allkeys-lru (${server.socketPath})`)
    expect(stdout).toContain(
      `Fix: redis-cli -s ${server.socketPath} CONFIG SET maxmemory-policy volatile-ttl`,
    )
    expect(stdout).toContain('      node_modules/sojourn/docs/doctor.md#mempolicy\n')
    expect(stdout).toContain('✓ Topology')
    expect(stdout).not.toContain('top.away')
    expect(stdout).toMatch(/\d to mend now, \d to mend, \d to know\.\n$/)
    expect(stdout + stderr).not.toContain(PASSWORD)
    // No colours into a pipe.
    expect(stdout).not.toContain('\u001B')
  })

  it('shows what is well with --all, and everything with --json', async () => {
    const all = await run(['--redis', redis(), '--all'])
    expect(all.stdout).toContain('✓ top.away  every server that belongs to it answers')
    const { stdout } = await run(['--redis', redis(), '--json'])
    const { results, servers } = JSON.parse(stdout)
    expect(results.map(({ id }: { id: string }) => id)).toEqual(rules.map(({ id }) => id))
    expect(results).toContainEqual(
      expect.objectContaining({
        id: 'mem.policy',
        docs: 'node_modules/sojourn/docs/doctor.md#mempolicy',
      }),
    )
    expect(servers).toEqual([{ name: server.socketPath, role: 'primary' }])
    expect(stdout).not.toContain(PASSWORD)
  })

  it('is not well where most could not be seen', async () => {
    const blind = ['on', '>blind', '~*', '&*', '-@all', '+hello', '+auth', '+ping', '+role']
    await server.cli('ACL', 'SETUSER', 'blind', ...blind)
    const at = { socket: server.socketPath, username: 'blind', password: 'blind' }
    const { code, stdout, stderr } = await run(['--redis', JSON.stringify(at)])
    await server.cli('ACL', 'LOG', 'RESET')
    expect(stdout).not.toContain('to mend')
    expect(code).toBe(4)
    expect(stderr).toContain('`sojourn acl --role ops`')
  })

  it('reads sojourn.config, and flags go before it', async () => {
    writeFileSync(
      join(folder, 'sojourn.config.mjs'),
      `export default { redis: ${redis()}, expiry: 'notify', secrets: ['x'] }`,
    )
    const { stdout } = await run(['--json'])
    const of = (text: string) =>
      JSON.parse(text).results.find(({ id }: { id: string }) => id === 'key.notify').findings
    expect(of(stdout)).toMatchObject([{ severity: 'error' }])
    const other = await run(['--json', '--expiry', 'off'])
    expect(of(other.stdout)).toEqual([])
    rmSync(join(folder, 'sojourn.config.mjs'))
  })

  it('tells usage, an absent server and a wrong password by their exit codes', async () => {
    const none = await run([])
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('--redis') })
    expect(await run(['--redis', '{"socket":'])).toMatchObject({ code: 2 })
    const away = await run(['--redis', 'unix:///nowhere/redis.sock'])
    expect(away).toMatchObject({ code: 3, stderr: expect.stringContaining('ENOENT') })
    const denied = await run(['--redis', redis('Canary88')])
    expect(denied).toMatchObject({ code: 4, stderr: expect.stringContaining('WRONGPASS') })
    expect(denied.stderr).not.toContain('Canary88')
    expect(await run(['--config', 'absent.mjs'])).toMatchObject({ code: 2 })
  })

  it('is not content with a user that is not there', async () => {
    const { code, stdout } = await run(['--redis', redis(), '--user', 'nosuch'])
    expect(code).toBe(1)
    expect(stdout).toContain(`✗ sec.acl  there is no user nosuch (${server.socketPath})`)
    expect(stdout).toContain('Fix: `sojourn acl --user nosuch`')
  })

  it('shows what strangers have sent to the server, and does not obey it', async () => {
    const evil = '\u001B[31mevil\u0007\u009B2J'
    await server.cli('AUTH', evil, 'x').catch(() => undefined)
    const { stdout } = await run(['--redis', redis()])
    expect(stdout).toMatch(/sec\.acllog .*the last one of ·\[31mevil··2J: a wrong password/)
    expect(stdout).not.toMatch(CONTROL)
    const error = await run(['--redis', JSON.stringify({ socket: `/nowhere/${evil}` })])
    expect(error.code).toBeGreaterThan(1)
    expect(error.stderr).not.toMatch(CONTROL)
    await server.cli('ACL', 'LOG', 'RESET')
  })

  it('names the primary that no Sentinel knows', async () => {
    const sentinel = await startRedis({
      tcp: true,
      sentinel: 'sentinel monitor mymaster 127.0.0.1 1 2\n',
    })
    const at = { sentinels: [`127.0.0.1:${sentinel.port}`], masterName: 'theirs' }
    const { stderr, code } = await run(['--redis', JSON.stringify(at)])
    await sentinel.stop()
    expect(code).toBe(3)
    expect(stderr).toContain('know no primary "theirs": check redis.masterName')
  })

  it('says which Node reads a configuration in TypeScript, where this one does not', async (context) => {
    const { typescript = false } = process.features as { readonly typescript?: string | false }
    context.skip(typescript !== false)
    const path = join(folder, 'sojourn.config.ts')
    writeFileSync(path, 'export default { prefix: "sj" } satisfies object\n')
    const { stderr, code } = await run([])
    rmSync(path)
    expect(code).toBe(2)
    expect(stderr).toContain('this Node does not read TypeScript: 22.18 and later do')
  })

  it('mends with --fix, not without being told to', async () => {
    const refused = await run(['--redis', redis(), '--fix'])
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    expect(await server.cli('CONFIG', 'GET', 'maxmemory-policy')).toContain('allkeys-lru')
    const { stdout, stderr } = await run(['--redis', redis(), '--fix', '--yes'])
    expect(await server.cli('CONFIG', 'GET', 'maxmemory-policy')).toContain('volatile-ttl')
    expect(stderr).toContain(
      'CONFIG SET maxmemory-policy volatile-ttl; it does not outlast a restart: it was started without a file',
    )
    expect(stdout).not.toContain('mem.policy')
  })

  it('has a word about every rule in its page', () => {
    const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
    const told = [...page.matchAll(/^### (\S+)$/gm)].map(([, id]) => String(id))
    expect(told.toSorted()).toEqual(rules.map(({ id }) => id).toSorted())
  })
})

describe.skipIf(!hasTerminal)('sojourn doctor --fix under a terminal', () => {
  let config: string
  let asked: RedisServer
  let terminal: Terminal

  beforeAll(() => {
    // Two settings that can be changed while it runs.
    config = 'maxmemory-policy allkeys-lru\ntimeout 10\nappendonly yes\nmaxmemory 100mb\n'
  })
  afterEach(async () => {
    terminal.child.kill('SIGKILL')
    await asked.stop()
  })

  async function ask(): Promise<void> {
    asked = await startRedis({ config })
    const env = { SOJOURN_REDIS: asked.url, XDG_STATE_HOME: folder }
    terminal = startTerminal('doctor --fix --window 100ms', { env })
    await see(terminal, /maxmemory-policy volatile-ttl on \S+\? \[y\/N\] /)
  }

  const settings = async () => {
    const answers = ['maxmemory-policy', 'timeout'].map((name) => asked.cli('CONFIG', 'GET', name))
    return (await Promise.all(answers)).map((text) => text.split('\n')[1])
  }

  it('asks before each change, makes what is agreed to, and looks again', async () => {
    await ask()
    expect(await settings()).toEqual(['allkeys-lru', '10'])
    terminal.press('y\r')
    await see(terminal, /CONFIG SET timeout 0 on \S+\? \[y\/N\] /)
    // It does not wait for the other answers.
    expect(await settings()).toEqual(['volatile-ttl', '10'])
    terminal.press('n\r')
    expect(await terminal.ended).toBe(1)
    const told = terminal.raw()
    expect(told).toContain('CONFIG SET maxmemory-policy volatile-ttl, also after a restart')
    expect(told.slice(told.lastIndexOf('looking for'))).not.toContain('mem.policy')
    expect(told.slice(told.lastIndexOf('looking for'))).toContain('cli.idle')
    await asked.restart()
    expect(await settings()).toEqual(['volatile-ttl', '10'])
  })

  it.each([
    ['n', 'n\r'],
    ['nothing', '\r'],
    ['something else', 'yn\r'],
  ])('changes nothing by %s, and does not look again', async (_, keys) => {
    await ask()
    terminal.press(keys)
    await see(terminal, /CONFIG SET timeout 0 on \S+\? \[y\/N\] /)
    terminal.press('\r')
    expect(await terminal.ended).toBe(1)
    expect(terminal.raw()).toContain('nothing was changed')
    expect(terminal.raw().match(/looking for/g)).toHaveLength(1)
    expect(await settings()).toEqual(['allkeys-lru', '10'])
  })

  it('ends by Ctrl-C, says so, and has changed what was agreed to before', async () => {
    await ask()
    terminal.press('\u0003')
    expect(await terminal.ended).toBe(130)
    expect(terminal.raw()).toContain('nothing was changed')
    expect(await settings()).toEqual(['allkeys-lru', '10'])
    await asked.stop()

    await ask()
    terminal.press('y\r')
    await see(terminal, /CONFIG SET timeout 0 on \S+\? \[y\/N\] /)
    terminal.press('\u0003')
    expect(await terminal.ended).toBe(130)
    expect(terminal.raw()).not.toContain('nothing was changed')
    expect(await settings()).toEqual(['volatile-ttl', '10'])
  })
})
