import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { StoreRefusedError, StoreUnavailableError } from '../../../src/core/errors.ts'
import { failure, newId, record } from './fixtures.ts'
import { open, recovered, start, timed } from './harness.ts'

describe('refusals', () => {
  it('F12 wrong password: told at once, and works when the server takes it', async () => {
    const server = await start({ password: 'right-canary' })
    for (const redis of [server.url, { url: server.url, password: 'wrong-canary' }]) {
      const engine = open(redis)
      const { error, took } = await timed(engine.ready())
      expect(error).toBeInstanceOf(StoreRefusedError)
      expect(error).toMatchObject({ reason: redis === server.url ? 'NOAUTH' : 'WRONGPASS' })
      expect(error.message).toContain('redis.password')
      expect(took).toBeLessThan(2_000)
      expect(String(error.stack) + String(error.cause)).not.toContain('canary')
      expect(await failure(engine.load(newId()))).toBeInstanceOf(StoreRefusedError)
    }
    await server.cli('CONFIG', 'SET', 'requirepass', 'wrong-canary')
    const engine = open({ url: server.url, password: 'wrong-canary' })
    await engine.ready()
  })

  it('a database that there is not is told as that', async () => {
    const server = await start({ tcp: true })
    const error = await failure(open(`${server.url}/99`).ready())
    expect(error).toBeInstanceOf(StoreRefusedError)
    expect(String(error)).toContain('no database of this number')
  })

  it('S29 asks a password function at each connect', async () => {
    const server = await start({ password: 'one' })
    let password = 'one'
    const engine = open({ url: server.url, password: async () => password })
    await engine.ready()
    await server.cli('CONFIG', 'SET', 'requirepass', 'two')
    password = 'two'
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    expect(await recovered(engine)).toBeLessThan(5_000)
  })

  it('S29 a password function that fails or hangs is told as that, and asked again', async () => {
    const server = await start({ password: 'one' })
    const failed = new Error('the vault is sealed')
    let ask = (): Promise<string> => Promise.reject(failed)
    const engine = open({ url: server.url, password: () => ask() })
    const error = await failure(engine.ready())
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.message).toMatch(/function of redis\.password .*\(NO_PASSWORD\)/)
    expect(error.cause).toBe(failed)
    ask = () => new Promise(() => undefined)
    const silent = open({ url: server.url, password: () => ask() })
    expect((await failure(silent.ready())).message).toMatch(/\(NO_PASSWORD\)/)
    for (const answer of ['one\n', undefined]) {
      ask = async () => answer as string
      const engine = open({ url: server.url, password: () => ask() })
      const { message } = await failure(engine.ready())
      expect(message).toMatch(answer === undefined ? /\(NO_TEXT\)/ : /trim it \(LINE_BREAK\)/)
    }
    ask = async () => 'one'
    expect(await recovered(engine)).toBeLessThan(5_000)
  })

  it('S28 NOPERM names the permission and no key', async () => {
    const server = await start()
    const rules = ['on', '>pw', '~sj:*', '+@connection', '+time', '+get', '+pttl', '+evalsha']
    await server.cli('ACL', 'SETUSER', 'app', ...rules, '+eval', '+exists', '+set')
    const engine = open({ url: server.url, username: 'app', password: 'pw' })
    // It reads, and creates; and is found not to be able to do the rest.
    expect(await failure(engine.ready())).toMatchObject({ reason: 'NOPERM' })
    const id = newId()
    await engine.create(id, record(1), 60_000)
    const foreign = open({ url: server.url, username: 'app', password: 'pw' }, { prefix: 'other' })
    // Inside a script, and at a key of another prefix.
    const calls = [engine.destroy(id), foreign.load(id)]
    for (const call of calls) {
      const error = await failure(call)
      expect(error).toBeInstanceOf(StoreRefusedError)
      expect(error).toMatchObject({ reason: 'NOPERM' })
      expect(`${error.stack} ${String(error.cause)}`).not.toContain(id.slice(3))
    }
  })

  it.each(['+hset', '+hdel', '+pexpire', '+hkeys'])(
    'S28 a user without %s is found out at start',
    async (right) => {
      const server = await start()
      const docs = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8')
      const [rules = ''] = /ACL SETUSER[^`]*/.exec(docs) ?? []
      const without = rules.trim().replace(` ${right}`, '')
      expect(without).not.toBe(rules.trim())
      await server.cli(...without.split(/\s+/))
      const engine = open({ url: server.url, username: 'app', password: 'password' })
      expect(await failure(engine.ready())).toMatchObject({ reason: 'NOPERM' })
      await server.cli('ACL', 'SETUSER', 'app', right)
      await engine.ready()
      // What the first attempt could not take away again goes by itself, of the second nothing stays.
      const keys = (await server.cli('KEYS', '*')).split('\n').filter(Boolean)
      expect(keys.length).toBeLessThan(4)
      for (const key of keys) {
        expect(Number(await server.cli('PTTL', key))).toBeLessThanOrEqual(5_000)
        expect(await server.cli('PTTL', key)).not.toBe('-1')
      }
    },
  )

  it.each([
    ['is full', 'maxmemory', '100kb'],
    ['has too few replicas', 'min-replicas-to-write', '1'],
  ])('a server that %s does not stop a start', async (_, setting, value) => {
    const server = await start()
    await server.cli('CONFIG', 'SET', setting, value)
    expect(await server.cli('SET', 'x', 'y').catch(String)).toMatch(/OOM|NOREPLICAS/)
    await open(server.url).ready()
  })

  it('of what is tried at start no session stays, also where it fails: none is told of', async () => {
    const server = await start()
    // All but what `commit` needs beyond `create`.
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>pw', '~sj:*', '+@all', '-getrange')
    const redis = { url: server.url, username: 'app', password: 'pw' }
    expect(await failure(open(redis, { expiry: 'reliable' }).ready())).toMatchObject({
      reason: 'NOPERM',
    })
    const keys = (await server.cli('KEYS', '*')).split('\n').filter(Boolean)
    expect(keys).toEqual([])
  })

  it('F22 too many clients: typed, and served when there is room', async () => {
    const server = await start({ args: ['--maxclients', '2'] })
    const first = open(server.url)
    await first.ready()
    const second = open(server.url, { commandTimeout: 300 })
    expect(await failure(second.ready())).toMatchObject({
      code: 'ERR_SOJOURN_STORE_UNAVAILABLE',
      indeterminate: false,
      // Which of the two depends on whether the answer is read before the socket is reset.
      message: expect.stringMatching(/MAXCLIENTS|maxclients/),
    })
    await first.close()
    await recovered(second)
  })

  it('F13 READONLY has its reason; reads go on', async () => {
    const server = await start()
    const engine = open(server.url)
    const id = newId()
    await engine.create(id, record(1), 60_000)
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    expect(await failure(engine.destroy(id))).toMatchObject({ reason: 'READONLY' })
    await server.cli('REPLICAOF', 'NO', 'ONE')
    expect(await engine.destroy(id)).toEqual({ status: 'done' })
  })

  it('F10 NOREPLICAS has its reason', async () => {
    const server = await start({ args: ['--min-replicas-to-write', '1'] })
    const engine = open(server.url)
    expect(await failure(engine.create(newId(), record(1), 1_000))).toMatchObject({
      reason: 'NOREPLICAS',
    })
  })

  it('F05 BUSY is a passing condition', async () => {
    const server = await start({ args: ['--busy-reply-threshold', '20'] })
    const engine = open(server.url)
    await engine.ready()
    const endless = server.cli('EVAL', 'while true do end', '0').catch(() => '')
    let error: unknown
    // The first may be answered before the script runs, or after the deadline.
    do error = await engine.load(newId()).catch((problem: unknown) => problem)
    while (!String(error).includes('BUSY'))
    expect(error).toMatchObject({ indeterminate: false })
    await engine.close()
    await server.kill()
    await endless
  })
})
