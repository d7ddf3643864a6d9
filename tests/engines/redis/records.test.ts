import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stampOf } from '../../../src/core/engine.ts'
import { indexKey, recordKey } from '../../../src/engines/redis/keys.ts'
import { type RedisEngine, redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { everyKeyExpires, lifetimes, newId, newOwner, PARTITION, record } from './fixtures.ts'

let server: RedisServer
let engine: RedisEngine

beforeAll(async () => {
  server = await startRedis()
  // The large cases may take long on a busy machine.
  engine = redisEngine({ redis: server.url, commandTimeout: 10_000 })
  await engine.ready()
})
afterAll(async () => {
  await engine.close()
  await server.stop()
})
beforeEach(async () => {
  await server.cli('FLUSHALL')
})
afterEach(async () => {
  // Whatever a test did: no key is ever left without a lifetime.
  await everyKeyExpires(server)
})

/** The key is gone as if its lifetime were over, without waiting for it. */
async function expire(id: string): Promise<void> {
  await server.cli('DEL', recordKey('sj', id))
}
const entries = async (tag: string) =>
  (await server.cli('HKEYS', indexKey('sj', PARTITION, tag))).split('\n').filter(Boolean).sort()

describe('load', () => {
  it('answers every byte value as it was stored, with the remaining lifetime', async () => {
    const id = newId()
    const all = Buffer.from(Array.from({ length: 4 * 256 }, (_, i) => i & 255))
    await engine.create(id, all, 60_000)
    const stored = await engine.load(id)
    expect(Buffer.compare(stored?.record as Buffer, all)).toBe(0)
    expect(stored?.ttl).toBeGreaterThan(59_000)
    expect(stored?.ttl).toBeLessThanOrEqual(60_000)
  })

  it('answers nothing for a record that is not there', async () => {
    expect(await engine.load(newId())).toBeUndefined()
  })

  it('takes a Uint8Array that is a view into a larger buffer', async () => {
    const id = newId()
    const whole = new Uint8Array(100).map((_, i) => i)
    await engine.create(id, whole.subarray(20, 40), 60_000)
    expect([...((await engine.load(id))?.record ?? [])]).toEqual([...whole.subarray(20, 40)])
  })
})

describe('commit', () => {
  it('replaces record and lifetime when the stamp is the base', async () => {
    const id = newId()
    const first = record(1)
    const second = record(2)
    await engine.create(id, first, 60_000)
    expect(await engine.commit(id, stampOf(first), second, 90_000)).toEqual({ status: 'done' })
    const stored = await engine.load(id)
    expect(stored?.record).toEqual(second)
    expect(stored?.ttl).toBeGreaterThan(80_000)
  })

  it('carries the stored record when the stamp is another one, and writes nothing', async () => {
    const id = newId()
    const theirs = record(2)
    await engine.create(id, theirs, 60_000)
    const result = await engine.commit(id, stampOf(record(2)), record(3), 90_000)
    if (result.status !== 'conflict') throw new Error(result.status)
    expect(result.stored.record).toEqual(theirs)
    expect(result.stored.ttl).toBeLessThanOrEqual(60_000)
    expect((await engine.load(id))?.record).toEqual(theirs)
  })

  it('answers gone, and makes no record', async () => {
    const id = newId()
    expect(await engine.commit(id, stampOf(record(1)), record(2), 1_000)).toEqual({
      status: 'gone',
    })
    expect(await engine.load(id)).toBeUndefined()
  })

  it('meets a record too short for a stamp as a conflict', async () => {
    const id = newId()
    await engine.create(id, Buffer.from('x'), 60_000)
    const result = await engine.commit(id, stampOf(record(1)), record(2), 1_000)
    expect(result.status).toBe('conflict')
  })

  it('lets exactly one of many parallel commits through', async () => {
    const id = newId()
    const base = record(1)
    await engine.create(id, base, 60_000)
    const results = await Promise.all(
      Array.from({ length: 50 }, () => engine.commit(id, stampOf(base), record(2), 60_000)),
    )
    expect(results.filter(({ status }) => status === 'done')).toHaveLength(1)
    expect(results.filter(({ status }) => status === 'conflict')).toHaveLength(49)
  })
})

describe('touch', () => {
  it('sets the lifetime, in both directions, and leaves the record', async () => {
    const id = newId()
    const kept = record(1)
    await engine.create(id, kept, 60_000)
    for (const ttl of [600_000, 5_000]) {
      expect(await engine.touch(id, stampOf(kept), ttl)).toEqual({ status: 'done' })
      const stored = await engine.load(id)
      expect(stored?.record).toEqual(kept)
      expect(stored?.ttl).toBeGreaterThan(ttl - 1_000)
      expect(stored?.ttl).toBeLessThanOrEqual(ttl)
    }
  })

  it('answers conflict with what is stored, and gone', async () => {
    const id = newId()
    const kept = record(1)
    await engine.create(id, kept, 60_000)
    const result = await engine.touch(id, stampOf(record(1)), 600_000)
    if (result.status !== 'conflict') throw new Error(result.status)
    expect(result.stored.record).toEqual(kept)
    expect((await engine.load(id))?.ttl).toBeLessThanOrEqual(60_000)
    expect(await engine.touch(newId(), stampOf(kept), 1_000)).toEqual({ status: 'gone' })
  })
})

describe('rotate', () => {
  it('moves record and index entry, and leaves nothing', async () => {
    const owner = newOwner()
    const [from, to] = [newId(), newId()]
    const [first, second] = [record(1), record(2)]
    await engine.create(from, first, 60_000, { ...owner, ttl: 70_000 })
    const moved = { ...owner, ttl: 200_000 }
    expect(await engine.rotate(from, stampOf(first), to, second, 60_000, { owner: moved })).toEqual(
      { status: 'done' },
    )
    expect(await engine.load(from)).toBeUndefined()
    expect((await engine.load(to))?.record).toEqual(second)
    expect(await entries(owner.tag)).toEqual([to.slice(3)])
    const ttl = Number(await server.cli('PTTL', indexKey('sj', PARTITION, owner.tag)))
    expect(ttl).toBeGreaterThan(190_000)
  })

  it('leaves a trail, and makes an entry that is missing', async () => {
    const owner = newOwner()
    const [from, to] = [newId(), newId()]
    const [first, trail] = [record(1), record(9, 'forward')]
    await engine.create(from, first, 60_000)
    await engine.rotate(from, stampOf(first), to, record(2), 60_000, {
      owner,
      trail: { record: trail, ttl: 10_000 },
    })
    const left = await engine.load(from)
    expect(left?.record).toEqual(trail)
    expect(left?.ttl).toBeLessThanOrEqual(10_000)
    expect(await engine.list(PARTITION, owner.tag)).toMatchObject([{ id: to }])
  })

  it('works without an owner', async () => {
    const [from, to] = [newId(), newId()]
    const first = record(1)
    await engine.create(from, first, 60_000)
    await engine.rotate(from, stampOf(first), to, record(2), 60_000)
    expect((await lifetimes(server)).size).toBe(1)
  })

  it('answers conflict with what is stored, and gone, and writes nothing', async () => {
    const [from, to] = [newId(), newId()]
    const kept = record(1)
    await engine.create(from, kept, 60_000)
    const result = await engine.rotate(from, stampOf(record(1)), to, record(2), 60_000)
    if (result.status !== 'conflict') throw new Error(result.status)
    expect(result.stored.record).toEqual(kept)
    expect(await engine.load(to)).toBeUndefined()
    expect(await engine.rotate(newId(), stampOf(kept), to, record(2), 60_000)).toEqual({
      status: 'gone',
    })
    expect(await engine.load(to)).toBeUndefined()
  })

  it('does not write over a record at the new id', async () => {
    const [from, to] = [newId(), newId()]
    const [first, taken] = [record(1), record(5)]
    await engine.create(from, first, 60_000)
    await engine.create(to, taken, 60_000)
    const result = await engine.rotate(from, stampOf(first), to, record(2), 60_000)
    expect(result).toMatchObject({ status: 'conflict', stored: { record: first } })
    expect((await engine.load(to))?.record).toEqual(taken)
  })
})

describe('destroy', () => {
  it('removes record and entry; a later commit answers gone', async () => {
    const owner = newOwner()
    const id = newId()
    const first = record(1)
    await engine.create(id, first, 60_000, owner)
    expect(await engine.destroy(id, { ownerTag: owner.tag })).toEqual({ status: 'done' })
    expect((await lifetimes(server)).size).toBe(0)
    expect(await engine.commit(id, stampOf(first), record(2), 1_000)).toEqual({ status: 'gone' })
  })

  it('answers gone where there was none, and removes the entry all the same', async () => {
    const owner = newOwner()
    const id = newId()
    await engine.create(id, record(1), 60_000, owner)
    await expire(id)
    expect(await engine.destroy(id, { ownerTag: owner.tag })).toEqual({ status: 'gone' })
    expect(await entries(owner.tag)).toEqual([])
  })

  it('with a base ends only that record', async () => {
    const owner = newOwner()
    const id = newId()
    const kept = record(1)
    await engine.create(id, kept, 60_000, owner)
    const result = await engine.destroy(id, { base: stampOf(record(1)), ownerTag: owner.tag })
    expect(result).toMatchObject({ status: 'conflict', stored: { record: kept } })
    expect(await entries(owner.tag)).toEqual([id.slice(3)])
    expect(await engine.destroy(id, { base: stampOf(kept) })).toEqual({ status: 'done' })
    expect(await engine.destroy(id, { base: stampOf(kept) })).toEqual({ status: 'gone' })
  })

  it('leaves a trail only where there was a record', async () => {
    const id = newId()
    const trail = { record: record(9, 'marker'), ttl: 10_000 }
    expect(await engine.destroy(id, { trail })).toEqual({ status: 'gone' })
    expect(await engine.load(id)).toBeUndefined()
    await engine.create(id, record(1), 60_000)
    expect(await engine.destroy(id, { trail })).toEqual({ status: 'done' })
    const left = await engine.load(id)
    expect(left?.record).toEqual(trail.record)
    expect(left?.ttl).toBeLessThanOrEqual(10_000)
  })
})

it('F21 knows the scripts again after SCRIPT FLUSH', async () => {
  const id = newId()
  const first = record(1)
  await engine.create(id, first, 60_000)
  await server.cli('SCRIPT', 'FLUSH')
  const results = await Promise.all([
    engine.touch(id, stampOf(first), 60_000),
    engine.commit(id, stampOf(first), record(2), 60_000),
    engine.touch(id, stampOf(first), 60_000),
  ])
  expect(results.map(({ status }) => status).sort()).toEqual(['conflict', 'done', 'done'])
})

it('keeps two prefixes apart', async () => {
  const other = redisEngine({ redis: server.url, prefix: 'sj:a.b:c-d_1' })
  const id = newId()
  await other.create(id, record(1), 60_000)
  expect(await engine.load(id)).toBeUndefined()
  expect([...(await lifetimes(server)).keys()]).toEqual([`sj:a.b:c-d_1:{02u}:s:${id.slice(3)}`])
  await other.close()
})
