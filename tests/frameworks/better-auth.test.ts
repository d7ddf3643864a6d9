import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import {
  database,
  later,
  meeting,
  type Node,
  node,
  ours,
  plain,
  type Storage,
  Visitor,
  waiting,
} from './better-auth/site.ts'

let server: RedisServer
let prefix = ''
let count = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(() => {
  prefix = `sj:${(count += 1)}`
})

const isList = (key: string): boolean => key.startsWith('active-sessions-')

/** Two nodes and a user, who has signed up and out again. */
async function twoNodes(
  storage: () => Storage | Promise<Storage>,
  wrap: (storage: Storage) => Storage = (same) => same,
): Promise<[Node, Node]> {
  const users = database()
  await new Visitor().signUp(await node(users, await storage()), 'ada')
  return [await node(users, wrap(await storage())), await node(users, wrap(await storage()))]
}

describe('better-auth', () => {
  it('knows on every node who has signed in on one, until they sign out on any', async () => {
    const [one, two] = await twoNodes(() => ours(server, prefix))
    const ada = new Visitor()
    await ada.signIn(one, 'ada')
    expect(await ada.name(one)).toBe('ada')
    expect(await ada.name(two)).toBe('ada')
    const stolen = ada.copy()
    await ada.signOut(two)
    expect(await ada.name(two)).toBeUndefined()
    expect(await stolen.name(two)).toBeUndefined()
    await expect.poll(() => stolen.copy().name(one)).toBeUndefined()
  })

  it('lists sessions, revokes one, the others, and all', async () => {
    const [one, two] = await twoNodes(() => ours(server, prefix))
    const [a, b, c] = [new Visitor(), new Visitor(), new Visitor()]
    for (const visitor of [a, b, c]) await visitor.signIn(one, 'ada')
    // And the one of the sign-up.
    const all = await a.sessions(two)
    expect(all).toHaveLength(4)
    expect(all).toEqual(expect.arrayContaining([a.token, b.token, c.token]))
    await a.post(two, '/revoke-session', { token: b.token })
    expect(await a.sessions(two)).toEqual(all.filter((token) => token !== b.token))
    expect(await b.name(two)).toBeUndefined()
    await a.post(two, '/revoke-other-sessions')
    expect(await a.sessions(two)).toEqual([a.token])
    expect(await c.name(two)).toBeUndefined()
    expect(await a.name(two)).toBe('ada')
    await a.post(two, '/revoke-sessions')
    expect(await a.name(two)).toBeUndefined()
    const again = new Visitor()
    await again.signIn(two, 'ada')
    expect(await again.sessions(two)).toEqual([again.token])
  })

  it('counts requests for its rate limit, on all nodes together', async () => {
    const rateLimit = { enabled: true, window: 60, max: 3 }
    const users = database()
    const nodes = [
      await node(users, ours(server, prefix), { rateLimit }),
      await node(users, ours(server, prefix), { rateLimit }),
    ]
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => new Visitor().post(nodes[i % 2]!, '/ok-not-there')),
    )
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(7)
  })

  it('keeps neither tokens nor names readable in Redis', async () => {
    const [one] = await twoNodes(() => ours(server, prefix))
    const ada = new Visitor()
    await ada.signIn(one, 'ada')
    const keys = (await server.cli('KEYS', '*')).split('\n')
    const values = await Promise.all(keys.map((key) => server.cli('GET', key).catch(() => '')))
    const text = [...keys, ...values].join('\n')
    expect(keys.length).toBeGreaterThan(2)
    expect(text).not.toContain(ada.token)
    expect(text).not.toContain('ada@example.com')
  })

  it('asks Redis nothing for a session that is at hand', async () => {
    const storage = ours(server, prefix)
    const users = database()
    const one = await node(users, storage)
    const ada = new Visitor()
    await ada.signUp(one, 'ada')
    await ada.name(one)
    const { hits, misses } = storage.sessions.stats().nearCache
    expect(await ada.name(one)).toBe('ada')
    const after = storage.sessions.stats().nearCache
    expect(after.misses).toBe(misses)
    expect(after.hits).toBeGreaterThan(hits)
  })
})

