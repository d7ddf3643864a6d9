import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { stampOf } from '../../../src/core/engine.ts'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { proxyOf } from '../../faults/setup.ts'
import { until } from '../../support/requests.ts'
import { failure, newId, record } from './fixtures.ts'
import { listen, open, proxy, recovered, start, timed } from './harness.ts'

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
      expect(took).toBeLessThan(2_000)
    }
    await server.restart()
    expect(await recovered(engine)).toBeLessThan(5_000)
    await engine.ready()
  })

  it('F04 I7 who asks while nobody can be reached waits once, and is told at once from then on', async () => {
    const server = await start()
    const engine = open(server.url, { commandTimeout: 400 })
    await engine.ready()
    const id = newId()
    await engine.create(id, record(1), 60_000)
    for (const away of ['killed', 'hung'] as const) {
      if (away === 'killed') await server.kill()
      else server.pause()
      // A hung server is given up first.
      await Promise.all([timed(engine.load(id, { fresh: true })), timed(engine.load(newId()))])
      await timed(engine.load(newId()))
      const from = performance.now()
      const asked = await Promise.all(Array.from({ length: 1_000 }, () => timed(engine.load(id))))
      for (const { error } of asked) {
        expect(error).toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE', indeterminate: false })
        expect(error.message).toMatch(/cannot be reached/)
      }
      // 400 ms for each of those that wait.
      expect(performance.now() - from).toBeLessThan(300)
      // Nor does asking on and on keep it from coming back.
      if (away === 'killed') await server.restart()
      else server.resume()
      expect(await recovered(engine)).toBeLessThan(5_000)
    }
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
    expect(took).toBeLessThan(2_000)
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
    const reads: unknown[] = []
    const sent = new Promise((resolve) => setImmediate(resolve))
    await sent
    server.pause() // so that some are surely under way
    for (let i = 0; i < 200; i++) {
      watch(engine.commit(newId(), stampOf(first), record(2), 60_000))
      outcomes.push(engine.load(newId()).catch((error: unknown) => reads.push(error)))
    }
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    await server.kill()
    await Promise.all(outcomes)
    for (const error of reads) expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) {
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error).toMatchObject({ indeterminate: true })
    }
    await server.restart()
    await recovered(engine)
    expect(await engine.load(id)).toBeUndefined()
  })

  it('F06 what only reads is asked once more where the connection is lost; what writes is not', async () => {
    const server = await start()
    const between = await proxyOf(server)
    const engine = open(between.url)
    await engine.ready()
    const id = newId()
    const [first, second] = [record(1), record(2)]
    await engine.create(id, first, 60_000)
    between.hold()
    const read = engine.load(id)
    const write = engine.commit(id, stampOf(first), second, 60_000)
    const refused = failure(write)
    await until('both are on their way', () => between.held > 0)
    between.reset()
    between.release()
    expect(await refused).toMatchObject({ indeterminate: true })
    expect((await read)?.record).toEqual(second)
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
    expect(first.took).toBeLessThan(2_000)
    // The link is given up by now: what comes is not sent, and is known not to be.
    const second = await timed(engine.create(newId(), record(1), 1_000))
    expect(second.error).toMatchObject({ indeterminate: false })
    expect(second.took).toBeLessThan(2_000)
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
  const engine = open(server.url, { commandTimeout: 200 })
  await engine.ready()
  const answer = engine.load(newId())
  await new Promise((resolve) => setImmediate(resolve)) // sent
  const until = performance.now() + 600
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
