import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { type Owner, type SessionId, stampOf } from '../../../src/core/engine.ts'
import type { Expired, ExpiryOptions } from '../../../src/core/engine-abilities.ts'
import { partitionTag } from '../../../src/core/partitions.ts'
import type { RedisEngine } from '../../../src/engines/redis/redis-engine.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { everyKeyExpires, newId, newOwner, PARTITION, record } from './fixtures.ts'
import { open, start } from './harness.ts'

const DAY = 86_400_000
const AWAITED = `sj:{${PARTITION}}:x`
const DEPARTED = `sj:{${PARTITION}}:d`
const LISTENS = `sj:{${partitionTag(0)}}:x:listens`
const PATIENCE = 40_000

interface Told {
  readonly ids: SessionId[]
  of(id: SessionId): Expired | undefined
  readonly problems: unknown[]
  stop(): void
}

function listen(
  engine: RedisEngine,
  answer: (id: SessionId) => unknown = () => undefined,
  options: ExpiryOptions = {},
): Told {
  const sessions: Expired[] = []
  const problems: unknown[] = []
  const stop = engine.onExpired(
    (session) => {
      sessions.push(session)
      return answer(session.id)
    },
    (error) => problems.push(error),
    options,
  )
  return {
    get ids() {
      return sessions.map(({ id }) => id)
    },
    of: (id) => sessions.find((session) => session.id === id),
    problems,
    stop,
  }
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE} ms`)
    await sleep(10)
  }
}

function reliable(server: RedisServer): RedisEngine {
  return open(server.url, { expiry: 'reliable' })
}

async function waiting(server: RedisServer): Promise<Map<string, number>> {
  const flat = (await server.cli('ZRANGE', AWAITED, '0', '-1', 'WITHSCORES')).split('\n')
  const pairs = flat.flatMap((member, i) => (i % 2 ? [] : [[member, Number(flat[i + 1])] as const]))
  return new Map(pairs.filter(([member]) => member !== ''))
}

/** The server runs no script meanwhile: whoever looks finds all of it due at once. */
async function gone(server: RedisServer, id: SessionId): Promise<void> {
  const key = `sj:{${PARTITION}}:s:${id.slice(3)}`
  await until('expired', async () => (await server.cli('EXISTS', key)) === '0')
}

describe('what waits to expire', () => {
  it('is a set that outlives the last by a day; without the option there is none', async () => {
    const server = await start()
    const [off, engine] = [open(server.url), reliable(server)]
    const owner = newOwner()
    await off.create(newId(), record(1), 60_000, owner)
    expect(await server.cli('EXISTS', AWAITED)).toBe('0')
    const [nobodys, owned] = [newId(), newId()]
    const now = Date.now()
    await engine.create(nobodys, record(1), 60_000)
    await engine.create(owned, record(1), 600_000, owner)
    const members = await waiting(server)
    expect([...members.keys()].sort()).toEqual(
      [nobodys.slice(3), owned.slice(3) + owner.tag].sort(),
    )
    expect(members.get(nobodys.slice(3))).toBeGreaterThanOrEqual(now + 60_000)
    expect(members.get(nobodys.slice(3))).toBeLessThan(now + 65_000)
    for (const ttl of [60_000, 30_000]) {
      await engine.create(newId(), record(1), ttl)
      const left = Number(await server.cli('PTTL', AWAITED))
      expect(left).toBeGreaterThan(DAY + 590_000)
      expect(left).toBeLessThanOrEqual(DAY + 600_000)
    }
    await everyKeyExpires(server)
  })

  it('is not touched by touch and commit, and what has been used is found out when it is due', async () => {
    const server = await start()
    const engine = reliable(server)
    const [used, other] = [newId(), newId()]
    const first = record(1)
    await engine.create(used, first, 300)
    await engine.create(other, record(1), 300)
    const [member] = [used.slice(3)]
    const before = (await waiting(server)).get(member) ?? 0
    await engine.touch(used, stampOf(first), 60_000)
    await engine.commit(used, stampOf(first), record(2), 60_000)
    expect((await waiting(server)).get(member)).toBe(before)
    const told = listen(engine)
    await until('the other is told', () => told.ids.length === 1)
    expect(told.ids).toEqual([other])
    await until('a new time', async () => ((await waiting(server)).get(member) ?? 0) > before)
    const ends = Number(await server.cli('PEXPIRETIME', `sj:{${PARTITION}}:s:${member}`))
    expect(Math.abs(((await waiting(server)).get(member) ?? 0) - ends)).toBeLessThan(5)
  })

  it('goes along with a rotation, also by a node that has not the option', async () => {
    const server = await start()
    const [engine, off] = [reliable(server), open(server.url)]
    const owner = newOwner()
    const [from, to, first] = [newId(), newId(), record(1)]
    await engine.create(from, first, 60_000, owner)
    await off.rotate(from, stampOf(first), to, record(2), 60_000, { owner })
    expect([...(await waiting(server)).keys()]).toEqual([to.slice(3) + owner.tag])
  })

  it('a session that somebody has made persistent, and a trail of unknown origin, cause no work', async () => {
    const server = await start()
    const engine = reliable(server)
    const owner = newOwner()
    const [persistent, left] = [newId(), newId()]
    await engine.create(persistent, record(1), 200)
    await engine.create(left, record(1), 200, owner)
    await server.cli('PERSIST', `sj:{${PARTITION}}:s:${persistent.slice(3)}`)
    await engine.destroy(left, {
      trail: { record: Buffer.from('018100000000', 'hex'), ttl: 60_000 },
    })
    const told = listen(engine)
    await until('looked at', async () => {
      const members = await waiting(server)
      return members.size === 1 && (members.get(persistent.slice(3)) ?? 0) > Date.now() + 3_500_000
    })
    expect(told.ids).toEqual([])
  })

  it.each<[string, (engine: RedisEngine, id: SessionId, owner: Owner) => Promise<unknown>]>([
    ['list', (engine, _, { tag }) => engine.list(PARTITION, tag)],
    ['destroy', (engine, id, { tag }) => engine.destroy(id, { ownerTag: tag })],
    ['revokeAll', (engine, _, { tag }) => engine.revokeAll(PARTITION, tag)],
    ['create', (engine, _, owner) => engine.create(newId(), record(1), 60_000, owner)],
    [
      'create with a limit',
      (engine, _, owner) => {
        const limit = { max: 2, policy: 'evict-oldest' } as const
        return engine.create(newId(), record(1), 60_000, owner, limit)
      },
    ],
    [
      'create that is rejected',
      async (engine, _, owner) => {
        const limit = { max: 1, policy: 'reject' } as const
        await engine.create(newId(), record(1), 60_000, { ...owner, ttl: 60_000 })
        expect(await engine.create(newId(), record(1), 60_000, owner, limit)).toMatchObject({
          status: 'rejected',
        })
      },
    ],
  ])('%s moves expired ones out of the index, and whose they were is told', async (_, meet) => {
    const server = await start()
    const engine = reliable(server)
    const owner = newOwner()
    const index = `sj:{${PARTITION}}:p:${owner.tag}`
    const [id, forgotten] = [newId(), newId()]
    for (const one of [id, forgotten]) await engine.create(one, record(1), 100, owner)
    // Nobody waits for its end: it just goes.
    await server.cli('ZREM', AWAITED, forgotten.slice(3) + owner.tag)
    for (const one of [id, forgotten]) await gone(server, one)
    await meet(engine, id, owner)
    if (_ === 'destroy') await engine.destroy(forgotten, { ownerTag: owner.tag })
    const left = (await server.cli('HKEYS', index)).split('\n')
    expect(left).not.toContain(id.slice(3))
    expect(left).not.toContain(forgotten.slice(3))
    expect(await server.cli('HKEYS', DEPARTED)).toBe(id.slice(3) + owner.tag)
    const lasts = Number(await server.cli('PTTL', DEPARTED))
    expect(lasts).toBeGreaterThan(DAY - 10_000)
    expect(lasts).toBeLessThanOrEqual(DAY)
    await everyKeyExpires(server)
    const told = listen(engine)
    await until('told', () => told.ids.length === 1)
    expect(told.of(id)?.owner).toEqual({ tag: owner.tag, descriptor: owner.descriptor })
    await until('done with', async () => (await server.cli('EXISTS', DEPARTED)) === '0')
  })

  it('a lifetime of what is kept is only ever raised; a lease raises it', async () => {
    const server = await start()
    const engine = reliable(server)
    const owner = newOwner()
    const die = async (): Promise<SessionId> => {
      const id = newId()
      await engine.create(id, record(1), 50, owner)
      await gone(server, id)
      return id
    }
    await die()
    await engine.list(PARTITION, owner.tag)
    await server.cli('PEXPIRE', DEPARTED, String(2 * DAY))
    await die()
    await engine.list(PARTITION, owner.tag)
    expect(await server.cli('HLEN', DEPARTED)).toBe('2')
    expect(Number(await server.cli('PTTL', DEPARTED))).toBeGreaterThan(2 * DAY - 10_000)
    await server.cli('PEXPIRE', DEPARTED, '60000')
    const told = listen(engine, () => Promise.reject(new Error('not today')))
    await until('told', () => told.ids.length >= 2)
    expect(Number(await server.cli('PTTL', DEPARTED))).toBeGreaterThan(DAY - 10_000)
  })

  it('a full server moves them too, and signs out', async () => {
    const server = await start({ args: ['--maxmemory-policy', 'noeviction'] })
    const engine = reliable(server)
    const owner = newOwner()
    const ids = [newId(), newId(), newId()] as const
    const live = newId()
    for (const id of ids) await engine.create(id, record(1), 100, owner)
    await engine.create(live, record(1), 60_000, owner)
    const [other, another] = [newOwner(), newId()]
    await engine.create(another, record(1), 100, other)
    for (const id of [...ids, another]) await gone(server, id)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    expect(await engine.list(PARTITION, other.tag)).toEqual([])
    expect(await server.cli('HKEYS', DEPARTED)).toBe(another.slice(3) + other.tag)
    expect(await engine.destroy(ids[0], { ownerTag: owner.tag })).toEqual({ status: 'gone' })
    expect(await server.cli('HLEN', DEPARTED)).toBe('2')
    expect(await engine.revokeAll(PARTITION, owner.tag)).toEqual([live])
    expect(await server.cli('HLEN', DEPARTED)).toBe('4')
    expect(await server.cli('EXISTS', `sj:{${PARTITION}}:p:${owner.tag}`)).toBe('0')
    await everyKeyExpires(server)
  })

  it('a call that may keep nothing for later still does its work', async () => {
    const server = await start()
    const engine = reliable(server)
    const owner = newOwner()
    const id = newId()
    const live = newId()
    await engine.create(id, record(1), 50, owner)
    await engine.create(live, record(1), 60_000, owner)
    await gone(server, id)
    await server.cli('SET', DEPARTED, 'not a hash', 'PX', '60000')
    expect((await engine.list(PARTITION, owner.tag)).map((one) => one.id)).toEqual([live])
    expect(await engine.revokeAll(PARTITION, owner.tag)).toEqual([live])
  })

  it('writes of others to the set disturb no near cache', async () => {
    const server = await start()
    const [one, other] = [reliable(server), reliable(server)]
    for (const engine of [one, other]) await engine.create(newId(), record(1), 60_000)
    const before = one.nearCache.invalidations
    for (let i = 0; i < 20; i++) {
      await other.create(newId(), record(1), 60_000 + i)
      await one.create(newId(), record(1), 60_000 + i)
    }
    await sleep(50)
    expect(one.nearCache.invalidations).toBe(before)
  })
})

describe('at least once', () => {
  it('one whose listener never answers is told to another node after the lease', async () => {
    const server = await start()
    const engine = reliable(server)
    const id = newId()
    await engine.create(id, record(1), 100)
    const hung = listen(engine, () => new Promise(() => undefined))
    await until('told', () => hung.ids.length === 1)
    hung.stop()
    const told = listen(reliable(server))
    await until('told to the other', () => told.ids.length === 1)
    expect(told.ids).toEqual([id])
    await until('done with', async () => (await server.cli('EXISTS', AWAITED)) === '0')
  })

  it('a slow listener does not hold up others, and is done with when it is', async () => {
    const server = await start()
    const engine = reliable(server)
    const [slow, quick] = [newId(), newId()]
    let answer = (): void => undefined
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const told = listen(engine, (id) => (id === slow ? answered : undefined))
    await engine.create(slow, record(1), 100)
    await until('the slow one', () => told.ids.includes(slow))
    await engine.create(quick, record(1), 100)
    await until('the quick one', () => told.ids.includes(quick))
    expect([...(await waiting(server)).keys()]).toContain(slow.slice(3))
    answer()
    await until('done with', async () => (await server.cli('EXISTS', AWAITED)) === '0')
  })

  it('a listener that fails is told again, later each time', async () => {
    const server = await start()
    const engine = reliable(server)
    const id = newId()
    const told = listen(engine, () => Promise.reject(new Error('not today')))
    await engine.create(id, record(1), 100)
    const lease = async (): Promise<number[]> => {
      const score = (await waiting(server)).get(id.slice(3)) ?? 0
      return [Math.round((score % 1) * 64), score - Date.now()]
    }
    await until('once', () => told.ids.length === 1)
    const first = await lease()
    await until('twice', () => told.ids.length === 2)
    const second = await lease()
    expect([first[0], second[0]]).toEqual([1, 2])
    expect(first[1]).toBeLessThanOrEqual(2_501)
    expect(second[1]).toBeGreaterThan(3_000)
    // In about a day.
    const now = Date.now() - 1_000
    await server.cli('ZADD', AWAITED, String(Math.floor(now) + 32 / 64), id.slice(3))
    await until('given up', () => told.problems.length === 1)
    expect(String(told.problems[0])).toMatch(/given up/)
    await until('done with', async () => (await server.cli('EXISTS', AWAITED)) === '0')
  })

  it('what a node has in hand when it is closed, or listens no more, others are told', async () => {
    const server = await start()
    const [closing, leaving] = [reliable(server), reliable(server)]
    const ids = Array.from({ length: 50 }, () => newId())
    for (const id of ids) await closing.create(id, record(1), 100)
    for (const id of ids) await gone(server, id)
    const seen: SessionId[] = []
    const first = listen(closing, (id) => {
      seen.push(id)
      return seen.length === 10 ? closing.close() : new Promise(() => undefined)
    })
    await until('in hand', () => first.ids.length > 0)
    const second = listen(leaving, () => {
      second.stop()
      return new Promise(() => undefined)
    })
    await until('in hand', () => second.ids.length > 0)
    const told = listen(reliable(server))
    await until('all', () => new Set(told.ids).size === ids.length)
    expect(new Set(told.ids)).toEqual(new Set(ids))
    await until('done with', async () => (await server.cli('EXISTS', AWAITED)) === '0')
  }, 60_000)

  it('a node that does not listen is not told, and clears away what nobody has heard in a day', async () => {
    const server = await start()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const engine = reliable(server)
    await engine.ready()
    const [lately, longAgo] = [newId(), newId()]
    await engine.create(lately, record(1), 1)
    await engine.create(longAgo, record(1), 1)
    await server.cli('ZINCRBY', AWAITED, String(-DAY), longAgo.slice(3))
    vi.advanceTimersByTime(72_000)
    vi.useRealTimers()
    await until('cleared away', async () => (await waiting(server)).size === 1)
    expect([...(await waiting(server)).keys()]).toEqual([lately.slice(3)])
    const told = listen(engine)
    await until('told', () => told.ids.length === 1)
  })

  it('who yields is told where nobody else listens, of what others have had time for', async () => {
    const server = await start()
    const [engine, other] = [reliable(server), reliable(server)]
    const yielding = listen(engine, undefined, { yields: () => true })
    const id = newId()
    await engine.create(id, record(1), 50)
    await gone(server, id)
    await sleep(3_000)
    expect(yielding.ids).toEqual([])
    // Due for longer, as it would be 10 seconds later.
    const member = id.slice(3)
    await server.cli('ZADD', AWAITED, String(Date.now() - 10_000), member)
    await until('it is told', () => yielding.ids.length === 1)
    // Somebody listens now, and says so for a day.
    const told = listen(other)
    await until('it is said', async () => (await server.cli('EXISTS', LISTENS)) === '1')
    expect(Number(await server.cli('PTTL', LISTENS))).toBeGreaterThan(DAY - 60_000)
    told.stop()
    const next = newId()
    await engine.create(next, record(1), 50)
    await gone(server, next)
    await server.cli('ZADD', AWAITED, String(Date.now() - 20_000), next.slice(3))
    await sleep(3_000)
    expect(yielding.ids).toEqual([id])
    const again = listen(other)
    await until('the other is told', () => again.ids.length === 1)
    expect([yielding.ids, again.ids]).toEqual([[id], [next]])
  })

  it('who yields is told of what nobody has been told of for a day; one that listens beside it looks at once', async () => {
    const server = await start()
    const engine = reliable(server)
    await server.cli('SET', LISTENS, '1', 'PX', String(DAY))
    const [old, lately] = [newId(), newId()]
    for (const [id, since] of [
      [old, DAY + 60_000],
      [lately, DAY - 60_000],
    ] as const) {
      await engine.create(id, record(1), 50)
      await gone(server, id)
      await server.cli('ZADD', AWAITED, String(Date.now() - since), id.slice(3))
    }
    const yielding = listen(engine, undefined, { yields: () => true })
    await until('the old one', () => yielding.ids.length === 1)
    await until('done with', async () => (await waiting(server)).size === 1)
    // Otherwise a minute after the last look.
    const told = listen(engine)
    await until('the other', () => told.ids.length === 1)
    expect([yielding.ids, told.ids]).toEqual([[old], [lately]])
  })

  it('a broken connection, a restarted server and a full one delay it only', async () => {
    const server = await start({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const engine = reliable(server)
    await engine.ready()
    const told = listen(engine)
    const ids = [newId(), newId(), newId()] as const
    await engine.create(ids[0], record(1), 100)
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until('after the broken connection', () => told.ids.includes(ids[0]))
    await until('a connection', () =>
      engine.ready().then(
        () => true,
        () => false,
      ),
    )
    await engine.create(ids[1], record(1), 100)
    await server.restart()
    await until('after the restart', () => told.ids.includes(ids[1]))
    await until('a connection', () =>
      engine.ready().then(
        () => true,
        () => false,
      ),
    )
    await engine.create(ids[2], record(1), 100)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    await until('of the full server', () => told.ids.includes(ids[2]))
    expect(told.problems.length).toBeLessThanOrEqual(2)
  })
})

describe('what it costs the server', () => {
  it('is bounded in each call, and one node looks for all', async () => {
    const server = await start({
      args: ['--slowlog-log-slower-than', '0', '--slowlog-max-len', '5000'],
    })
    const engines = Array.from({ length: 5 }, () => reliable(server))
    const told = listen(engines[0] as RedisEngine)
    await until('known', async () => (await calls(server, 'evalsha')) >= 8)
    for (const engine of engines.slice(1)) listen(engine)
    await server.cli('CONFIG', 'RESETSTAT')
    await sleep(2_000)
    const looks = (await calls(server, 'evalsha')) / 8
    const share = (await server.cli('INFO', 'commandstats')).match(/evalsha:calls=\d+,usec=(\d+)/)
    console.log(
      `at rest, 5 nodes: ${(looks / 2).toFixed(1)} looks a second, ` +
        `${(Number(share?.[1]) / 20_000).toFixed(2)} % of the server's time`,
    )
    // One in 1.5 s at most.
    expect(looks).toBeLessThanOrEqual(3)
    expect(told.ids).toEqual([])

    const script = `
      for i = 1, 2000 do
        redis.call('ZADD', 'sj:{' .. ARGV[1 + i % (#ARGV - 1)] .. '}:x', ARGV[#ARGV], string.format('%022d', i))
      end`
    const tags = Array.from({ length: 1024 }, (_, i) => partitionTag(i))
    await server.cli('SLOWLOG', 'RESET')
    await server.cli('EVAL', script, '0', ...tags, String(Date.now() - 1_000))
    await until('done with', async () => (await server.cli('KEYS', '*:x')) === '')
    const log = (await server.cli('SLOWLOG', 'GET', '5000')).split('\n')
    const times = log.flatMap((line, i) => (line === 'EVALSHA' ? [Number(log[i - 1])] : []))
    console.log(
      `2,000 expired: ${times.length} calls, the longest ${Math.max(...times)} µs, ` +
        `median ${times.sort((a, b) => a - b)[times.length >> 1]} µs`,
    )
  })
})

