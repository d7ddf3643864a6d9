import { describe, expect, it } from 'vitest'
import { bucketOf } from '../../../src/core/gap-histogram.ts'
import { createSessions } from '../../../src/index.ts'
import { manualClock } from '../../../src/testing/index.ts'
import {
  everyKeyExpires,
  failure,
  lifetimes,
  newId,
  PARTITION,
  populate,
  record,
} from './fixtures.ts'
import { open, start } from './harness.ts'

const MINUTE = 60_000
const DAY = 86_400_000

function day(ago = 0): string {
  return new Date(Date.now() - ago * DAY).toISOString().slice(0, 10).replaceAll('-', '')
}

describe('counters', () => {
  it('are a hash a day that ends 15 days after the last write, never without a lifetime', async () => {
    const server = await start()
    const engine = open(server.url)
    await engine.addGaps(new Map([[3, 1]]))
    const key = `sj:{06S}:g:${day()}`
    expect([...(await lifetimes(server)).keys()]).toEqual([key])
    await server.cli('PEXPIRE', key, '1000')
    await engine.addGaps(
      new Map([
        [3, 2],
        [200, 7],
      ]),
    )
    expect(await server.cli('HGETALL', key)).toBe('3\n3\n200\n7')
    const ttl = (await lifetimes(server)).get(key) ?? 0
    expect(ttl).toBeGreaterThan(15 * DAY - MINUTE)
    expect(ttl).toBeLessThanOrEqual(15 * DAY)
  })

  it('are not written by a user who may not set lifetimes', async () => {
    const server = await start()
    const rights = '~sj:* +@all -pexpire'.split(' ')
    await server.cli('ACL', 'SETUSER', 'some', 'on', '>password', ...rights)
    const engine = open({ url: server.url, username: 'some', password: 'password' })
    expect((await failure(engine.addGaps(new Map([[3, 1]])))).message).toContain('NOPERM')
    expect((await lifetimes(server)).size).toBe(0)
  })

  it('of 14 days are read, whatever else is in them', async () => {
    const server = await start()
    const engine = open(server.url)
    await server.cli('HSET', `sj:{06S}:g:${day(13)}`, '5', '10', 'x', '1', '999', '1')
    await server.cli('HSET', `sj:{06S}:g:${day(14)}`, '5', '1000')
    await engine.addGaps(new Map([[5, 1]]))
    expect((await engine.gaps(14)).get(5)).toBe(11)
    expect((await engine.gaps(13)).get(5)).toBe(1)
  })
})

describe('a sample', () => {
  it('is taken page by page, of sessions alone', async () => {
    const server = await start()
    const engine = open(server.url)
    await populate(server, 'o'.repeat(22), 2_345)
    await server.cli('EVAL', FOREIGN, '0', '3000')
    const all = await engine.sampleTtls(10_000)
    expect([all.ttls.length, all.complete]).toEqual([2_345, true])
    expect(all.ttls.every((ttl) => ttl > 590_000 && ttl <= 600_000)).toBe(true)
    const some = await engine.sampleTtls(700)
    expect([some.ttls.length, some.complete]).toEqual([700, false])
  })

  it('gives up where nearly all keys are of others', async () => {
    const server = await start()
    const engine = open(server.url)
    await server.cli('EVAL', FOREIGN, '0', '20000')
    await server.cli('CONFIG', 'RESETSTAT')
    expect(await engine.sampleTtls(100)).toEqual({ ttls: [], complete: false })
    const [, calls] =
      /cmdstat_scan:calls=(\d+)/.exec(await server.cli('INFO', 'commandstats')) ?? []
    expect(Number(calls)).toBe(2)
  })

  it('leaves nothing that the server tracks, and no connection', async () => {
    const server = await start()
    const engine = open(server.url)
    await engine.ready()
    await populate(server, 'o'.repeat(22), 600)
    const tracked = async (): Promise<string | undefined> =>
      /tracking_total_keys:(\d+)/.exec(await server.cli('INFO', 'stats'))?.[1]
    const before = await tracked()
    await engine.sampleTtls(10_000)
    expect(await tracked()).toBe(before)
    await expect.poll(() => server.cli('CLIENT', 'LIST')).not.toMatch(/( name=sojourn [^]*){2}/)
  })

  it('under way when the engine is closed comes to an end', async () => {
    const server = await start()
    const engine = open(server.url)
    await populate(server, 'o'.repeat(22), 5_000)
    const sample = failure(engine.sampleTtls(10_000))
    await new Promise((resolve) => setTimeout(resolve, 30))
    await engine.close()
    expect((await sample).message).toContain('closed')
  })
})

it('two nodes count together, what one has counted when it is closed too', async () => {
  const server = await start()
  const clock = manualClock()
  const node = () => {
    const secrets = ['a secret for tests, of 32 bytes or more']
    return createSessions({ redis: server.url, secrets, clock, nearCache: false })
  }
  const [one, two] = [node(), node()]
  await Promise.all([one.ready(), two.ready()])
  for (const sessions of [one, two]) {
    const session = await sessions.open()
    session.set('views', 1)
    await session.commit()
    clock.advance(10 * MINUTE)
    await session.touch()
  }
  await one.close()
  const { gaps, ttl, complete } = await two.insight()
  expect(gaps.buckets).toEqual([{ from: 576_000, to: 640_000, count: 2 }])
  expect(bucketOf(10 * MINUTE)).toBe(bucketOf(576_000))
  expect([ttl.count, complete]).toEqual([2, true])
  await two.close()
  await everyKeyExpires(server)
})

it('a read does not see its sample among what the near cache holds', async () => {
  const server = await start()
  const engine = open(server.url)
  const id = newId(PARTITION)
  await engine.create(id, record(1), MINUTE)
  expect((await engine.sampleTtls(10)).ttls).toHaveLength(1)
  expect(engine.nearCache.misses).toBe(0)
})

const FOREIGN = `for i = 1, ARGV[1] do redis.call('SET', 'other:' .. i, 'x', 'PX', 600000) end`
