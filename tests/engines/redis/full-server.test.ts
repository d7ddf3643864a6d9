import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stampOf } from '../../../src/core/engine.ts'
import { StoreRefusedError } from '../../../src/core/errors.ts'
import { type RedisEngine, redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { failure, lifetimes, newId, newOwner, PARTITION, record } from './fixtures.ts'

describe('F09 a server out of memory, noeviction', () => {
  let server: RedisServer
  let engine: RedisEngine
  const owner = newOwner()
  const ids = Array.from({ length: 20 }, () => newId())
  const first = record(1)
  const full = expect.objectContaining({ reason: 'OOM', code: 'ERR_SOJOURN_STORE_REFUSED' })

  beforeAll(async () => {
    server = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] })
    engine = redisEngine({ redis: server.url })
    for (const id of ids) await engine.create(id, first, 600_000, owner)
    // Far below what is used: nothing that one delete frees makes room.
    await server.cli('CONFIG', 'SET', 'maxmemory', '1mb')
  })
  afterAll(async () => {
    await engine.close()
    await server.stop()
  })

  it('refuses what needs memory with a typed error, and writes nothing of it', async () => {
    expect(await server.cli('SET', 'probe', 'x').catch(String)).toContain('OOM')
    const [id, base] = [ids[0] as string, stampOf(first)]
    const before = [...(await lifetimes(server)).keys()].sort()
    const evict = { max: 5, policy: 'evict-oldest' } as const
    const calls = [
      engine.create(newId(), record(1), 1_000),
      engine.create(newId(), record(1), 1_000, owner),
      engine.create(newId(), record(1), 1_000, owner, evict),
      engine.commit(id, base, record(2), 1_000),
      engine.rotate(id, base, newId(), record(2), 1_000, { owner }),
    ]
    for (const error of await Promise.all(calls.map(failure))) {
      expect(error).toBeInstanceOf(StoreRefusedError)
      expect(error).toEqual(full)
      expect(error.message).toContain('maxmemory')
    }
    expect([...(await lifetimes(server)).keys()].sort()).toEqual(before)
    expect(await engine.list(PARTITION, owner.tag)).toHaveLength(20)
  })

  it('still loads, touches and lists', async () => {
    const id = ids[0] as string
    expect((await engine.load(id))?.record).toEqual(first)
    expect(await engine.touch(id, stampOf(first), 500_000)).toEqual({ status: 'done' })
    expect(await engine.list(PARTITION, owner.tag)).toHaveLength(20)
  })

  it('logout works, with the index entry, with a base, and with a trail', async () => {
    const [a, b, c] = ids as [string, string, string]
    expect(await engine.destroy(a, { ownerTag: owner.tag })).toEqual({ status: 'done' })
    expect(await engine.destroy(b, { ownerTag: owner.tag, base: stampOf(first) })).toEqual({
      status: 'done',
    })
    const trail = { record: record(9, 'marker'), ttl: 10_000 }
    expect(await engine.destroy(c, { ownerTag: owner.tag, trail })).toEqual({ status: 'done' })
    expect(await engine.load(a)).toBeUndefined()
    expect(await engine.load(b)).toBeUndefined()
    expect((await engine.load(c))?.record).toEqual(trail.record)
    expect(await engine.list(PARTITION, owner.tag)).toHaveLength(17)
  })

  it('revoke-all works', async () => {
    const kept = ids[19] as string
    expect(await engine.revokeAll(PARTITION, owner.tag, { except: kept })).toHaveLength(16)
    expect(await engine.revokeAll(PARTITION, owner.tag)).toEqual([kept])
    expect(await engine.list(PARTITION, owner.tag)).toEqual([])
    expect(await server.cli('SET', 'probe', 'x').catch(String)).toContain('OOM')
  })
})
