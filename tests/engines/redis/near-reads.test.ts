/** The near cache on a real server: what a node serves from memory, and what that costs Redis. */
import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { type SessionId, stampOf } from '../../../src/core/engine.ts'
import type { RedisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { manualClock } from '../../../src/testing/index.ts'
import { callsOf, proxyOf } from '../../faults/setup.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { sleep, until } from '../../support/requests.ts'
import { failure, newId, newOwner, PARTITION, record } from './fixtures.ts'
import { open, recovered, start } from './harness.ts'

/** What this node would serve without asking. */
function served(engine: RedisEngine, id: SessionId): string | undefined {
  const held = engine.peek(id, engine.now())
  return held && Buffer.from(held.record).toString('hex')
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

async function confirmed(engine: RedisEngine): Promise<void> {
  await engine.ready()
  await until('a heartbeat is answered', () => engine.nearCache.age !== undefined)
}

async function twoNodes(): Promise<{ server: RedisServer; here: RedisEngine; there: RedisEngine }> {
  const server = await start()
  const [here, there] = [open(server.url), open(server.url)]
  await Promise.all([confirmed(here), confirmed(there)])
  return { server, here, there }
}

/** A record that both nodes serve from memory. */
async function shared(here: RedisEngine, there: RedisEngine, owner = newOwner()) {
  const id = newId()
  const first = record(1)
  await here.create(id, first, 600_000, owner)
  await there.load(id)
  expect([served(here, id), served(there, id)]).toEqual([hex(first), hex(first)])
  return { id, first, owner }
}

describe('what a foreign write does', () => {
  it('I4 each kind of it is noticed, after a read, a creation, a commit and a touch of ours', async () => {
    const { here, there } = await twoNodes()
    const ends: Array<(id: SessionId, base: Uint8Array, tag: string) => Promise<unknown>> = [
      (id, base) => there.commit(id, stampOf(base), record(9), 600_000),
      (id, base) => there.touch(id, stampOf(base), 300_000),
      (id) => there.destroy(id),
      (id, base) => there.rotate(id, stampOf(base), newId(), record(9), 600_000),
      (_, __, tag) => there.revokeAll(PARTITION, tag),
    ]
    const beginnings: Array<(id: SessionId, base: Uint8Array) => Promise<Uint8Array>> = [
      async (_, base) => base,
      async (id, base) => {
        const mine = record(2)
        await here.commit(id, stampOf(base), mine, 600_000)
        return mine
      },
      async (id, base) => {
        await here.touch(id, stampOf(base), 500_000)
        return base
      },
      async (id, base) => {
        await here.commit(id, stampOf(record(5)), record(6), 600_000) // a conflict
        return base
      },
    ]
    for (const begin of beginnings) {
      for (const end of ends) {
        const { id, first, owner } = await shared(here, there)
        const base = await begin(id, first)
        expect(served(here, id)).toBe(hex(base))
        await end(id, base, owner.tag)
        await until('the entry is gone', () => served(here, id) === undefined)
      }
    }
    // Without an owner the script of a creation looks at less.
    for (const end of ends.slice(0, 4)) {
      const [id, first] = [newId(), record(1)]
      await here.create(id, first, 600_000)
      await end(id, first, '')
      await until('the entry is gone', () => served(here, id) === undefined)
    }
  })
})

describe('what an own write does, of which the server does not tell', () => {
  it.each<
    [
      string,
      (engine: RedisEngine, id: SessionId, base: Uint8Array, tag: string) => Promise<unknown>,
    ]
  >([
    ['destroy', (engine, id) => engine.destroy(id)],
    [
      'destroy with a trail',
      (engine, id) => engine.destroy(id, { trail: { record: record(2), ttl: 9_000 } }),
    ],
    ['rotate', (engine, id, base) => engine.rotate(id, stampOf(base), newId(), record(2), 600_000)],
    ['revokeAll', (engine, _, __, tag) => engine.revokeAll(PARTITION, tag)],
    [
      'a creation that evicts the oldest',
      (engine, _, __, tag) =>
        engine.create(
          newId(),
          record(1),
          600_000,
          { ...newOwner(), tag },
          { max: 1, policy: 'evict-oldest' },
        ),
    ],
  ])('I1 I4 %s ends the entry at once, and who watches is told', async (_, end) => {
    const { here, there } = await twoNodes()
    const { id, first, owner } = await shared(here, there)
    let told = 0
    here.watch(id, () => told++)
    await end(here, id, first, owner.tag)
    expect(served(here, id)).toBeUndefined()
    expect(told).toBeGreaterThan(0)
    await until('the other node knows', () => served(there, id) === undefined)
  })

  it('a commit leaves what it has written, a rotation its successor', async () => {
    const { here, there } = await twoNodes()
    const { id, first } = await shared(here, there)
    const [second, third, next] = [record(2), record(3), newId()]
    await here.commit(id, stampOf(first), second, 600_000)
    expect(served(here, id)).toBe(hex(second))
    await here.rotate(id, stampOf(second), next, third, 600_000)
    expect([served(here, id), served(here, next)]).toEqual([undefined, hex(third)])
    await there.destroy(next)
    await until('a revocation of the successor is noticed', () => served(here, next) === undefined)
  })
})

describe('I6 what it costs Redis', () => {
  it('a hit nothing, a write one command, a miss one write to the socket', async () => {
    const server = await start()
    const proxy = await proxyOf(server)
    const [here, there] = [open(proxy.url, { nearCache: { maxStaleness: '1m' } }), open(server.url)]
    await Promise.all([confirmed(here), confirmed(there)])
    const id = newId()
    let base = record(1)
    await here.create(id, base, 600_000)
    for (const text of [record(2), record(3)]) {
      await here.commit(id, stampOf(base), text, 600_000)
      base = text
    }
    await there.close()
    await server.cli('CONFIG', 'RESETSTAT')
    const questions = proxy.questions
    for (let i = 0; i < 1_000; i++) expect(served(here, id)).toBe(hex(base))
    expect(proxy.questions).toBe(questions)
    for (let i = 0; i < 50; i++) {
      const text = record(i)
      await here.commit(id, stampOf(base), text, 600_000)
      base = text
    }
    expect(proxy.questions - questions).toBe(50)
    const calls = await callsOf(server)
    expect(calls.get('evalsha')).toBe(50)
    expect([calls.get('eval'), calls.get('get'), calls.get('script|load')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    const before = proxy.questions
    for (let i = 0; i < 50; i++) await here.load(newId())
    expect(proxy.questions - before).toBe(50)
  })

  it('parallel reads of one session are one question, with or without a near cache', async () => {
    const server = await start()
    for (const nearCache of [true, false]) {
      const engine = open(server.url, { nearCache })
      await engine.ready()
      const id = newId()
      await engine.create(id, record(1), 600_000)
      await server.cli('CONFIG', 'RESETSTAT')
      const answers = await Promise.all(Array.from({ length: 100 }, () => engine.load(id)))
      expect(new Set(answers.map((stored) => hex(stored?.record ?? new Uint8Array()))).size).toBe(1)
      expect((await callsOf(server)).get('get')).toBe(1)
      await Promise.all(Array.from({ length: 10 }, () => engine.load(id, { fresh: true })))
      expect((await callsOf(server)).get('get')).toBe(11)
    }
  })

  it('a fresh read is asked for after the call, whatever is under way or at hand', async () => {
    const { here, there } = await twoNodes()
    const { id, first } = await shared(here, there)
    const early = here.load(id)
    const second = record(2)
    await there.commit(id, stampOf(first), second, 600_000)
    const [, fresh] = await Promise.all([early, here.load(id, { fresh: true })])
    expect(hex(fresh?.record ?? first)).toBe(hex(second))
  })
})

describe('what ends entries', () => {
  it('F08 I4 silence: no hit once maxStaleness has passed, until a heartbeat is answered', async () => {
    const server = await start()
    const clock = manualClock()
    const engine = open(server.url, { clock, commandTimeout: 60_000 })
    await confirmed(engine)
    const id = newId()
    await engine.create(id, record(1), 600_000)
    expect(served(engine, id)).toBeDefined()
    clock.advance(1_000)
    expect(served(engine, id)).toBeUndefined()
    await until('the next heartbeat', () => served(engine, id) !== undefined)
  })

  it('F08 I4 a heartbeat counts from when it was sent, however late its answer', async () => {
    const server = await start()
    const proxy = await proxyOf(server)
    const clock = manualClock()
    const engine = open(proxy.url, { clock, commandTimeout: 60_000 })
    await confirmed(engine)
    const id = newId()
    await engine.create(id, record(1), 600_000)
    proxy.hold()
    await until('the answer of a heartbeat is held', () => proxy.held > 0)
    clock.advance(999)
    expect(served(engine, id)).toBeDefined()
    clock.advance(1)
    const next = engine.load(newId())
    await until('its answer, too', () => proxy.held > 1)
    proxy.release()
    await next
    await new Promise((resolve) => setImmediate(resolve))
    // The heartbeat is answered by now, and the next one has not been sent.
    expect(served(engine, id)).toBeUndefined()
  })

  it('F19 I4 the own deadline, though Redis still has the record', async () => {
    const server = await start()
    const clock = manualClock()
    const engine = open(server.url, { clock, commandTimeout: 600_000 })
    await confirmed(engine)
    const id = newId()
    await engine.create(id, record(1), 60_000)
    clock.advance(60_000)
    await until('a heartbeat is answered', () => (engine.nearCache.age ?? 1_000) < 1_000)
    expect(served(engine, id)).toBeUndefined()
    expect(engine.held(id)).toBeDefined()
    expect(await engine.load(id)).toBeDefined()
  })

  it('F06 I4 the end of the connection', async () => {
    const { server, here, there } = await twoNodes()
    const { id } = await shared(here, there)
    await server.kill()
    await until('it is noticed', () => here.nearCache.state === 'connecting')
    expect(here.nearCache).toMatchObject({ age: undefined })
    expect(served(here, id)).toBeUndefined()
    await server.restart()
    await recovered(here)
    await until('it is on again', () => here.nearCache.age !== undefined)
    expect(here.nearCache.entries).toBe(0)
    expect(served(here, id)).toBeUndefined()
  })

  it.each(['commit', 'touch', 'destroy'] as const)(
    'F07 I4 the lost answer of a %s, with the connection kept',
    async (kind) => {
      const server = await start()
      const proxy = await proxyOf(server)
      const near = { maxStaleness: '1m' } as const
      const here = open(proxy.url, { nearCache: near, commandTimeout: 300 })
      await confirmed(here)
      const id = newId()
      const first = record(1)
      await here.create(id, first, 600_000)
      proxy.hold()
      const lively = here.load(newId())
      await until('an answer is held', () => proxy.held === 1)
      const lost = failure(
        kind === 'commit'
          ? here.commit(id, stampOf(first), record(2), 600_000)
          : kind === 'touch'
            ? here.touch(id, stampOf(first), 600_000)
            : here.destroy(id),
      )
      await sleep(50)
      proxy.release(1)
      await lively
      expect(await lost).toMatchObject({ indeterminate: true })
      expect(served(here, id)).toBeUndefined()
      proxy.release()
      await here.load(newId())
      expect(served(here, id)).toBeUndefined()
      expect(proxy.connections).toBe(1)
    },
  )
})

describe('a server that does not offer tracking', () => {
  it('state off, one warning, every read goes to Redis and works', async () => {
    const server = await start()
    const docs = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8')
    const user = (/ACL SETUSER[^`]*/.exec(docs) ?? [''])[0].trim().split(/\s+/)
    await server.cli(...user)
    await server.cli('ACL', 'SETUSER', 'app', '-client|tracking')
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    try {
      const redis = { url: server.url, username: 'app', password: 'password' }
      const engine = open(redis)
      await engine.ready()
      expect(engine.nearCache).toMatchObject({ state: 'off', entries: 0 })
      expect(engine.nearCache.reason).toMatch(/CLIENT TRACKING.*NOPERM.*\+client\|tracking/)
      const id = newId()
      await engine.create(id, record(1), 600_000)
      await server.cli('CONFIG', 'RESETSTAT')
      for (let i = 0; i < 5; i++) {
        expect(served(engine, id)).toBeUndefined()
        expect((await engine.load(id))?.record).toBeDefined()
      }
      expect((await callsOf(server)).get('get')).toBe(5)
      for (let i = 0; i < 3; i++) {
        await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await recovered(engine)
      }
      const ours = warn.mock.calls.filter(([, options]) =>
        JSON.stringify(options ?? '').includes('SOJOURN_NEAR_CACHE_OFF'),
      )
      expect(ours).toHaveLength(1)
      // Allowed again: from the next connection on it is there.
      await server.cli('ACL', 'SETUSER', 'app', '+client|tracking')
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await until('it is on', () => engine.nearCache.state === 'on')
      expect(engine.nearCache.reason).toBeUndefined()
    } finally {
      warn.mockRestore()
    }
  })
})
