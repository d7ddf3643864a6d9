import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { stampOf } from '../../../src/core/engine.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../../src/core/errors.ts'
import {
  type RedisEngine,
  type RedisEngineOptions,
  redisEngine,
} from '../../../src/engines/redis/redis-engine.ts'
import {
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../../support/redis-server.ts'
import { failure, newId, record } from './fixtures.ts'

const ended: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})
async function start(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options)
  ended.push(() => server.stop())
  return server
}
function open(
  redis: RedisEngineOptions['redis'],
  rest: Partial<RedisEngineOptions> = {},
): RedisEngine {
  const engine = redisEngine({ redis, ...rest })
  ended.push(() => engine.close())
  return engine
}
async function recovered(engine: RedisEngine): Promise<number> {
  const from = performance.now()
  for (;;) {
    const ok = await engine.load(newId()).then(
      () => true,
      () => false,
    )
    const took = performance.now() - from
    if (ok) return took
    if (took > 5_000) throw new Error('not back after 5 s')
  }
}
async function timed(promise: Promise<unknown>): Promise<{ error: Error; took: number }> {
  const from = performance.now()
  const error = await failure(promise)
  return { error, took: performance.now() - from }
}

describe('no server', () => {
  it('I7 answers with a typed error at the deadline, and works when the server comes', async () => {
    const server = await start()
    await server.kill()
    const engine = open(server.url, { commandTimeout: 200 })
    const calls = [engine.ready(), engine.load(newId()), engine.create(newId(), record(1), 1_000)]
    for (const { error, took } of await Promise.all(calls.map(timed))) {
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect((error as StoreUnavailableError).indeterminate).toBe(false)
      expect(error.message).toMatch(/ECONNREFUSED|ENOENT/)
      expect(took).toBeGreaterThan(190)
      expect(took).toBeLessThan(400)
    }
    await server.restart()
    expect(await recovered(engine)).toBeLessThan(2_000)
    await engine.ready()
  })

  it('serves a call that waited when the server comes before its deadline', async () => {
    const server = await start()
    await server.kill()
    const engine = open(server.url, { commandTimeout: 5_000 })
    const id = newId()
    const created = engine.create(id, record(1), 60_000)
    await server.restart()
    expect(await created).toEqual({ status: 'created', evicted: [] })
  })

  it('names a host that does not resolve', async () => {
    const engine = open('redis://no-such-host.invalid', { commandTimeout: 1_000 })
    const error = await failure(engine.ready())
    expect(error.message).toMatch(/ENOTFOUND|EAI_AGAIN/)
  })

  it('gives up a server that accepts and never answers', async () => {
    const sockets = new Set<Socket>()
    const { port } = await listen(createServer((socket) => sockets.add(socket)))
    const engine = open(`redis://127.0.0.1:${port}`, { commandTimeout: 100 })
    const { error, took } = await timed(engine.ready())
    expect(error).toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE', indeterminate: false })
    expect(took).toBeLessThan(300)
    for (const socket of sockets) socket.destroy()
  })
})

describe('a server that dies', () => {
  it('F01 killed under load: typed errors, nothing hangs, back by itself', async () => {
    const server = await start()
    const engine = open(server.url)
    await engine.ready()
    const id = newId()
    const first = record(1)
    await engine.create(id, first, 60_000)
    const outcomes: Array<Promise<unknown>> = []
    const errors: unknown[] = []
    const watch = (call: Promise<unknown>) =>
      outcomes.push(call.catch((error: unknown) => errors.push(error)))
    for (let i = 0; i < 200; i++) watch(engine.commit(id, stampOf(first), record(2), 60_000))
    const sent = new Promise((resolve) => setImmediate(resolve))
    await sent
    server.pause() // so that some are surely under way
    for (let i = 0; i < 200; i++) watch(engine.load(newId()))
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    await server.kill()
    await Promise.all(outcomes)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) {
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error).toMatchObject({ indeterminate: true })
    }
    await server.restart()
    await recovered(engine)
    expect(await engine.load(id)).toBeUndefined()
  })

  it('F06 20 connections killed one after the other', async () => {
    const server = await start()
    const engine = open(server.url)
    await engine.ready()
    for (let i = 0; i < 20; i++) {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await recovered(engine)
    }
    const clients = (await server.cli('CLIENT', 'LIST')).split('\n')
    expect(clients.filter((line) => line.includes('name=sojourn'))).toHaveLength(1)
  })
})

