import { afterEach, describe, expect, it } from 'vitest'
import type { ScannedRecord } from '../../../src/core/engine-abilities.ts'
import type { ListingPlace } from '../../../src/engines/redis/listing.ts'
import { type RedisEngine, redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { testId, testRecord } from '../../../src/testing/index.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** @param asOperator may do what those may who look at sessions by pieces */
async function start(
  count: number,
  asOperator = false,
): Promise<{ server: RedisServer; engine: RedisEngine }> {
  const server = await startRedis()
  const redis = { ...(asOperator ? server.admin : {}), url: server.url }
  const engine = redisEngine({ redis, commandTimeout: 5_000 })
  closing.push(
    () => server.stop(),
    () => engine.close(),
  )
  const writer = redisEngine({ redis: server.url, commandTimeout: 5_000, nearCache: false })
  const made = Array.from({ length: count }, () => writer.create(testId(), testRecord(1), 600_000))
  await Promise.all(made)
  await writer.close()
  await engine.ready()
  return { server, engine }
}

const FOREIGN = `for i = 1, ARGV[1] do redis.call('SET', 'sj:other:' .. i, 'x') end
redis.call('SET', 'sj:{06S}:s:short', 'x', 'PX', 600000)`

describe('a scan', () => {
  it('is of sessions alone, page by page, and never KEYS', async () => {
    const { server, engine } = await start(1_300)
    await server.cli('EVAL', FOREIGN, '0', '1000')
    await server.cli('CONFIG', 'RESETSTAT')
    const ids = new Set<string>()
    let pages = 0
    for await (const page of engine.scan()) {
      pages++
      for (const { id } of page) ids.add(id)
    }
    expect(ids.size).toBe(1_300)
    expect(pages).toBeGreaterThan(2)
    const stats = await server.cli('INFO', 'commandstats')
    expect(stats).toMatch(/cmdstat_scan:/)
    expect(stats).not.toMatch(/cmdstat_keys:/)
  })

  it('leaves nothing that the server tracks, and no connection, also when it is given up', async () => {
    const { server, engine } = await start(1_300)
    const tracked = async (): Promise<string | undefined> =>
      /tracking_total_keys:(\d+)/.exec(await server.cli('INFO', 'stats'))?.[1]
    const before = await tracked()
    for await (const page of engine.scan()) {
      expect(page.length).toBeGreaterThan(0)
      break
    }
    expect(await tracked()).toBe(before)
    await expect.poll(() => server.cli('CLIENT', 'LIST')).not.toMatch(/( name=sojourn [^]*){2}/)
    expect(engine.nearCache.entries).toBe(0)
  })

  it('under way when the engine is closed comes to an end', async () => {
    const { engine } = await start(1_300)
    const scan = engine.scan()[Symbol.asyncIterator]()
    await scan.next()
    await engine.close()
    await expect(scan.next()).rejects.toThrow('closed')
  })

  describe.each([
    ['a scan', byScan],
    ['pieces', byPieces],
  ])('by %s', (_, by) => {
    it.each<[string, (server: RedisServer) => Promise<unknown>]>([
      [
        'whose connection is lost on the way',
        (server) => server.cli('CLIENT', 'KILL', 'TYPE', 'normal'),
      ],
      [
        'of a server that has come back, and has its keys in another order',
        async (server) => {
          await server.cli('SAVE')
          await server.kill()
          await server.restart()
        },
      ],
    ])('%s finds all', async (_what, disturb) => {
      const { server, engine } = await start(2_000, by === byPieces)
      const next = by(engine)
      const seen = new Set<string>()
      for (let step = 0; step < 10; step++) for (const { id } of (await next()) ?? []) seen.add(id)
      expect(seen.size).toBeLessThan(2_000)
      await disturb(server)
      let page = await next()
      while (page !== undefined) {
        for (const { id } of page) seen.add(id)
        page = await next()
      }
      expect(seen.size).toBe(2_000)
    })
  })

  it('whose connections are lost again and again finds all, once', async () => {
    const { server, engine } = await start(1_300)
    const seen: string[] = []
    for await (const page of engine.scan()) {
      seen.push(...page.map(({ id }) => id))
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    }
    expect(seen).toHaveLength(1_300)
    expect(new Set(seen).size).toBe(1_300)
  })

  it('of a server that is another one again and again comes to an end', async () => {
    const { server, engine } = await start(1_300)
    await server.cli('SAVE')
    const going = (async () => {
      for await (const page of engine.scan()) {
        expect(page.length).toBeLessThan(1_300)
        await server.restart()
      }
    })()
    await expect(going).rejects.toThrow('Redis was another one 6 times')
  })
})

type Next = () => Promise<readonly ScannedRecord[] | undefined>

function byScan(engine: RedisEngine): Next {
  const pages = engine.scan()[Symbol.asyncIterator]()
  return async () => {
    const { done, value } = await pages.next()
    return done === true ? undefined : value
  }
}

function byPieces(engine: RedisEngine): Next {
  let place: ListingPlace | undefined
  let isBegun = false
  return async () => {
    if (isBegun && place === undefined) return undefined
    isBegun = true
    const piece = await engine.listing.piece(place)
    place = piece.next
    return piece.records
  }
}
