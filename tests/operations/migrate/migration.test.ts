import { createClient, RESP_TYPES } from '@redis/client'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { PARTITIONS, partitionTag } from '../../../src/core/partitions.ts'
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { Migration, type MigrationOptions } from '../../../src/operations/migrate/migration.ts'
import { type ClusterNode, startCluster } from '../../support/cluster.ts'
import { type Proxy, startProxy } from '../../support/proxy.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { hit, SECRET, signIn, until } from '../../support/requests.ts'

interface Data {
  n: number
}

const PARTITION_TAGS = Array.from({ length: PARTITIONS }, (_, n) => partitionTag(n))

let [from, to]: RedisServer[] = []
const started: { close(): Promise<void> }[] = []

beforeEach(async () => {
  ;[from, to] = await Promise.all([startRedis(), startRedis()])
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.close()))
  await Promise.all([from?.stop(), to?.stop()])
})

const server = (side: 'from' | 'to'): RedisServer => (side === 'from' ? from : to) as RedisServer

function node(side: 'from' | 'to', options: object = {}): Sessions<Data> {
  const sessions = createSessions<Data>({
    ...{ redis: server(side).url, secrets: [SECRET], commandTimeout: '5s' },
    ...options,
  })
  started.push(sessions)
  return sessions
}

function migration(options: Partial<MigrationOptions> = {}): Migration {
  const made = new Migration({ from: server('from').url, to: server('to').url, ...options })
  started.push(made)
  return made
}

async function copied(options: Partial<MigrationOptions> = {}): Promise<Migration> {
  const made = migration(options)
  await made.copy()
  await made.inStep()
  return made
}

const nOf = async (sessions: Sessions<Data>, token: string): Promise<number | undefined> =>
  (await sessions.open(token, { fresh: true })).get('n')

const manyOf = (sessions: Sessions<Data>, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => signIn(sessions, { n }, `user ${n}`)))