async function calls(server: RedisServer, command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

describe('notify', () => {
  const notifying = { expiry: 'notify' } as const

  it('tells every node of sessions, and of no other keys', async () => {
    const server = await start({ args: ['--notify-keyspace-events', 'Ex'] })
    const engines = [open(server.url, notifying), open(server.url, notifying)] as const
    const told = engines.map((engine) => listen(engine))
    const id = newId()
    await sleep(200)
    await engines[0].create(id, record(1), 100, newOwner(1, 100))
    await server.cli('SET', 'sj:other', 'x', 'PX', '1')
    await until('told', () => told.every(({ ids }) => ids.length > 0))
    expect(told.map(({ ids }) => ids)).toEqual([[id], [id]])
    expect(told[0]?.of(id)?.owner).toBeUndefined()
    expect(told.flatMap(({ problems }) => problems)).toEqual([])
    expect(await server.cli('EXISTS', AWAITED)).toBe('0')
  })

  it('of its own trails it tells nothing', async () => {
    const server = await start({ args: ['--notify-keyspace-events', 'Ex'] })
    const engine = open(server.url, notifying)
    const told = listen(engine)
    const [from, to, left, after] = [newId(), newId(), newId(), newId()]
    const first = record(1)
    const trail = { record: record(0xffff_ffff), ttl: 100 }
    await sleep(200)
    await engine.create(from, first, 60_000)
    await engine.rotate(from, stampOf(first), to, record(2), 60_000, { trail })
    await engine.create(left, first, 60_000)
    await engine.destroy(left, { trail })
    await engine.create(after, first, 300)
    await until('the session', () => told.ids.includes(after))
    expect(told.ids).toEqual([after])
  })

  it('says what is to be configured when the server tells nothing, and finds out when it does', async () => {
    const server = await start()
    const told = listen(open(server.url, notifying))
    await until('a problem', () => told.problems.length > 0)
    expect(told.problems).toMatchObject([{ code: 'ERR_SOJOURN_STORE_REFUSED' }])
    expect(String(told.problems[0])).toContain('notify-keyspace-events to Ex')
    await everyKeyExpires(server)
  })

  it('S28 says so when the user may not, and needs no more than docs/redis.md allows', async () => {
    const server = await start({ args: ['--notify-keyspace-events', 'Ex'] })
    const rules = 'on >pw ~sj:* resetchannels +@all'.split(' ')
    await server.cli('ACL', 'SETUSER', 'app', ...rules)
    const redis = { url: server.url, username: 'app', password: 'pw' }
    const refused = listen(open(redis, notifying))
    await until('a problem', () => refused.problems.length > 0)
    expect(refused.problems[0]).toMatchObject({ reason: 'NOPERM' })
    await server.cli('ACL', 'SETUSER', 'app', '&__keyevent@0__:expired', '-config')
    const engine = open(redis, notifying)
    const told = listen(engine)
    await sleep(200)
    const id = newId()
    await engine.create(id, record(1), 50)
    await until('told', () => told.ids.includes(id))
    expect(told.problems).toEqual([])
  })

  it('hears again after a broken connection', async () => {
    const server = await start({ args: ['--notify-keyspace-events', 'Ex'] })
    const engine = open(server.url, notifying)
    const told = listen(engine)
    await sleep(200)
    for (const type of ['normal', 'pubsub'])
      await server.cli('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
    await until('a connection', () =>
      engine.ready().then(
        () => true,
        () => false,
      ),
    )
    await until('heard', async () => {
      await engine.create(newId(), record(1), 20).catch(() => undefined)
      await sleep(50)
      return told.ids.length > 0
    })
    expect(told.problems).toEqual([])
  })
})