describe('F04 a hung server', () => {
  it('I7 deadline, then calls fail as not carried out, then it serves again', async () => {
    const server = await start()
    const engine = open(server.url, { commandTimeout: 150 })
    await engine.ready()
    server.pause()
    const first = await timed(engine.load(newId()))
    expect(first.error).toMatchObject({ indeterminate: true })
    expect(first.error.message).toContain('150 ms')
    expect(first.took).toBeLessThan(300)
    // The link is given up by now: what comes is not sent, and is known not to be.
    const second = await timed(engine.create(newId(), record(1), 1_000))
    expect(second.error).toMatchObject({ indeterminate: false })
    expect(second.took).toBeLessThan(300)
    server.resume()
    expect(await recovered(engine)).toBeLessThan(4_000)
    const clients = (await server.cli('CLIENT', 'LIST')).split('\n')
    expect(clients.filter((line) => line.includes('name=sojourn'))).toHaveLength(1)
  })

  it('I2 gives no reply to another caller', async () => {
    const server = await start()
    const setup = open(server.url, { commandTimeout: 10_000 })
    const engine = open(server.url, { commandTimeout: 60 })
    const known = new Map<string, Buffer>()
    for (let i = 0; i < 200; i++) {
      const id = newId()
      known.set(id, record(i, id))
      await setup.create(id, known.get(id) as Buffer, 600_000)
    }
    let served = 0
    let failed = 0
    const end = performance.now() + 1_500
    const callers = [...known].map(async ([id, expected]) => {
      while (performance.now() < end) {
        try {
          const stored = await engine.load(id)
          expect(stored?.record).toEqual(expected)
          served++
        } catch (error) {
          if (!(error instanceof StoreUnavailableError)) throw error
          failed++
        }
      }
    })
    const pauses = (async () => {
      while (performance.now() < end - 300) {
        server.pause()
        await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 120))
        server.resume()
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
    })()
    await Promise.all([...callers, pauses])
    expect(served).toBeGreaterThan(500)
    expect(failed).toBeGreaterThan(0)
  })

  it('a server that is slow, but answers, keeps its link', async () => {
    const server = await start()
    const { port, connections } = await proxy(server.socketPath, { pause: 50 })
    const engine = open(`redis://127.0.0.1:${port}`, { commandTimeout: 400 })
    await engine.ready()
    const loads: Array<Promise<Error | undefined>> = []
    for (let i = 0; i < 14; i++) {
      const load = engine.load(newId())
      loads.push(
        load.then(
          () => undefined,
          (error: Error) => error,
        ),
      )
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const late = (await Promise.all(loads)).filter((error) => error !== undefined)
    expect(late.length).toBeGreaterThan(0)
    for (const error of late) expect(error).toMatchObject({ indeterminate: true })
    await recovered(engine)
    expect(connections()).toBe(1)
  })
})

it('a long synchronous task on this node times nothing out', async () => {
  const server = await start()
  const engine = open(server.url, { commandTimeout: 50 })
  await engine.ready()
  const answer = engine.load(newId())
  await new Promise((resolve) => setImmediate(resolve)) // sent
  const until = performance.now() + 200
  while (performance.now() < until);
  expect(await answer).toBeUndefined()
})

it.each(['+extra\r\n', '?no such type\r\n'])(
  'F07 %j in the stream of answers ends the connection, not the process',
  async (noise) => {
    const server = await start()
    let spoil = false
    const { port, connections } = await proxy(server.socketPath, {
      change: (answer) => (spoil ? Buffer.concat([Buffer.from(noise), answer]) : answer),
    })
    const engine = open(`redis://127.0.0.1:${port}`, { commandTimeout: 300 })
    await engine.ready()
    const [a, b] = [newId(), newId()]
    await engine.create(a, record(1, 'a'), 60_000)
    await engine.create(b, record(1, 'b'), 60_000)
    spoil = true
    const spoilt = engine.load(a).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 50))
    spoil = false
    for (let i = 0; i < 20; i++) {
      const [one, other] = await Promise.all([engine.load(a), engine.load(b)])
      expect(Buffer.from(one?.record ?? []).toString()).toMatch(/a$/)
      expect(Buffer.from(other?.record ?? []).toString()).toMatch(/b$/)
    }
    await spoilt
    expect(connections()).toBeGreaterThan(1)
  },
)

