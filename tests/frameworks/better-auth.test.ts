import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import {
  database,
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
