/** What one request does to the objects that it got never reaches another, though both share a record. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/core/session.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import type { CreateSessionsOptions } from '../../src/create-sessions.ts'
import { hit, request, signIn, until } from '../support/requests.ts'
import { node, server } from './setup.ts'

type Data = Record<string, unknown>

const fresh = (): Data => ({
  list: [{ sku: 'a', tags: ['x'] }],
  plain: { theme: 'dark', nested: { deep: [1] } },
  map: new Map<unknown, unknown>([['key', { inner: [1] }]]),
  set: new Set<unknown>([[1], 'b']),
  date: new Date(0),
  bytes: new Uint8Array([1, 2, 3]),
  mixed: { when: new Date(0), items: [new Map([['k', [1]]])] },
})

/** Changes everything that can be reached; what throws was frozen. */
function spoil(value: unknown): void {
  const attempt = (change: () => unknown): void => {
    try {
      change()
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
    }
  }
  if (typeof value !== 'object' || value === null) return
  if (value instanceof Date) attempt(() => value.setTime(666))
  else if (value instanceof Uint8Array) attempt(() => value.fill(66))
  else if (value instanceof Map) {
    for (const [key, item] of value) {
      spoil(key)
      spoil(item)
    }
    attempt(() => value.set('spoilt', 'spoilt'))
  } else if (value instanceof Set) {
    for (const item of value) spoil(item)
    attempt(() => value.add('spoilt'))
  } else {
    for (const item of Object.values(value)) spoil(item)
    if (Array.isArray(value)) attempt(() => value.push('spoilt'))
    attempt(() => {
      for (const name of Object.keys(value)) delete (value as Data)[name]
    })
    attempt(() => Object.assign(value, { spoilt: 'spoilt' }))
  }
}

async function stored(
  data: Data,
  options: CreateSessionsOptions<Data> = {},
): Promise<{ sessions: Sessions<Data>; token: string }> {
  const redis = await server()
  const sessions = await node<Data>(redis.url, options)
  const token = await signIn(sessions, data)
  await atHand(sessions, token)
  return { sessions, token }
}

async function atHand(sessions: Sessions<Data>, token: string): Promise<Session<Data>> {
  await until('it is at hand', async () => {
    await request(sessions, token)
    return hit(sessions, token) !== undefined
  })
  return hit(sessions, token) as Session<Data>
}

/** Another request sees what is stored, from memory and from Redis. */
async function expectUntouched(
  sessions: Sessions<Data>,
  token: string,
  expected: Data,
): Promise<void> {
  const seen = await atHand(sessions, token)
  expect(Object.fromEntries(seen.names().map((name) => [name, seen.get(name)]))).toEqual(expected)
  expect({ ...(await atHand(sessions, token)).data }).toEqual(expected)
  expect((await sessions.open(token, { fresh: true })).toJSON()).toEqual(expected)
}

const views: Array<[string, (session: Session<Data>) => unknown]> = [
  ['get', (session) => session.names().map((name) => session.get(name))],
  ['data', (session) => session.names().map((name) => session.data[name])],
  ['spread data', (session) => ({ ...session.data })],
  ['toJSON', (session) => session.toJSON()],
]

describe('I2 what a request changes in place and does not commit', () => {
  it.each(views)('in what %s gives stays its own', async (_, read) => {
    const { sessions, token } = await stored(fresh())
    const others = hit(sessions, token)
    for (const name of others?.names() ?? []) others?.get(name)
    spoil(read(hit(sessions, token) as Session<Data>))
    await expectUntouched(sessions, token, fresh())
    expect(others?.toJSON()).toEqual(fresh())
  })

  it('also when the record came from Redis and was opened by another request', async () => {
    const { sessions, token } = await stored(fresh())
    const redisRead = await sessions.open(token, { fresh: true })
    for (const [, read] of views) spoil(read(redisRead))
    await expectUntouched(sessions, token, fresh())
  })
})

