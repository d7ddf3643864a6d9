import { createSessions, memoryEngine, OptionError } from 'sojourn'
import { type SojournStorage, sojournStorage } from 'sojourn/better-auth'
import { manualClock } from 'sojourn/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { SECRETS } from './better-auth/site.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const LIST = 'active-sessions-ada'
const REVOKED = 'revoked-sessions-before-ada'

/** Two nodes with one store. */
function setUp() {
  const clock = manualClock()
  const engine = memoryEngine({ clock })
  const open = (): SojournStorage => {
    const storage = sojournStorage({ engine, clock, secrets: [...SECRETS] })
    closing.push(() => storage.sessions.close())
    return storage
  }
  return { clock, engine, one: open(), two: open() }
}

type Entry = { token: string; expiresAt: number }

async function readList(storage: SojournStorage): Promise<Entry[]> {
  return JSON.parse((await storage.get(LIST)) ?? '[]') as Entry[]
}

async function tokens(storage: SojournStorage): Promise<string[]> {
  const list = await readList(storage)
  return list.map(({ token }) => token).filter((token) => !token.startsWith('sojourn.base:'))
}

function write(storage: SojournStorage, list: readonly Entry[], ttl = 3600): Promise<void> {
  return storage.set(LIST, JSON.stringify(list), ttl)
}

/** As better-auth caches a session. */
function session(createdAt: string, changes: { updatedAt?: string; name?: string } = {}): string {
  const { updatedAt = createdAt, name = 'Ada' } = changes
  return JSON.stringify({ session: { createdAt, updatedAt }, user: { id: 'ada', name } })
}

const MORNING = '2025-01-01T08:00:00.000Z'
const NOON = '2025-01-01T12:00:00.000Z'

describe('values', () => {
  it('are there for their ttl, in seconds, whoever reads them', async () => {
    const { clock, engine, one, two } = setUp()
    expect(await one.get('key')).toBeNull()
    await one.set('key', 'value', 10)
    clock.advance(6_000)
    expect(await two.get('key')).toBe('value')
    clock.advance(3_999)
    expect(await two.get('key')).toBe('value')
    clock.advance(1)
    expect(await one.get('key')).toBeNull()
    expect(await two.get('key')).toBeNull()
    await one.set('key', 'value', 10)
    await one.set('key', 'other', 100)
    clock.advance(50_000)
    expect(await two.get('key')).toBe('other')
    await one.delete('key')
    expect(engine.stats().records).toBe(0)
  })

  it('without a ttl are there for long', async () => {
    const { clock, one } = setUp()
    await one.set('key', 'value')
    clock.advance(399 * 86_400_000)
    expect(await one.get('key')).toBe('value')
  })

  it('at hand come without a promise', async () => {
    const { one } = setUp()
    await one.set('key', 'value', 10)
    expect(one.get('key')).toBe('value')
  })

  it('that are taken are given to one of all that ask at a time', async () => {
    const { one, two } = setUp()
    await one.set('verification:a', '{"value":"1"}', 10)
    const taken = await Promise.all(
      [1, 2, 3].flatMap(() => [one, two].map((each) => each.getAndDelete('verification:a'))),
    )
    expect(taken.filter((value) => value !== null)).toEqual(['{"value":"1"}'])
    expect(await one.getAndDelete('verification:a')).toBeNull()
    // Such a key is used again.
    await one.set('verification:a', '{"value":"2"}', 10)
    expect(await two.getAndDelete('verification:a')).toBe('{"value":"2"}')
  })

  it('that have been taken are not there again by a change that was made before', async () => {
    const { one, two } = setUp()
    const made = (createdAt: string, attempts: number) =>
      JSON.stringify({ createdAt, value: `code:${attempts}` })
    await one.set('verification:a', made(MORNING, 0), 600)
    await one.get('verification:a')
    await two.getAndDelete('verification:a')
    await one.set('verification:a', made(MORNING, 1), 600)
    expect(await two.get('verification:a')).toBeNull()
    // A new one, and then the late change of the former.
    await two.set('verification:a', made(NOON, 0), 600)
    await one.set('verification:a', made(MORNING, 2), 600)
    expect(await two.get('verification:a')).toBe(made(NOON, 0))
  })

  it('that count lose no count, and end a fixed time after the first', async () => {
    const { clock, one, two } = setUp()
    // As better-auth calls it.
    const increment: (key: string, ttl: number) => Promise<number> = two.increment
    const counts = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 ? one.increment('ip|/path', 10) : increment('ip|/path', 10),
      ),
    )
    expect(counts.toSorted((a, b) => a - b)).toEqual(counts.map((_, i) => i + 1))
    clock.advance(9_999)
    expect(await one.increment('ip|/path', 10)).toBe(21)
    clock.advance(1)
    expect(await one.increment('ip|/path', 10)).toBe(1)
  })
})

