import { describe, expect, test } from 'vitest'
import { type SessionId, stampOf } from '../../../src/core/engine.ts'
import { OptionError, StoreRefusedError } from '../../../src/core/errors.ts'
import { memoryEngine } from '../../../src/engines/memory/memory-engine.ts'
import { testId, testPrincipal, testRecord, testTrail } from '../../../src/testing/index.ts'
import { alive, fill, MINUTE, open, setUp } from './set-up.ts'

describe('options', () => {
  test.each([0, 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('maxSessions %d', (value) => {
    expect(() => memoryEngine({ maxSessions: value })).toThrow(OptionError)
  })

  test.each([0, 0.5, -1, Number.NaN, 2 ** 31])('sweepInterval %d', (value) => {
    expect(() => memoryEngine({ sweepInterval: value })).toThrow(OptionError)
  })

  test('none are needed', async () => {
    const engine = memoryEngine()
    open.push(engine)
    const id = testId()
    await engine.create(id, testRecord(1), MINUTE)
    expect((await engine.load(id))?.ttl).toBeGreaterThan(MINUTE - 5_000)
    expect(Math.abs(engine.now() - Date.now())).toBeLessThan(1_000)
  })
})

describe('lifetimes', () => {
  test('run on the monotonic clock: a wall clock that jumps expires nothing', async () => {
    const { clock, engine } = setUp()
    const [id] = await fill(engine, [1])
    clock.jump(86_400_000)
    expect((await engine.load(id!))?.ttl).toBe(MINUTE)
    clock.jump(-3 * 86_400_000)
    clock.advance(MINUTE - 1)
    expect((await engine.load(id!))?.ttl).toBe(1)
    clock.advance(1)
    expect(await engine.load(id!)).toBeUndefined()
  })

  test('fractions of the clock do not show', async () => {
    let passed = 0.1
    const engine = memoryEngine({ clock: { now: () => 0, monotonic: () => passed } })
    open.push(engine)
    const id = testId()
    await engine.create(id, testRecord(1), 1_000)
    for (; passed < 1_000; passed += 7.3) {
      const ttl = (await engine.load(id))?.ttl
      expect(ttl).toSatisfy(Number.isInteger)
      expect(Math.abs(ttl! - (1_000.1 - passed))).toBeLessThanOrEqual(1)
      expect(ttl).toBeGreaterThanOrEqual(1)
    }
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    '%d is refused, as by Redis, and nothing is written',
    async (ttl) => {
      const { engine } = setUp()
      const [id, who, record] = [testId(), testPrincipal(), testRecord(1)]
      const base = stampOf(record)
      await expect(engine.create(testId(), record, ttl)).rejects.toThrow(StoreRefusedError)
      const owner = who.owner(1, ttl)
      await expect(engine.create(who.id(), record, 1, owner)).rejects.toThrow(StoreRefusedError)
      await engine.create(id, record, MINUTE)
      const calls = [
        engine.commit(id, base, testRecord(2), ttl),
        engine.touch(id, base, ttl),
        engine.rotate(id, base, testId(), record, ttl),
        engine.rotate(id, base, testId(), record, MINUTE, { trail: testTrail(ttl) }),
        engine.rotate(id, base, who.id(), record, MINUTE, { owner }),
        engine.destroy(id, { trail: testTrail(ttl) }),
      ]
      for (const call of calls) await expect(call).rejects.toThrow(StoreRefusedError)
      expect(engine.stats()).toMatchObject({ records: 1, principals: 0 })
      expect((await engine.load(id))?.record).toEqual(record)
    },
  )
})

describe('bounds', () => {
  test('a full engine lets go those with the least remaining lifetime, and counts them', async () => {
    const { engine, expired } = setUp({ maxSessions: 5 })
    const ids = await fill(engine, [30, 10, 50, 20, 40])
    const more = await fill(engine, [25, 60])
    expect(await alive(engine, ids)).toEqual([true, false, true, false, true])
    expect(await alive(engine, more)).toEqual([true, true])
    await fill(engine, [5])
    expect(await alive(engine, more)).toEqual([false, true])
    expect(engine.stats()).toMatchObject({ records: 5, evicted: 3, expired: 0 })
    expect(expired).toEqual([])
  })

  test('commit and touch move a session in that order', async () => {
    const { engine } = setUp({ maxSessions: 3 })
    const [a, b, c] = [testId(), testId(), testId()]
    const record = testRecord(1)
    await engine.create(a, record, 10 * MINUTE)
    await engine.create(b, record, 20 * MINUTE)
    await engine.create(c, record, 30 * MINUTE)
    await engine.touch(a, stampOf(record), 40 * MINUTE)
    await engine.commit(c, stampOf(record), testRecord(2), 5 * MINUTE)
    await fill(engine, [50])
    expect(await alive(engine, [a, b, c])).toEqual([true, true, false])
    await fill(engine, [50])
    expect(await alive(engine, [a, b, c])).toEqual([true, false, false])
  })

  test('expired sessions make room first: they are not counted as evicted', async () => {
    const { clock, engine, expired } = setUp({ maxSessions: 20 })
    const short = await fill(
      engine,
      Array.from({ length: 10 }, () => 1),
    )
    const long = await fill(
      engine,
      Array.from({ length: 10 }, () => 60),
    )
    clock.advance(2 * MINUTE)
    await fill(
      engine,
      Array.from({ length: 10 }, () => 60),
    )
    expect(engine.stats()).toMatchObject({ records: 20, evicted: 0, expired: 10 })
    expect(expired.sort()).toEqual(short.sort())
    expect(await alive(engine, long)).not.toContain(false)
  })

  test('a call that is refused evicts nobody', async () => {
    const { engine } = setUp({ maxSessions: 3 })
    const ids = await fill(engine, [1, 2])
    const who = testPrincipal()
    await engine.create(who.id(), testRecord(1), MINUTE, who.owner(1))
    const limit = { max: 1, policy: 'reject' } as const
    await engine.create(who.id(), testRecord(1), MINUTE, who.owner(2), limit)
    await engine.create(ids[0]!, testRecord(1), MINUTE)
    await engine.rotate(ids[0]!, stampOf(testRecord(9)), testId(), testRecord(2), MINUTE)
    await engine.rotate(testId(), stampOf(testRecord(9)), testId(), testRecord(2), MINUTE)
    expect(await alive(engine, ids)).toEqual([true, true])
    expect(engine.stats()).toMatchObject({ records: 3, evicted: 0 })
  })

  test("evict-oldest makes room by itself: nobody else's session is evicted", async () => {
    const { engine } = setUp({ maxSessions: 3 })
    const ids = await fill(engine, [1, 2])
    const who = testPrincipal()
    await engine.create(who.id(), testRecord(1), 60 * MINUTE, who.owner(1))
    const limit = { max: 1, policy: 'evict-oldest' } as const
    await engine.create(who.id(), testRecord(1), 60 * MINUTE, who.owner(2), limit)
    expect(await alive(engine, ids)).toEqual([true, true])
    expect(engine.stats()).toMatchObject({ records: 3, evicted: 0 })
  })

  test('a rotation in a full engine keeps its session and its trail', async () => {
    const { engine } = setUp({ maxSessions: 3 })
    const [from, to, record] = [testId(), testId(), testRecord(1)]
    const others = await fill(engine, [2, 3])
    await engine.create(from, record, MINUTE)
    const options = { trail: testTrail(1_000) }
    await engine.rotate(from, stampOf(record), to, testRecord(2), MINUTE, options)
    expect(await alive(engine, [from, to, ...others])).toEqual([true, true, false, true])
  })

  test('an evicted session leaves the index of its principal', async () => {
    const { engine } = setUp({ maxSessions: 2 })
    const [who, others] = [testPrincipal(), testPrincipal()]
    await engine.create(who.id(), testRecord(1), MINUTE, who.owner(1))
    for (let i = 0; i < 2; i += 1) {
      await engine.create(others.id(), testRecord(1), 2 * MINUTE, others.owner(i))
    }
    expect(await engine.list(who.partition, who.tag)).toEqual([])
    expect(engine.stats()).toMatchObject({ records: 2, principals: 1 })
  })

  test('100,000 sessions: touches and rotations leave nothing behind', {
    timeout: 60_000,
  }, async () => {
    const { engine, clock } = setUp()
    const count = 100_000
    const record = testRecord(1)
    const ids = Array.from({ length: count }, () => testId())
    const who = testPrincipal()
    for (const [i, id] of ids.entries()) {
      await engine.create(id, record, (1 + (i % 60)) * MINUTE, i % 2 ? who.owner(i) : undefined)
    }
    for (let round = 0; round < 3; round += 1) {
      clock.advance(30_000)
      for (const id of ids) await engine.touch(id, stampOf(record), 60 * MINUTE)
    }
    expect(engine.stats()).toEqual({ records: count, principals: 1, evicted: 0, expired: 0 })
    for (let i = 1; i < 1_000; i += 2) {
      await engine.rotate(ids[i]!, stampOf(record), who.id(), record, 60 * MINUTE, {
        owner: who.owner(i),
      })
    }
    expect(engine.stats()).toEqual({ records: count, principals: 1, evicted: 0, expired: 0 })
    expect(await engine.list(who.partition, who.tag)).toHaveLength(count / 2)
    expect(await engine.revokeAll(who.partition, who.tag)).toHaveLength(count / 2)
    expect(engine.stats()).toMatchObject({ records: count / 2, principals: 0 })
  })
})

describe('indexes', () => {
  test('go with the last session, however it ends', async () => {
    const { clock, engine } = setUp()
    const record = testRecord(1)
    const endings: Array<(id: SessionId, tag: string, partition: string) => Promise<unknown>> = [
      (id, ownerTag) => engine.destroy(id, { ownerTag }),
      (id) => engine.destroy(id),
      (id) => engine.destroy(id, { trail: testTrail(MINUTE) }),
      (_, tag, partition) => engine.revokeAll(partition, tag),
      (id) => engine.rotate(id, stampOf(record), testId(), record, MINUTE),
      async (id) => {
        clock.advance(MINUTE)
        return engine.load(id)
      },
    ]
    for (const end of endings) {
      const who = testPrincipal()
      const id = who.id()
      await engine.create(id, record, MINUTE, who.owner(1))
      expect(engine.stats().principals).toBe(1)
      await end(id, who.tag, who.partition)
      expect(engine.stats().principals).toBe(0)
      expect(await engine.list(who.partition, who.tag)).toEqual([])
    }
  })

  test('end with their own lifetime, and a new one is not harmed by what the old one listed', async () => {
    const { clock, engine } = setUp()
    const who = testPrincipal()
    const [old, next] = [who.id(), who.id()]
    await engine.create(old, testRecord(1), 10 * MINUTE, who.owner(1, MINUTE))
    clock.advance(MINUTE)
    expect(await engine.list(who.partition, who.tag)).toEqual([])
    expect(engine.stats().principals).toBe(0)
    await engine.create(next, testRecord(1), MINUTE, who.owner(2))
    await engine.destroy(old, { ownerTag: who.tag })
    expect((await engine.list(who.partition, who.tag)).map((entry) => entry.id)).toEqual([next])
  })
})