describe('close', () => {
  it('rejects calls under way and further ones, and can be called again', async () => {
    const server = await start()
    const engine = open(server.url)
    await engine.ready()
    server.pause()
    const under = failure(engine.load(newId()))
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    await engine.close()
    expect(await under).toMatchObject({ indeterminate: true })
    expect(await failure(engine.load(newId()))).toMatchObject({ indeterminate: false })
    expect(await failure(engine.ready())).toBeInstanceOf(StoreUnavailableError)
    await engine.close()
  })

  it('rejects calls that wait for a connection', async () => {
    const engine = open('/nonexistent/redis.sock')
    const waiting = failure(engine.load(newId()))
    await engine.close()
    expect(await waiting).toMatchObject({ indeterminate: false })
  })

  it('leaves no connection behind when it comes while connecting', async () => {
    const server = await start({ tcp: true })
    for (let i = 0; i < 20; i++) {
      const engine = redisEngine({ redis: server.url })
      for (let turn = 0; turn < i % 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      await engine.close()
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    const clients = (await server.cli('CLIENT', 'LIST')).split('\n')
    expect(clients.filter((line) => line.includes('addr=127.0.0.1'))).toHaveLength(0)
  })
})

describe('refusals', () => {
  it('F12 wrong password: told at once, and works when the server takes it', async () => {
    const server = await start({ password: 'right-canary' })
    for (const redis of [server.url, { url: server.url, password: 'wrong-canary' }]) {
      const engine = open(redis)
      const { error, took } = await timed(engine.ready())
      expect(error).toBeInstanceOf(StoreRefusedError)
      expect(error).toMatchObject({ reason: redis === server.url ? 'NOAUTH' : 'WRONGPASS' })
      expect(took).toBeLessThan(400)
      expect(String(error.stack) + String(error.cause)).not.toContain('canary')
      expect(await failure(engine.load(newId()))).toBeInstanceOf(StoreRefusedError)
    }
    await server.cli('CONFIG', 'SET', 'requirepass', 'wrong-canary')
    const engine = open({ url: server.url, password: 'wrong-canary' })
    await engine.ready()
  })

  it('S29 asks a password function at each connect', async () => {
    const server = await start({ password: 'one' })
    let password = 'one'
    const engine = open({ url: server.url, password: async () => password })
    await engine.ready()
    await server.cli('CONFIG', 'SET', 'requirepass', 'two')
    password = 'two'
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await recovered(engine)
  })

  it('S28 NOPERM names the permission and no key', async () => {
    const server = await start()
    const rules = ['on', '>pw', '~sj:*', '+@connection', '+time', '+get', '+pttl', '+evalsha']
    await server.cli('ACL', 'SETUSER', 'app', ...rules, '+eval', '+exists', '+set')
    const engine = open({ url: server.url, username: 'app', password: 'pw' })
    await engine.ready()
    const id = newId()
    await engine.create(id, record(1), 60_000)
    const calls = {
      'inside a script': engine.destroy(id),
      'of another prefix': open(
        { url: server.url, username: 'app', password: 'pw' },
        { prefix: 'other' },
      ).load(id),
    }
    for (const [what, call] of Object.entries(calls)) {
      const error = await failure(call)
      expect(error, what).toBeInstanceOf(StoreRefusedError)
      expect(error, what).toMatchObject({ reason: 'NOPERM' })
      expect(`${error.stack}${error.cause}`, what).not.toContain(id.slice(3))
    }
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
    let error: Error
    do error = await failure(engine.load(newId()))
    while (!error.message.includes('BUSY'))
    expect(error).toMatchObject({ indeterminate: false })
    await engine.close()
    await server.kill()
    await endless
  })
})

describe('the server clock', () => {
  it('F19 is learnt at connect and does not follow a jump of ours', async () => {
    const server = await start()
    let jump = -3_600_000
    const clock = { now: () => Date.now() + jump, monotonic: () => performance.now() }
    const engine = open(server.url, { clock })
    expect(Math.abs(engine.now() - clock.now())).toBeLessThan(100)
    await engine.ready()
    expect(Math.abs(engine.now() - Date.now())).toBeLessThan(100)
    jump = 3_600_000
    expect(Math.abs(engine.now() - Date.now())).toBeLessThan(100)
    expect(Number.isInteger(engine.now())).toBe(true)
  })
})

async function listen(server: Server): Promise<{ port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ended.push(async () => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port }
}

/** Between a TCP port and the server's socket. `pause`: between two chunks of answers, ms. */
async function proxy(
  socketPath: string,
  { pause = 0, change = (answer: Buffer): Buffer => answer },
): Promise<{ port: number; connections: () => number }> {
  let count = 0
  const { port } = await listen(
    createServer((socket) => {
      count++
      const upstream = connect(socketPath)
      let turn = Promise.resolve()
      socket.on('data', (chunk) => upstream.write(chunk))
      upstream.on('data', (chunk) => {
        turn = turn.then(async () => {
          if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
          socket.write(change(chunk))
        })
      })
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        one.on('error', () => other.destroy())
        one.on('close', () => other.destroy())
      }
    }),
  )
  return { port, connections: () => count }
}