describe('two sign-ins at once', () => {
  /** Both have read the list before either of them writes it. @returns how many of the two are listed */
  async function race(storage: () => Storage | Promise<Storage>): Promise<number> {
    const both = meeting(2)
    const nodes = await twoNodes(storage, (each) => waiting(each, isList, both))
    const visitors = [new Visitor(), new Visitor()]
    await Promise.all(visitors.map((visitor, i) => visitor.signIn(nodes[i]!, 'ada')))
    const listed = await visitors[0]!.sessions(nodes[0])
    return visitors.filter(({ token }) => token !== '' && listed.includes(token)).length
  }

  it('lose one of the two in a plain Redis', async () => {
    expect(await race(() => plain(server))).toBe(1)
  })

  it('lose none here', async () => {
    expect(await race(() => ours(server, prefix))).toBe(2)
  })

  it('lose none where one node does both', async () => {
    const storage = ours(server, prefix)
    expect(await race(() => storage)).toBe(2)
  })
})

describe('a session that has ended', () => {
  /** A request renews it; a sign-out elsewhere comes between what that reads and what it writes. */
  async function race(storage: () => Storage | Promise<Storage>): Promise<string | undefined> {
    let meanwhile: (() => Promise<unknown>) | undefined
    const users = database()
    const always = { session: { updateAge: 0 } }
    const [own, other] = [await storage(), await storage()]
    const renewing = waiting(
      own,
      (key) => !isList(key),
      async () => {
        const work = meanwhile
        meanwhile = undefined
        await work?.()
      },
    )
    const [one, two] = [await node(users, renewing, always), await node(users, other)]
    const ada = new Visitor()
    await ada.signUp(one, 'ada')
    const stolen = ada.copy()
    meanwhile = () => stolen.copy().signOut(two)
    await ada.name(one)
    expect(meanwhile).toBeUndefined()
    return stolen.name(two)
  }

  it('comes back in a plain Redis by a request that renews it', async () => {
    expect(await race(() => plain(server))).toBe('ada')
  })

  it('does not come back here', async () => {
    expect(await race(() => ours(server, prefix))).toBeUndefined()
  })
})

describe('from a plain Redis', () => {
  it('nobody is signed out by the switch, and who signs out stays so', async () => {
    const users = database()
    const former = await plain(server)
    const old = await node(users, former)
    const [ada, phone] = [new Visitor(), new Visitor()]
    await ada.signUp(old, 'ada')
    await phone.signIn(old, 'ada')
    const nodes = [1, 2].map(() => node(users, ours(server, prefix, former)))
    const [one, two] = (await Promise.all(nodes)) as [Node, Node]
    const stolen = phone.copy()
    expect(await ada.sessions(one)).toEqual([ada.token, phone.token].toSorted())
    expect(await ada.name(two)).toBe('ada')
    expect(await phone.name(two)).toBe('ada')
    await phone.signOut(one)
    await expect.poll(() => stolen.copy().name(two)).toBeUndefined()
    expect(await ada.sessions(one)).toEqual([ada.token])
    for (const token of [ada.token, stolen.token]) expect(await former.get(token)).toBeNull()
    await ada.post(two, '/revoke-sessions')
    expect(await ada.name(two)).toBeUndefined()
  })

  it('a session that is signed out at once, from where it was, does not come back', async () => {
    const users = database()
    const former = await plain(server)
    const ada = new Visitor()
    await ada.signUp(await node(users, former), 'ada')
    // Another node has read it there, and stores it here only when it has ended.
    let meanwhile: (() => Promise<unknown>) | undefined
    const slow: Storage = {
      ...former,
      get: async (key) => {
        const value = await former.get(key)
        const work = key === ada.token ? meanwhile : undefined
        if (work !== undefined) meanwhile = undefined
        await work?.()
        return value
      },
    }
    const [one, two] = [
      await node(users, ours(server, prefix, former)),
      await node(users, ours(server, prefix, slow)),
    ]
    const stolen = ada.copy()
    meanwhile = () => ada.signOut(one)
    expect(await stolen.copy().name(two)).toBeUndefined()
    expect(meanwhile).toBeUndefined()
    expect(await stolen.name(one)).toBeUndefined()
  })
})

it('says nothing of who is signed in while Redis does not answer', async () => {
  const own = await startRedis()
  later(() => own.stop())
  const storage = ours(own)
  const one = await node(database(), storage)
  const ada = new Visitor()
  await ada.signUp(one, 'ada')
  await own.kill()
  await expect.poll(() => storage.sessions.stats().nearCache.state).toBe('connecting')
  const { status, cookies } = await ada.ask(one, '/get-session')
  expect(status).toBe(500)
  expect(cookies).toEqual([])
})