describe('a session', () => {
  it('that has been deleted is not stored again, by whoever has read it before', async () => {
    const { clock, one, two } = setUp()
    const dropped: unknown[] = []
    one.sessions.on('dropped', (event) => dropped.push(event))
    await one.set('token', session(MORNING), 3600)
    await one.get('token')
    await two.delete('token')
    await one.set('token', session(MORNING, { updatedAt: NOON }), 3600)
    expect(await two.get('token')).toBeNull()
    expect(dropped).toHaveLength(1)
    // However late, and also where nobody knows that it was read.
    clock.advance(4 * 60_000)
    await two.set('token', session(NOON), 3600)
    expect(await two.get('token')).toBeNull()
    clock.advance(60 * 60_000)
    await one.set('token', session(MORNING, { updatedAt: NOON }), 3600)
    expect(await two.get('token')).toBeNull()
  })

  it('keeps what another has written of its user while it was renewed, and the reverse', async () => {
    const { one, two } = setUp()
    await one.set('token', session(MORNING), 3600)
    await Promise.all([one.get('token'), two.get('token')])
    await two.set('token', session(MORNING, { name: 'Countess' }), 3600)
    await one.set('token', session(MORNING, { updatedAt: NOON }), 3600)
    expect(await two.get('token')).toBe(session(MORNING, { updatedAt: NOON, name: 'Countess' }))
  })

  it('has a public id to watch it by', async () => {
    const { one } = setUp()
    await one.set('token', session(MORNING), 3600)
    const watch = one.sessions.watch(one.idOf('token'))
    closing.push(() => watch.close())
    await one.delete('token')
    expect(watch.signal.aborted).toBe(true)
  })
})

