import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSessions } from '../../src/create-sessions.ts'
import { noteKey } from '../../src/engines/redis/keys.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn, until } from '../support/requests.ts'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const FROM_NOTE = noteKey('sj', 'from')

let from: RedisServer
let to: RedisServer

beforeAll(async () => {
  ;[from, to] = await Promise.all([startRedis(), startRedis({ tcp: true, password: 'Canary77' })])
})

afterAll(async () => {
  await Promise.all([from.stop(), to.stop()])
})

function start(...args: string[]) {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SOJOURN_FROM: from.url, SOJOURN_TO: where() },
  })
  const out = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (data: Buffer) => {
      out[name] += data.toString()
    })
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, ...out }))
  return { child, out, ended }
}

const run = (...args: string[]) => start(...args).ended

/** As JSON, with a password. */
const where = (): string =>
  JSON.stringify({ host: '127.0.0.1', port: to.port, password: 'Canary77' })

describe('sojourn migrate', () => {
  it('copies, follows until it is told to end, compares, and says what it has done', async () => {
    const sessions = createSessions<{ n: number }>({ redis: from.url, secrets: [SECRET] })
    await signIn(sessions, { n: 1 }, 'ada')
    const { child, out, ended } = start('migrate', '--json')
    await until('following', () => out.stderr.includes('following'), 15_000)
    await signIn(sessions, { n: 2 }, 'bob')
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    await sessions.close()
    expect(stderr).toContain('the same on both sides')
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ compared: 4, differing: [], ended: { from: 0, to: 0 }, conflicts: 0 },
    })
    expect(code).toBe(0)
  }, 30_000)

  it('--verify changes nothing and ends with 1 where both differ; --once makes them the same', async () => {
    await to.cli('FLUSHALL')
    const different = await run('migrate', '--verify')
    expect(different).toMatchObject({ code: 1 })
    expect(different.stdout.trim().split('\n')).toHaveLength(4)
    expect(different.stderr).toContain('4 differ, 4 only on --from, 0 only on --to')
    const nowhere = await run('migrate', '--verify', '--prefix', 'app')
    expect(nowhere).toMatchObject({ code: 1 })
    expect(nowhere.stderr).toContain('right prefix')
    expect(await to.cli('DBSIZE')).toBe('0')
    expect(await run('migrate', '--once')).toMatchObject({ code: 1 })
    expect(await run('migrate', '--once', '--trust', 'from')).toMatchObject({ code: 0 })
    expect(await run('migrate', '--verify')).toMatchObject({ code: 0 })
    expect(await to.cli('KEYS', 'sj:*:m')).not.toBe('')
    expect(await run('migrate', '--finish')).toMatchObject({ code: 0 })
    expect(await to.cli('KEYS', 'sj:{*}:m*')).toBe('')
    const again = await run('migrate', '--once')
    expect(again).toMatchObject({ code: 1 })
    expect(again.stderr).toContain('was finished')
    await from.cli('DEL', FROM_NOTE)
  }, 60_000)

  it('tells how it ended by its exit code, and no secret', async () => {
    const wrong = where().replace('Canary77', 'Canary78')
    const answers = {
      usage: await run('migrate', '--rate', 'fast'),
      unknown: await run('migrate', '--form', 'redis://h'),
      same: await run('migrate', '--to', from.url),
      json: await run('migrate', '--to', '{"password":"Canary77"'),
      option: await run('migrate', '--to', 'http://:Canary77@h'),
      unreachable: await run('migrate', '--to', 'redis://:Canary77@127.0.0.1:1'),
      denied: await run('migrate', '--to', wrong),
    }
    const codes = Object.entries(answers).map(([name, { code }]) => [name, code])
    expect(Object.fromEntries(codes)).toEqual({
      ...{ usage: 2, unknown: 2, same: 2, json: 2, option: 2, unreachable: 3, denied: 4 },
    })
    expect(answers.unknown.stderr).toContain('Did you mean --from?')
    for (const name of ['option', 'unreachable', 'denied'] as const) {
      expect(answers[name].stderr).toContain('--to: ')
    }
    for (const { stdout, stderr } of Object.values(answers)) {
      expect(stderr).not.toBe('')
      expect(stdout + stderr).not.toMatch(/Canary/)
    }
  }, 60_000)

  it('ended while it copies says how far it has come, and does not say that all is well', async () => {
    await Promise.all([to.cli('FLUSHALL'), from.cli('DEL', FROM_NOTE)])
    const sessions = createSessions<{ n: number }>({ redis: from.url, secrets: [SECRET] })
    await Promise.all(Array.from({ length: 40 }, (_, n) => signIn(sessions, { n }, `user ${n}`)))
    await sessions.close()
    const { child, ended } = start('migrate', '--rate', '1')
    await until('copying', async () => (await to.cli('KEYS', 'sj:*:s:*')) !== '', 15_000)
    child.kill('SIGINT')
    const { code, stderr } = await ended
    expect(stderr).toContain('run it again and it goes on')
    expect(code).toBe(1)
  }, 30_000)

  it('explains itself', async () => {
    const [help, version] = [await run('migrate', '--help'), await run('--version')]
    expect(help.stdout).toContain('Examples:')
    expect(version.stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/)
    expect([help.code, version.code]).toEqual([0, 0])
  })
})