describe('I2 what a request changes after its commit', () => {
  it.each([
    ['an object that it has set', (session: Session<Data>, own: Data) => session.set('own', own)],
    [
      'an object set as a property',
      (session: Session<Data>, own: Data) => void (session.data['own'] = own),
    ],
  ])('%s', async (_, set) => {
    const { sessions, token } = await stored({ a: 1 })
    const session = await atHand(sessions, token)
    const own = fresh()
    set(session, own)
    await session.commit()
    spoil(own)
    spoil(session.get('own'))
    await expectUntouched(sessions, token, { a: 1, own: fresh() })
  })

  it('an object set before the commit that makes the session, and before a login', async () => {
    const redis = await server()
    const sessions = await node<Data>(redis.url)
    const session = await sessions.open()
    const own = fresh()
    session.set('own', own)
    await session.commit()
    spoil(own)
    await expectUntouched(sessions, session.token as string, { own: fresh() })
    const kept = fresh()
    session.set('own', kept)
    await session.login('ada', { keep: ['own'] })
    spoil(kept)
    await expectUntouched(sessions, session.token as string, { own: fresh() })
  })

  it('an object while its commit is under way: stored and served are the same', async () => {
    const { sessions, token } = await stored({ a: 1 })
    const session = await atHand(sessions, token)
    const own = { list: [1] }
    session.set('own', own)
    const commit = session.commit()
    own.list.push(2)
    await commit
    own.list.push(3)
    const seen = (await atHand(sessions, token)).get('own')
    expect((await sessions.open(token, { fresh: true })).get('own')).toEqual(seen)
    expect(seen).not.toEqual({ list: [1, 2, 3] })
  })

  it('what an update returned, and what it was given', async () => {
    const { sessions, token } = await stored(fresh())
    const session = await atHand(sessions, token)
    const made: unknown[] = []
    const result = await session.update('list', (list) => {
      made.push(list)
      const next = [...(list as unknown[]), { sku: 'b', tags: [] }]
      made.push(next)
      return next
    })
    spoil(made)
    spoil(result)
    const list = [
      { sku: 'a', tags: ['x'] },
      { sku: 'b', tags: [] },
    ]
    await expectUntouched(sessions, token, { ...fresh(), list })
  })

  it('a primitive changes: the objects beside it are still nobody’s', async () => {
    const { sessions, token } = await stored(fresh())
    const session = await atHand(sessions, token)
    const held = views.map(([, read]) => read(session))
    session.set('n', 1)
    await session.commit()
    // What was read as a property belongs to the request: it is changed, but not committed.
    spoil(held)
    await expectUntouched(sessions, token, { ...fresh(), n: 1 })
  })
})

describe('I2 what the application’s own functions change', () => {
  it('a validator, in what it checks', async () => {
    const schema: StandardSchemaV1<Partial<Data>> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          spoil(structuredClone(value))
          for (const item of Object.values(value as Data)) spoil(item)
          return { value: value as Partial<Data> }
        },
      },
    }
    const { sessions, token } = await stored(fresh(), { schema })
    const session = await atHand(sessions, token)
    session.set('n', 1)
    await session.commit()
    await expectUntouched(sessions, token, { ...fresh(), n: 1 })
  })

  it('a merge, in its arguments', async () => {
    const merge = {
      list: (base: unknown, theirs: unknown, mine: unknown) => {
        const merged = [...(theirs as unknown[]), ...(mine as unknown[]).slice(1)]
        const copy = structuredClone(merged)
        for (const value of [base, theirs, mine]) spoil(value)
        return copy
      },
    }
    const { sessions, token } = await stored(fresh(), { merge })
    const [one, other] = [await atHand(sessions, token), await atHand(sessions, token)]
    // Has what both began with, and has not looked yet.
    const onlooker = await atHand(sessions, token)
    one.set('list', [{ sku: 'a', tags: ['x'] }, 1])
    other.set('list', [{ sku: 'a', tags: ['x'] }, 2])
    await Promise.all([one.commit(), other.commit()])
    expect(onlooker.get('list')).toEqual(fresh()['list'])
    const list = [{ sku: 'a', tags: ['x'] }, 1, 2]
    await expectUntouched(sessions, token, { ...fresh(), list })
  })

  it('a migration, in what it was given and what it has made', async () => {
    const redis = await server()
    const old = await node<Data>(redis.url)
    const token = await signIn(old, fresh())
    const made: unknown[] = []
    const shared = { when: new Date(0), list: [1] }
    const sessions = await node<Data>(redis.url, {
      version: 2,
      migrate: {
        1: (data) => {
          made.push(data)
          return { ...data, extra: structuredClone(shared) }
        },
      },
    })
    const expected = { ...fresh(), extra: shared }
    await until('it is at hand', async () => {
      await request(sessions, token)
      return hit(sessions, token) !== undefined
    })
    for (const [, read] of views) spoil(read(hit(sessions, token) as Session<Data>))
    spoil(made)
    await expectUntouched(sessions, token, expected)
  })
})