describe('a user’s list', () => {
  const at =
    (clock: { now(): number }) =>
    (token: string, seconds = 3600): Entry => ({
      token,
      expiresAt: clock.now() + seconds * 1000,
    })

  it('keeps what others have added and removed since it was read', async () => {
    const { clock, one, two } = setUp()
    const entry = at(clock)
    await write(one, [entry('a'), entry('b')])
    const [mine, theirs, third] = [await readList(one), await readList(two), await readList(one)]
    await write(one, [...mine, entry('c')])
    await write(two, [...theirs.filter(({ token }) => token !== 'a'), entry('d')])
    // One that was read before all that, in a process that has read and written since.
    await write(
      one,
      third.filter(({ token }) => token !== 'b'),
    )
    expect((await tokens(one)).toSorted()).toEqual(['c', 'd'])
  })

  it('renews the end of one, which does not bring it back where it was removed', async () => {
    const { clock, one, two } = setUp()
    const entry = at(clock)
    await write(one, [entry('a'), entry('b')])
    const renew = (list: Entry[]): Entry[] =>
      list.filter(({ token }) => token !== 'a').concat([entry('a', 7200)])
    const [mine, again] = [await readList(one), await readList(one)]
    await write(one, renew(mine), 7200)
    expect(await readList(two)).toContainEqual(entry('a', 7200))
    await write(
      two,
      (await readList(two)).filter(({ token }) => token !== 'a'),
    )
    await write(one, renew(again), 7200)
    expect(await tokens(two)).toEqual(['b'])
  })

  it('that is emptied keeps who has come meanwhile', async () => {
    const { clock, one, two } = setUp()
    const entry = at(clock)
    await write(one, [entry('a')])
    const [mine, theirs] = [await readList(one), await readList(two)]
    await write(two, [...theirs, entry('b')])
    await write(
      one,
      mine.filter(({ token }) => token !== 'a'),
    )
    expect(await tokens(one)).toEqual(['b'])
    // Who had found none has none to delete.
    await one.delete(LIST)
    expect(await tokens(two)).toEqual(['b'])
    await write(
      one,
      (await readList(one)).filter(({ token }) => token !== 'b'),
    )
    expect(await one.get(LIST)).toBeNull()
    await write(two, [entry('c')])
    expect(await tokens(one)).toEqual(['c'])
  })

  it.each([
    ['long', 'short'],
    ['short', 'long'],
  ])(
    'is there as long as the longest of those that two have added at once: %s, %s',
    async (...names) => {
      const { clock, one, two } = setUp()
      const entry = at(clock)
      const ttls: Record<string, number> = { long: 86_400, short: 60 }
      await Promise.all(
        names.map((name, i) => {
          const ttl = ttls[name] ?? 0
          return write([one, two][i] as SojournStorage, [entry(name, ttl)], ttl)
        }),
      )
      expect(await tokens(one)).toHaveLength(2)
      clock.advance(86_399_000)
      expect(await tokens(one)).toEqual(['long'])
      clock.advance(1_000)
      expect(await one.get(LIST)).toBeNull()
      expect(await two.get(LIST)).toBeNull()
    },
  )

  it('carries an entry that opens nothing', async () => {
    const { clock, one } = setUp()
    await write(one, [at(clock)('a')])
    const mark =
      (await readList(one)).find(({ token }) => token.startsWith('sojourn.base:'))?.token ?? ''
    expect(mark).not.toBe('')
    await one.set(mark, session(MORNING), 60)
    expect(await one.get(mark)).toBeNull()
    await one.delete(mark)
    expect(await tokens(one)).toEqual(['a'])
  })

  it('stands beside the time before which all are revoked, of which the later one counts', async () => {
    const { clock, one, two } = setUp()
    expect(await one.get(REVOKED)).toBeNull()
    await Promise.all([one.set(REVOKED, '2000', 3600), two.set(REVOKED, '1000', 60)])
    expect(await one.get(REVOKED)).toBe('2000')
    await write(two, [at(clock)('a', 60)], 60)
    clock.advance(3_599_000)
    expect(await two.get(REVOKED)).toBe('2000')
    expect(await two.get(LIST)).toBeNull()
    clock.advance(1_000)
    expect(await two.get(REVOKED)).toBeNull()
  })

  it('makes that time known without a question to the store', async () => {
    const { clock, one } = setUp()
    await write(one, [at(clock)('a')])
    expect(one.get(REVOKED)).toBeNull()
  })
})

describe('options', () => {
  it.each([
    [undefined, 'options'],
    [{ cookie: {} }, 'cookie'],
    [{ idleTimeout: '1h' }, 'idleTimeout'],
    [{ outage: 'anonymous' }, 'outage'],
    [{ seal: 'token' }, 'seal'],
    [{ redis: { regions: {} } }, 'redis'],
    [{ former: { get() {} } }, 'former'],
    [{ sessions: {} }, 'sessions'],
    [{ sessions: createSessions(), prefix: 'x' }, 'prefix'],
  ])('%j is refused', (options, name) => {
    const make = () => sojournStorage(options as never)
    expect(make).toThrow(OptionError)
    expect(make).toThrow(name)
  })
})