describe('a migration', () => {
  it('brings sessions with data, lifetime, index, and forwards of their former ids', async () => {
    const old = node('from', { rotationGrace: '1m' })
    const token = await signIn(old, { n: 7 }, 'ada')
    const former = await signIn(old, { n: 8 }, 'ada')
    const session = await old.open(former)
    await session.rotate()
    const nobody = await signIn(old, { n: 9 })

    const moving = await copied()
    const fresh = node('to', { rotationGrace: '1m' })
    expect(await nOf(fresh, token)).toBe(7)
    expect(await nOf(fresh, former)).toBe(8)
    expect(await nOf(fresh, session.token as string)).toBe(8)
    expect(await nOf(fresh, nobody)).toBe(9)
    const [before, after] = await Promise.all([old.open(token), fresh.open(token)])
    expect(Math.abs((before.expiresAt as number) - (after.expiresAt as number))).toBeLessThan(2_000)
    expect((await fresh.of('ada').list()).map(({ id }) => id).toSorted()).toEqual(
      (await old.of('ada').list()).map(({ id }) => id).toSorted(),
    )
    expect(moving.counts.put.to).toBe(6)
    expect(await moving.verify()).toMatchObject({ compared: 6, differ: 0, differing: [] })
  })

  it('follows what is made, changed, rotated and renewed on the old side', async () => {
    const [old, fresh] = [node('from'), node('to')]
    const token = await signIn(old, { n: 1 }, 'ada')
    await copied()
    const later = await signIn(old, { n: 2 }, 'bob')
    const session = await old.open(token)
    await session.update('n', (n = 0) => n + 10)
    await until('new and changed', async () => {
      return (await nOf(fresh, later)) === 2 && (await nOf(fresh, token)) === 11
    })
    await session.rotate()
    await until('rotated', async () => (await nOf(fresh, session.token as string)) === 11)

    const { id } = session
    const key = `sj:{${id?.slice(0, 3)}}:s:${id?.slice(3)}`
    await server('from').cli('PEXPIRE', key, '9000000')
    await until('renewed', async () => Number(await server('to').cli('PTTL', key)) > 8_900_000)
    expect(await nOf(fresh, later)).toBe(2)
  })

  it('a sign-out on one side holds on the other, and in its near caches', async () => {
    const [old, fresh] = [node('from'), node('to')]
    await Promise.all([old.ready(), fresh.ready()])
    const [a, b, c] = await Promise.all([1, 2, 3].map((n) => signIn(old, { n }, 'ada')))
    const moving = await copied()
    await Promise.all([a, b, c].map((token) => fresh.open(token)))
    expect(hit(fresh, a as string)?.get('n')).toBe(1)

    await (await old.open(a)).logout()
    await until('signed out on the new side', () => hit(fresh, a as string) === undefined)
    expect(await nOf(fresh, a as string)).toBeUndefined()
    await (await fresh.open(b)).logout()
    await until(
      'signed out on the old side',
      async () => (await nOf(old, b as string)) === undefined,
    )
    expect(await old.of('ada').list()).toHaveLength(1)

    await old.of('ada').revokeAll()
    await until('everywhere', async () => (await nOf(fresh, c as string)) === undefined)
    await moving.inStep()
    // Before anybody lists them, which removes dead entries.
    expect((await server('to').cli('KEYS', 'sj:*:p:*')).trim()).toBe('')
    expect(await fresh.of('ada').list()).toHaveLength(0)
    expect(moving.counts.ended).toEqual({ from: 1, to: 2 })
    // What is left are marks of logins, on both sides alike.
    const left = async (side: 'from' | 'to') =>
      (await server(side).cli('KEYS', 'sj:*:s:*')).split('\n')
    expect((await left('to')).toSorted()).toEqual((await left('from')).toSorted())
    expect((await server('to').cli('KEYS', 'sj:*:p:*')).trim()).toBe('')
  })

  it('what is made and changed on the new side comes to the old one: there is a way back', async () => {
    const [old, fresh] = [node('from'), node('to')]
    const token = await signIn(old, { n: 1 }, 'ada')
    const moving = await copied()
    const session = await fresh.open(token)
    session.set('n', 5)
    await session.commit()
    const later = await signIn(fresh, { n: 6 }, 'ada')
    await until('back', async () => {
      return (await nOf(old, token)) === 5 && (await nOf(old, later)) === 6
    })
    expect(await old.of('ada').list()).toHaveLength(2)
    await moving.inStep()
    expect((await moving.verify()).differing).toEqual([])
  })

  it('run again it goes on: what was ended in between is ended, what is new is brought', async () => {
    const [old, fresh] = [node('from'), node('to')]
    const [kept, ended, left] = await manyOf(old, 3)
    await (await copied()).close()
    await (await old.open(ended)).logout()
    await (await fresh.open(left)).logout()
    const [onOld, onNew] = [await signIn(old, { n: 7 }, 'x'), await signIn(fresh, { n: 8 }, 'y')]

    const again = await copied()
    for (const sessions of [old, fresh]) {
      const all = [kept, ended, left, onOld, onNew].map((token) => nOf(sessions, token as string))
      expect(await Promise.all(all)).toEqual([0, undefined, undefined, 7, 8])
    }
    expect(again.counts.ended).toEqual({ from: 1, to: 1 })
    // Who follows is told that it is over, before it takes what it has no mark of for new.
    const stopped = again.stopped.catch((error: unknown) => error)
    await migration().finish()
    expect(await stopped).toMatchObject({ code: 'ERR_SOJOURN_MIGRATION_STOPPED' })
    expect(await server('to').cli('KEYS', 'sj:{*}:m*')).toBe('')
    await expect(migration().copy()).rejects.toThrow(/was finished/)
    const back = { from: server('to').url, to: server('from').url }
    await (await copied(back)).close()
    await expect(migration().copy()).rejects.toThrow(/swapped/)
  })

  it('a side that is emptied stops it, and ends nothing on the other', async () => {
    for (const side of ['from', 'to'] as const) {
      const other = side === 'from' ? 'to' : 'from'
      const tokens = await manyOf(node('from'), 40)
      const moving = await copied()
      const stopped = moving.stopped.catch((error: unknown) => error)
      await server(side).cli('FLUSHALL')
      expect(await stopped).toMatchObject({ code: 'ERR_SOJOURN_MIGRATION_STOPPED' })
      await moving.close()
      await expect(migration().copy()).rejects.toThrow(new RegExp(`--${side} may lack`))
      expect(await nOf(node(other), tokens[9] as string)).toBe(9)

      await (await copied({ trust: other })).close()
      expect(await nOf(node(side), tokens[9] as string)).toBe(9)
      // Trust is for once.
      await server(side).cli('FLUSHALL')
      await expect(migration().copy()).rejects.toThrow(/may lack/)
      await Promise.all([server('from').cli('FLUSHALL'), server('to').cli('FLUSHALL')])
    }
  })

  it('an old side that is trusted when it was emptied ends them', async () => {
    const [old, fresh] = [node('from'), node('to')]
    const [token] = await manyOf(old, 40)
    await (await copied()).close()
    await server('from').cli('FLUSHALL')
    const moving = await copied({ trust: 'from' })
    expect(await nOf(fresh, token as string)).toBeUndefined()
    const stopped = moving.stopped.catch((error: unknown) => error)
    await server('from').cli('FLUSHALL')
    expect(await stopped).toMatchObject({ code: 'ERR_SOJOURN_MIGRATION_STOPPED' })
  })

  it('one that comes back empty stops it, while it is followed', async () => {
    const tokens = await manyOf(node('from'), 40)
    const [fresh, moving] = [node('to'), await copied({ commandTimeout: 500 })]
    const told: unknown[] = []
    const stopped = moving.stopped.catch((error: unknown) => told.push(error))
    // What is changed over there is looked at while nothing is known of the restart yet.
    const users = tokens.map(async (token) => {
      const session = await fresh.open(token)
      while (told.length === 0) await session.update('n', (n = 0) => n + 1_000)
    })
    await server('from').kill()
    await server('from').restart()
    await stopped
    expect(told[0]).toMatchObject({ code: 'ERR_SOJOURN_MIGRATION_STOPPED' })
    await Promise.all(users)
    for (const [n, token] of tokens.entries()) {
      expect(((await nOf(fresh, token)) ?? Number.NaN) % 1_000).toBe(n)
    }
    expect(moving.counts.ended).toEqual({ from: 0, to: 0 })
  })

  it('a new side that evicts, also between two runs, ends nothing on the old one', async () => {
    const old = node('from')
    const tokens = await manyOf(old, 40)
    await (await copied()).close()
    // Marks live longer than records: they stay.
    await server('to').cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
    const used = /used_memory:(\d+)/.exec(await server('to').cli('INFO', 'memory'))?.[1]
    await server('to').cli('CONFIG', 'SET', 'maxmemory', String(Number(used) - 10_000))
    await until('evicted', async () => {
      return /evicted_keys:[1-9]/.test(await server('to').cli('INFO', 'stats'))
    })
    await server('to').cli('CONFIG', 'SET', 'maxmemory', '0')
    await expect(migration().copy()).rejects.toThrow(/--to may lack .* it evicts keys/)
    for (const [n, token] of tokens.entries()) expect(await nOf(old, token)).toBe(n)
    const again = await copied({ trust: 'from' })
    expect((await again.verify()).differing).toEqual([])
    expect(again.counts.ended).toEqual({ from: 0, to: 0 })
  })

  it('a session that was moved on elsewhere, by a rotation, ends all the same', async () => {
    for (const [here, there] of [
      ['from', 'to'],
      ['to', 'from'],
    ] as const) {
      const sides = { from: node('from'), to: node('to') }
      const first = await signIn(sides.from, { n: 1 }, 'ada')
      const second = await signIn(sides.from, { n: 2 }, 'bob')
      await (await copied()).close()
      const [one, other] = [await sides[here].open(first), await sides[here].open(second)]
      await one.rotate()
      await other.rotate()
      await sides[there].of('ada').revokeAll()
      await (await sides[there].open(second)).logout()
      await (await copied()).close()
      for (const sessions of [sides.from, sides.to]) {
        for (const { token } of [one, other]) {
          expect(await nOf(sessions, token as string)).toBeUndefined()
        }
      }
    }
  })

  it('what has ended does not come back with a server that remembers it', async () => {
    const [old, fresh] = [node('from'), node('to')]
    const token = await signIn(old, { n: 1 }, 'ada')
    const id = (await old.open(token)).id as string
    const key = `sj:{${id.slice(0, 3)}}:s:${id.slice(3)}`
    const moving = await copied()
    // As it would be in a snapshot.
    const client = createClient({
      socket: { path: server('from').socketPath, tls: false },
    }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    await client.connect()
    started.push({ close: async () => client.destroy() })
    const dump = await client.dump(key)
    await (await fresh.open(token)).logout()
    await until('ended on both', async () => (await nOf(old, token)) === undefined)
    await moving.inStep()
    await client.restore(key, 600_000, dump)
    await until('ended again', async () => (await nOf(old, token)) === undefined)
    await moving.inStep()
    expect(await nOf(fresh, token)).toBeUndefined()
  })

  it('an index entry that one side lacks is found, and is not taken from the other', async () => {
    const [old, fresh] = [node('from'), node('to')]
    const token = await signIn(old, { n: 1 }, 'ada')
    const moving = await copied()
    await server('to').cli('DEL', await server('to').cli('KEYS', 'sj:*:p:*'))
    await (await fresh.open(token)).update('n', (n = 0) => n + 1)
    await until('back', async () => (await nOf(old, token)) === 2)
    await moving.inStep()
    expect(await old.of('ada').list()).toHaveLength(1)
    expect((await moving.verify()).differing).toHaveLength(1)
  })

  it('what is no record is left alone, and forwards that lead in a circle end', async () => {
    const old = node('from')
    const token = await signIn(old, { n: 1 })
    const key = (hash: string): string => `sj:{000}:s:${hash.padEnd(22, 'x')}`
    await server('from').cli('SET', key('short'), 'abc')
    await server('from').cli('HSET', key('hash'), 'a', 'b')
    const forward = Buffer.alloc(84, 7)
    forward.set([1, 0x80, 0xff, 0xff, 0xff, 0xff])
    forward.write(`000${'circle'.padEnd(22, 'x')}`, 16, 'latin1')
    await server('from').cli('SET', key('circle'), forward, 'PX', '600000')
    const moving = await copied()
    expect(await nOf(node('to'), token)).toBe(1)
    expect((await moving.verify()).differing).toEqual([])
  })

  it('goes on after either server was away', async () => {
    const [old, fresh] = [node('from'), node('to')]
    const token = await signIn(old, { n: 1 }, 'ada')
    const moving = await copied({ commandTimeout: 500 })
    for (const side of ['from', 'to'] as const) {
      server(side).pause()
      await new Promise((resolve) => setTimeout(resolve, 1_200))
      server(side).resume()
    }
    const ended = await signIn(old, { n: 2 }, 'bob')
    await (await old.open(ended)).logout()
    await (await old.open(token)).update('n', (n = 0) => n + 1)
    await until('followed', async () => (await nOf(fresh, token)) === 2, 20_000)
    await moving.inStep()
    expect(await nOf(fresh, ended)).toBeUndefined()
    expect((await moving.verify()).differing).toEqual([])
  }, 40_000)

  it('expiry that is told of is told of on the new side', async () => {
    const expiry = { expiry: 'reliable', idleTimeout: '4s' }
    const old = node('from', expiry)
    await signIn(old, { n: 1 }, 'ada')
    await (await copied()).close()
    const fresh = node('to', expiry)
    const told: (string | undefined)[] = []
    onTestFinished(fresh.on('expired', ({ principal }) => void told.push(principal)))
    await until('told', () => told.length > 0, 15_000)
    expect(told).toEqual(['ada'])
  }, 30_000)

  it('moves into a Cluster', async () => {
    const cluster = await startCluster()
    onTestFinished(() => cluster.stop())
    const old = node('from')
    const tokens = await manyOf(old, 60)
    const into = { cluster: cluster.addresses }
    const moving = await copied({ to: into })
    const fresh = createSessions<Data>({ redis: into, secrets: [SECRET], commandTimeout: '5s' })
    started.push(fresh)
    const read = async (): Promise<unknown[]> =>
      Promise.all(tokens.map((token) => nOf(fresh, token)))
    expect(await read()).toEqual(tokens.map((_, n) => n))

    // A slot of one that has a session moves to another master while changes come.
    const session = await old.open(tokens[7])
    const tag = session.id?.slice(0, 3) as string
    const slot = 16 * PARTITION_TAGS.indexOf(tag)
    const owner = await cluster.masterOf(slot)
    const other = cluster.nodes.find(({ id }) => id !== owner.id) as ClusterNode
    await cluster.moveSlot(slot, other)
    await session.update('n', (n = 0) => n + 100)
    await until('followed', async () => (await nOf(fresh, tokens[7] as string)) === 107, 20_000)
    await (await fresh.open(tokens[7])).logout()
    await until('ended', async () => (await nOf(old, tokens[7] as string)) === undefined, 20_000)
    await moving.inStep()
    expect((await moving.verify()).differing).toEqual([])
  }, 60_000)

  it('looks at everything again when a connection was lost, for what was not told of meanwhile', async () => {
    const proxies = await Promise.all(
      (['from', 'to'] as const).map((side) => startProxy(server(side).socketPath)),
    )
    started.push(...proxies.map((proxy) => ({ close: () => proxy.stop() })))
    const [before, behind] = proxies as [Proxy, Proxy]
    const [old, fresh] = [node('from'), node('to')]
    const [first, second] = (await manyOf(old, 2)) as [string, string]
    const moving = await copied({ from: before.url, to: behind.url, commandTimeout: 400 })
    for (const [proxy, here, there, token] of [
      [before, old, fresh, first],
      [behind, fresh, old, second],
    ] as const) {
      proxy.cut()
      await (await here.open(token)).logout()
      await new Promise((resolve) => setTimeout(resolve, 600))
      proxy.heal()
      await until('ended', async () => (await nOf(there, token)) === undefined, 20_000)
    }
    await moving.inStep()
    expect((await moving.verify()).differing).toEqual([])
  }, 60_000)

  it('copies no faster than it may, and can be ended meanwhile', async () => {
    await manyOf(node('from'), 60)
    const slow = migration({ rate: 200 })
    const start = performance.now()
    await slow.copy()
    expect(performance.now() - start).toBeGreaterThan(500)
    const slower = migration({ rate: 1 })
    slower.copy().catch(() => undefined)
    await until('under way', () => slower.counts.put.to + slower.counts.retries >= 0)
    await slower.close()
  })

  it('does not take one server for two', async () => {
    const same = migration({ to: server('from').url })
    await expect(same.copy()).rejects.toThrow(/same server/)
  })

  it('verify finds what is missing or another on either side', async () => {
    const old = node('from')
    const tokens = await manyOf(old, 3)
    const moving = await copied()
    await moving.close()
    const keys = (await server('to').cli('KEYS', 'sj:*:s:*')).split('\n')
    await server('to').cli('DEL', keys[0] as string)
    await server('to').cli('SETRANGE', keys[1] as string, '60', 'x')
    await server('from').cli('DEL', keys[2] as string)
    const found = await migration().verify()
    expect(found.compared).toBe(2 * tokens.length)
    expect(found).toMatchObject({ differ: 3, onlyOnFrom: 1, onlyOnTo: 1 })
    expect(found.differing).toHaveLength(3)
  })
})
