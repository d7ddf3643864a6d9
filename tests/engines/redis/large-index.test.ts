import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stampOf } from '../../../src/core/engine.ts'
import { type RedisEngine, redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { newId, newOwner, PARTITION, populate, record } from './fixtures.ts'

const MANY = 20_000
/** What one call may look at or end; the scripts say the same. */
const MOST_OF_A_PAGE = 700
const MOST_LOOKED_AT = 1_500

let server: RedisServer
let engine: RedisEngine

beforeAll(async () => {
  server = await startRedis({ args: ['--latency-tracking-info-percentiles', '100'] })
  engine = redisEngine({ redis: server.url, commandTimeout: 10_000, nearCache: false })
  await engine.ready()
})
afterAll(async () => {
  await engine.close()
  await server.stop()
})
beforeEach(async () => {
  await server.cli('FLUSHALL')
})

interface Calls {
  /** Of scripts. */
  readonly count: number
  /** Milliseconds of the server's time for the longest; printed, and not asserted: machines differ. */
  readonly longest: number
  /** The most commands that one of them has carried out on keys of their own. */
  readonly most: number
}

/** What the server has to do for `work`, script by script. */
async function callsOf(title: string, work: () => Promise<unknown>): Promise<Calls> {
  await server.cli('CONFIG', 'RESETSTAT')
  await work()
  const info = await server.cli('INFO', 'everything')
  const number = (pattern: string): number => Number(new RegExp(pattern).exec(info)?.[1] ?? 0)
  const count = number('cmdstat_evalsha:calls=(\\d+)')
  const commands = ['del', 'pttl', 'exists', 'hdel'].map((name) =>
    number(`cmdstat_${name}:calls=(\\d+)`),
  )
  const longest = number('latency_percentiles_usec_evalsha:p100=([\\d.]+)') / 1_000
  console.info(`${title}: ${count} calls, the longest ${longest.toFixed(1)} ms`)
  return { count, longest, most: Math.max(...commands) / count }
}

it('a session that was rotated since it was listed is not evicted by its former id', async () => {
  const [id, next, owner] = [newId(), newId(), newOwner()]
  const first = record(1)
  await engine.create(id, first, 60_000, owner)
  const trail = { record: record(9), ttl: 60_000 }
  await engine.rotate(id, stampOf(first), next, record(2), 60_000, { owner, trail })
  const script = readFileSync(
    new URL('../../../protocol/scripts/evict.lua', import.meta.url),
    'utf8',
  )
  const index = `sj:{${PARTITION}}:p:${owner.tag}`
  const evict = (of: string) => server.cli('EVAL', script, '1', index, of.slice(3))
  expect(await evict(id)).toBe('')
  expect((await engine.load(id))?.record).toEqual(trail.record)
  expect(await evict(next)).toBe(next.slice(3))
})

describe('a principal with 20,000 sessions holds up the server in no call', () => {
  it('S17 list', async () => {
    const owner = newOwner()
    await populate(server, owner.tag, MANY)
    const calls = await callsOf('list', async () => {
      expect(await engine.list(PARTITION, owner.tag)).toHaveLength(MANY)
    })
    expect(calls.count).toBeGreaterThanOrEqual(MANY / MOST_OF_A_PAGE)
    expect(calls.most).toBeLessThanOrEqual(MOST_OF_A_PAGE)
  })

  it('S17 revokeAll', async () => {
    const owner = newOwner()
    const ids = await populate(server, owner.tag, MANY)
    const calls = await callsOf('revokeAll', async () => {
      expect(await engine.revokeAll(PARTITION, owner.tag)).toHaveLength(MANY)
    })
    expect(calls.count).toBeGreaterThanOrEqual(MANY / MOST_OF_A_PAGE)
    expect(calls.most).toBeLessThanOrEqual(MOST_OF_A_PAGE + 1)
    expect(await engine.load(ids[0] as string)).toBeUndefined()
    expect(await server.cli('DBSIZE')).toBe('0')
  })

  it.each(['evict-oldest', 'evict-idle', 'reject'] as const)('S19 login, %s', async (policy) => {
    const owner = newOwner()
    await populate(server, owner.tag, MANY)
    const calls = await callsOf(`login, ${policy}`, async () => {
      const limit = { max: 1_000, policy } as const
      const result = await engine.create(newId(), record(1), 60_000, owner, limit)
      const evicted = result.status === 'created' ? result.evicted.length : 0
      expect([result.status, evicted]).toEqual(
        policy === 'reject' ? ['rejected', 0] : ['created', MANY - 999],
      )
    })
    expect(calls.count).toBeGreaterThan(10)
    expect(calls.most).toBeLessThanOrEqual(MOST_LOOKED_AT)
  })

  it.each(['evict-oldest', 'evict-idle'] as const)(
    'S19 login at the largest index that is looked through, %s',
    async (policy) => {
      const owner = newOwner()
      await populate(server, owner.tag, MOST_LOOKED_AT)
      const calls = await callsOf(`login, ${policy}, 1,500 in one step`, async () => {
        await engine.create(newId(), record(1), 60_000, owner, { max: 1_000, policy })
      })
      expect(calls.count).toBeLessThanOrEqual(2)
    },
  )
})

describe('5,000 that have expired and are still to be told of hold up no login', () => {
  const EXPIRED = 5_000
  const awaited = `sj:{${PARTITION}}:x`
  const departed = `sj:{${PARTITION}}:d`
  let reliable: RedisEngine

  beforeAll(async () => {
    const options = { commandTimeout: 10_000, nearCache: false, expiry: 'reliable' } as const
    reliable = redisEngine({ redis: server.url, ...options })
    await reliable.ready()
  })
  afterAll(() => reliable.close())

  async function expired(ownerTag: string): Promise<void> {
    const ids = await populate(server, ownerTag, EXPIRED, false)
    const script = `
      for i = 1, #ARGV do redis.call('ZADD', KEYS[1], 1, ARGV[i]) end
      redis.call('PEXPIRE', KEYS[1], 600000)`
    const members = ids.map((id) => id.slice(3) + ownerTag)
    await server.cli('EVAL', script, '1', awaited, ...members)
  }

  it('S19 the first login moves them, the next ones do not meet them', async () => {
    const owner = newOwner()
    await expired(owner.tag)
    const limit = { max: 5, policy: 'evict-oldest' } as const
    const login = () => reliable.create(newId(), record(1), 60_000, owner, limit)
    const first = await callsOf('the first login', login)
    expect(first.most).toBeLessThanOrEqual(MOST_OF_A_PAGE)
    expect(await server.cli('HLEN', departed)).toBe(String(EXPIRED))
    for (let i = 0; i < 5; i++) await login()
    const times: number[] = []
    const next = await callsOf('100 more', async () => {
      for (let i = 0; i < 100; i++) {
        const from = performance.now()
        await login()
        times.push(performance.now() - from)
      }
    })
    times.sort((a, b) => a - b)
    console.info(`median ${times[50]?.toFixed(2)} ms, longest ${times.at(-1)?.toFixed(2)} ms`)
    expect(next.count).toBe(100)
    expect(next.most).toBeLessThanOrEqual(7)
    expect(await server.cli('HLEN', `sj:{${PARTITION}}:p:${owner.tag}`)).toBe('5')
  })

  it('S17 list and revokeAll lose no descriptor, some at a time', async () => {
    const work = {
      list: (tag: string) => reliable.list(PARTITION, tag),
      revokeAll: (tag: string) => reliable.revokeAll(PARTITION, tag),
    }
    for (const [title, meet] of Object.entries(work)) {
      await server.cli('FLUSHALL')
      const { tag } = newOwner()
      await expired(tag)
      const calls = await callsOf(`${title}, expired`, () => meet(tag))
      expect(calls.most).toBeLessThanOrEqual(MOST_OF_A_PAGE)
      expect(await server.cli('HLEN', departed)).toBe(String(EXPIRED))
      expect(await server.cli('EXISTS', `sj:{${PARTITION}}:p:${tag}`)).toBe('0')
    }
  })

  it('S19 a login moves 500 at most', async () => {
    const owner = newOwner()
    await expired(owner.tag)
    const index = `sj:{${PARTITION}}:p:${owner.tag}`
    const keys = (await server.cli('HKEYS', index)).split('\n')
    await server.cli('HDEL', index, ...keys.slice(MOST_LOOKED_AT))
    const limit = { max: 5, policy: 'evict-oldest' } as const
    await callsOf('a login that meets 1,500', () =>
      reliable.create(newId(), record(1), 60_000, owner, limit),
    )
    expect(await server.cli('HLEN', departed)).toBe('500')
  })
})