describe('a former storage', () => {
  /** Of two nodes, which have it still. */
  function setUpWith(values: Record<string, string>) {
    const { clock, engine } = setUp()
    const there = new Map(Object.entries(values))
    const claim = async (key: string): Promise<string | undefined> => {
      const value = there.get(key)
      there.delete(key)
      return value
    }
    /** Run once, before the next answer of `get` is read, or after that. */
    const meanwhile: { before?: () => unknown; after?: () => unknown } = {}
    const once = async (name: 'before' | 'after'): Promise<void> => {
      const work = meanwhile[name]
      delete meanwhile[name]
      await work?.()
    }
    const former = {
      get: async (key: string) => {
        await once('before')
        const value = there.get(key)
        await once('after')
        return value
      },
      getAndDelete: claim,
      delete: claim,
    }
    const open = () => {
      const storage = sojournStorage({ engine, clock, secrets: [...SECRETS], former })
      closing.push(() => storage.sessions.close())
      return storage
    }
    return { clock, there, meanwhile, one: open(), two: open() }
  }

  it('gives its values once, with the time that is left, and is asked no more', async () => {
    const expiresAt = '2025-01-01T00:01:00.000Z'
    const verification = (value: string) => JSON.stringify({ value, expiresAt })
    const { clock, there, one, two } = setUpWith({
      token: JSON.stringify({ session: { createdAt: MORNING, expiresAt }, user: {} }),
      'verification:a': verification('a'),
      'verification:b': verification('b'),
      strange: 'of whom nobody knows when it ends',
    })
    expect(await Promise.all([one.get('token'), two.get('token')])).not.toContain(null)
    expect(await one.get('verification:a')).toBe(verification('a'))
    expect(await one.get('strange')).toBeNull()
    expect([...there.keys()]).toEqual(['verification:b', 'strange'])
    const taken = await Promise.all(
      ['verification:a', 'verification:b'].flatMap((key) =>
        [one, two, one].map((each) => each.getAndDelete(key)),
      ),
    )
    expect(taken.filter((value) => value !== null).toSorted()).toEqual([
      verification('a'),
      verification('b'),
    ])
    clock.advance(59_999)
    expect(await two.get('token')).not.toBeNull()
    clock.advance(1)
    expect(await two.get('token')).toBeNull()
  })

  it('gives what bears names of other frameworks: no attribute is called by them here', async () => {
    const expiresAt = '2025-01-01T00:01:00.000Z'
    const value = JSON.stringify({ session: { createdAt: MORNING, expiresAt }, 'django:x': 1 })
    const { one, two } = setUpWith({ token: value, 'spring:y': value })
    for (const key of ['token', 'spring:y']) {
      expect(await one.get(key)).toBe(value)
      expect(await two.get(key)).toBe(value)
    }
  })

  it('gives a user’s list, and since when all before are revoked', async () => {
    const clock = manualClock()
    const list = [
      { token: 'a', expiresAt: clock.now() + 60_000 },
      { token: 'over', expiresAt: clock.now() },
    ]
    const { there, one, two } = setUpWith({ [LIST]: JSON.stringify(list), [REVOKED]: '1000' })
    expect(await Promise.all([one.get(REVOKED), two.get(REVOKED)])).toEqual(['1000', '1000'])
    expect(await tokens(two)).toEqual(['a'])
    expect(there.size).toBe(0)
  })

  it('is taken over by one of two that come at once, and found by the other', async () => {
    const value = JSON.stringify({ session: { createdAt: MORNING, expiresAt: NOON }, user: {} })
    const { meanwhile, one, two } = setUpWith({ token: value })
    meanwhile.before = () => two.get('token')
    expect(await one.get('token')).toBe(value)
  })

  it('brings nothing back that is deleted here while it is taken over', async () => {
    const value = JSON.stringify({ session: { createdAt: MORNING, expiresAt: NOON }, user: {} })
    const { meanwhile, one, two } = setUpWith({ token: value })
    meanwhile.after = () => two.delete('token')
    expect(await one.get('token')).toBeNull()
    expect(await two.get('token')).toBeNull()
  })

  it('takes nothing back of a list that is changed here while it is taken over', async () => {
    const expiresAt = manualClock().now() + 60_000
    const { meanwhile, one, two } = setUpWith({
      [LIST]: JSON.stringify([{ token: 'a', expiresAt }]),
    })
    meanwhile.after = async () => write(two, [...(await readList(two)), { token: 'b', expiresAt }])
    expect((await tokens(one)).toSorted()).toEqual(['a', 'b'])
    expect((await tokens(two)).toSorted()).toEqual(['a', 'b'])
  })

  it('does not give again what was deleted here', async () => {
    const { there, one, two } = setUpWith({
      token: JSON.stringify({ session: { createdAt: MORNING, expiresAt: NOON }, user: {} }),
      'verification:a': JSON.stringify({ value: 'a', expiresAt: NOON }),
    })
    await one.delete('token')
    await one.set('verification:a', JSON.stringify({ value: 'b', expiresAt: NOON }), 60)
    await two.delete('verification:a')
    expect([await two.get('token'), await two.get('verification:a')]).toEqual([null, null])
    expect(there.size).toBe(0)
  })
})
