import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { indexKey, recordKey } from '../../../src/engines/redis/keys.ts'
import { type RedisEngine, redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import {
  descriptor,
  everyKeyExpires,
  lifetimes,
  newId,
  newOwner,
  PARTITION,
  populate,
  record,
} from './fixtures.ts'

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

describe('create', () => {
  it('does not replace a record', async () => {
    const id = newId()
    const kept = record(1)
    expect(await engine.create(id, kept, 60_000)).toEqual({ status: 'created', evicted: [] })
    const owner = newOwner()
    expect(await engine.create(id, record(1), 60_000)).toEqual({ status: 'exists' })
    expect(await engine.create(id, record(1), 60_000, owner)).toEqual({ status: 'exists' })
    expect((await engine.load(id))?.record).toEqual(kept)
    expect(await entries(owner.tag)).toEqual([])
  })

  it('removes entries whose record is gone', async () => {
    const owner = newOwner()
    const [dead, live, fresh] = [newId(), newId(), newId()]
    await engine.create(dead, record(1), 60_000, owner)
    await engine.create(live, record(1), 60_000, owner)
    await expire(dead)
    await engine.create(fresh, record(1), 60_000, owner)
    expect(await entries(owner.tag)).toEqual([live.slice(3), fresh.slice(3)].sort())
  })

  it('keeps the entry of an id that comes again', async () => {
    const owner = newOwner()
    const id = newId()
    await engine.create(id, record(1), 60_000, owner)
    await engine.destroy(id)
    await engine.create(id, record(1), 60_000, owner)
    expect(await entries(owner.tag)).toEqual([id.slice(3)])
  })

  it('prunes a large index in the long run without looking through it each time', async () => {
    const owner = newOwner()
    await populate(server, owner.tag, 300, false)
    for (let i = 0; i < 12; i++) await engine.create(newId(), record(1), 60_000, owner)
    expect(await entries(owner.tag)).toHaveLength(12)
  })

  it('lets the index live as long as the longest deadline in it', async () => {
    const owner = newOwner()
    const ttlOfIndex = async () =>
      Number(await server.cli('PTTL', indexKey('sj', PARTITION, owner.tag)))
    await engine.create(newId(), record(1), 1_000, { ...owner, ttl: 50_000 })
    expect(await ttlOfIndex()).toBeGreaterThan(49_000)
    await engine.create(newId(), record(1), 1_000, { ...owner, ttl: 400 * 86_400_000 })
    expect(await ttlOfIndex()).toBeGreaterThan(399 * 86_400_000)
    await engine.create(newId(), record(1), 1_000, { ...owner, ttl: 50_000 })
    expect(await ttlOfIndex()).toBeGreaterThan(399 * 86_400_000)
  })

  it('gives a lifetime to an index that has lost its own', async () => {
    const owner = newOwner()
    const key = indexKey('sj', PARTITION, owner.tag)
    await engine.create(newId(), record(1), 60_000, owner)
    await server.cli('PERSIST', key)
    await engine.create(newId(), record(1), 60_000, owner)
    expect(Number(await server.cli('PTTL', key))).toBeGreaterThan(0)
  })
})

describe('limit', () => {
  it('evicts the oldest by creation time, not by bytes as text, and names them', async () => {
    const owner = newOwner()
    // Creation times whose bytes sort differently as text, by locale, and as numbers.
    const times = [0x0100_0000_00ff, 0x61, 0x42, 0xc3a9, 0x7f, 0x0142, 0xffff_ffff_ffff]
    const ids = times.map(() => newId())
    for (const [i, id] of ids.entries()) {
      const at = { ...owner, descriptor: descriptor(times[i] as number) }
      await engine.create(id, record(1), 60_000, at)
    }
    const added = newId()
    const result = await engine.create(added, record(1), 60_000, owner, {
      max: 5,
      policy: 'evict-oldest',
    })
    const oldest = [0x42, 0x61, 0x7f].map((time) => ids[times.indexOf(time)])
    expect(result).toEqual({ status: 'created', evicted: oldest })
    for (const id of oldest) expect(await engine.load(id as string)).toBeUndefined()
    expect(await entries(owner.tag)).toHaveLength(5)
    expect(await engine.load(added)).toBeDefined()
  })

  it('rejects, and counts only live sessions', async () => {
    const owner = newOwner()
    const limit = { max: 2, policy: 'reject' } as const
    const [a, b, c] = [newId(), newId(), newId()]
    for (const id of [a, b]) {
      expect(await engine.create(id, record(1), 60_000, owner, limit)).toMatchObject({
        status: 'created',
      })
    }
    expect(await engine.create(c, record(1), 60_000, owner, limit)).toEqual({
      status: 'rejected',
      limit: 'all',
    })
    expect(await engine.load(c)).toBeUndefined()
    await expire(a)
    expect(await engine.create(c, record(1), 60_000, owner, limit)).toMatchObject({
      status: 'created',
    })
  })

  it('S19 leaves exactly as many live as the limit, of 50 parallel logins', async () => {
    for (const policy of ['evict-oldest', 'reject'] as const) {
      const owner = newOwner()
      const ids = Array.from({ length: 50 }, () => newId())
      const results = await Promise.all(
        ids.map((id) => engine.create(id, record(1), 60_000, owner, { max: 5, policy })),
      )
      const live = await Promise.all(ids.map((id) => engine.load(id)))
      expect(live.filter(Boolean)).toHaveLength(5)
      expect(await engine.list(PARTITION, owner.tag)).toHaveLength(5)
      const created = results.filter(({ status }) => status === 'created')
      expect(created).toHaveLength(policy === 'reject' ? 5 : 50)
    }
  })

  it('brings a principal with thousands of sessions down to a new limit', async () => {
    const owner = newOwner()
    await populate(server, owner.tag, 9_000)
    const result = await engine.create(newId(), record(1), 60_000, owner, {
      max: 3,
      policy: 'evict-oldest',
    })
    expect(result.status === 'created' && result.evicted.length).toBe(8_998)
    expect(await engine.list(PARTITION, owner.tag)).toHaveLength(3)
  })
})

describe('list and revokeAll', () => {
  it('lists live sessions oldest first and prunes the rest', async () => {
    const owner = newOwner()
    const times = [5_000, 1_000, 3_000]
    const ids = times.map(() => newId())
    for (const [i, id] of ids.entries()) {
      const entry = descriptor(times[i] as number, `device ${i}`)
      await engine.create(id, record(1), 60_000 + i, { ...owner, descriptor: entry })
    }
    await expire(ids[2] as string)
    const listed = await engine.list(PARTITION, owner.tag)
    expect(listed.map(({ id }) => id)).toEqual([ids[1], ids[0]])
    expect(listed[0]?.descriptor).toEqual(descriptor(1_000, 'device 1'))
    expect(listed[0]?.ttl).toBeGreaterThan(59_000)
    expect(await entries(owner.tag)).toHaveLength(2)
    expect(await engine.list(PARTITION, newOwner().tag)).toEqual([])
  })

  it('ends all but one and answers with those that were live', async () => {
    const owner = newOwner()
    const [dead, a, b, kept] = [newId(), newId(), newId(), newId()]
    for (const id of [dead, a, b, kept]) await engine.create(id, record(1), 60_000, owner)
    await expire(dead)
    const ended = await engine.revokeAll(PARTITION, owner.tag, { except: kept })
    expect(ended.sort()).toEqual([a, b].sort())
    expect(await engine.list(PARTITION, owner.tag)).toMatchObject([{ id: kept }])
    expect(await engine.revokeAll(PARTITION, owner.tag)).toEqual([kept])
    expect((await lifetimes(server)).size).toBe(0)
    expect(await engine.revokeAll(PARTITION, owner.tag)).toEqual([])
  })

  it('S17 ends 5,000 sessions of one principal in one step, with logins going on', async () => {
    const owner = newOwner()
    const other = newOwner()
    const stays = newId()
    await engine.create(stays, record(1), 60_000, other)
    const ids = await populate(server, owner.tag, 5_000)
    expect(await engine.list(PARTITION, owner.tag)).toHaveLength(5_000)
    const node = redisEngine({ redis: server.url, commandTimeout: 10_000 })
    const state = { going: true }
    const logins = (async () => {
      while (state.going) {
        const id = newId()
        ids.push(id)
        await node.create(id, record(1), 60_000, owner)
      }
    })()
    const ended = await engine.revokeAll(PARTITION, owner.tag)
    state.going = false
    await logins
    await node.close()
    // Nobody is forgotten: a login was either ended, or came after and is listed.
    const listed = (await engine.list(PARTITION, owner.tag)).map(({ id }) => id)
    expect([...ended, ...listed].sort()).toEqual(ids.sort())
    expect(ended.length).toBeGreaterThanOrEqual(5_000)
    const left = await Promise.all(ids.map((id) => engine.load(id)))
    expect(left.filter(Boolean)).toHaveLength(listed.length)
    expect(await engine.load(stays)).toBeDefined()
  })

  it('keeps one of 9,000', async () => {
    const owner = newOwner()
    const ids = await populate(server, owner.tag, 9_000)
    expect(await engine.revokeAll(PARTITION, owner.tag, { except: ids[77] })).toHaveLength(8_999)
    expect(await engine.list(PARTITION, owner.tag)).toMatchObject([{ id: ids[77] }])
  })

  // More than fit on the Lua stack at once (8,000).
  it.each(['list', 'login under a limit'])('prunes 9,000 dead entries in one %s', async (by) => {
    const owner = newOwner()
    const key = indexKey('sj', PARTITION, owner.tag)
    await populate(server, owner.tag, 9_000, false)
    const id = newId()
    if (by !== 'list') {
      const limit = { max: 3, policy: 'reject' } as const
      await engine.create(id, record(1), 60_000, owner, limit)
    }
    expect(await engine.list(PARTITION, owner.tag)).toHaveLength(by === 'list' ? 0 : 1)
    expect(await server.cli('HLEN', key)).toBe(by === 'list' ? '0' : '1')
  })
})
