import { describe, expect, it, onTestFinished } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import type { LegacyEntry, LegacySource, MirroredSession } from '../../src/core/legacy.ts'
import { interleaved, type Slip, setUp, type World } from './session-set-up.ts'

/** A session's entries in another system, and a source that reads them. */
interface Other {
  readonly entries: Map<string, LegacyEntry>
  readonly mirrored: Map<string, MirroredSession>
  readonly source: LegacySource
  /** Run before the next read, write. */
  slip: { read?: Slip | undefined; write?: Slip | undefined }
}

const COOKIE = 'old=sid'
const entry: LegacyEntry = { attributes: { a: 1 }, principal: 'ada', lasts: 86_400_000 }

function other(old: LegacySource['old'] = 'keep', shared?: Other): Other {
  const entries = shared?.entries ?? new Map([['sid', entry]])
  const mirrored = shared?.mirrored ?? new Map<string, MirroredSession>()
  const slip: Other['slip'] = {}
  const before = async (name: 'read' | 'write'): Promise<void> => {
    const run = slip[name]
    slip[name] = undefined
    await run?.()
  }
  const source: LegacySource = {
    ...{ name: 'other', cookieName: 'old', old, hasPrincipals: true },
    find: (header) => {
      const key = /(?:^|; )old=([^;]*)/.exec(header)?.[1]
      if (key === undefined) return undefined
      return {
        key,
        read: async () => {
          await before('read')
          return entries.get(key)
        },
      }
    },
    remove: async (key) => {
      entries.delete(key)
      mirrored.delete(key)
    },
    clear: () => ['old=; Max-Age=0'],
    mirror: {
      keyOf: (bytes) => Buffer.from(bytes).toString('hex'),
      holds: (header, key) => header.includes(`old=${key}`),
      cookies: (key) => [`old=${key}`],
      write: async (key, session) => {
        await before('write')
        mirrored.set(key, session)
      },
    },
  }
  return { entries, mirrored, source, slip }
}

type Data = Record<string, unknown>

async function visit({ sessions }: World<Data>, cookie = COOKIE) {
  const exchange = await sessions.exchange(
    {},
    { secure: true, host: 'example.org', proxied: false, cookie },
  )
  if (exchange.dirty) await exchange.commit()
  const cookies = [exchange.sendHeaders() ?? []].flat()
  const held = cookies.map((line) => line.split(';', 1)[0]).join('; ')
  return { session: exchange.session, data: exchange.session.toJSON(), cookies, held }
}

describe('two nodes that come with one session at a time', () => {
  it('make one of it when the first stops after its claim', async () => {
    const gate: { next?: Slip } = {}
    let creates = 0
    const second = other()
    // The claim is the first record, the session the second.
    const one = setUp<Data>({ adopt: [other('keep', second).source] }, (engine) => ({
      ...engine,
      create: async (...args: Parameters<Engine['create']>) => {
        if (++creates === 2) await gate.next?.()
        return engine.create(...args)
      },
    }))
    const two = setUp<Data>({ adopt: [second.source] }, undefined, one.clock, one.engine)
    let theirs: Awaited<ReturnType<typeof visit>> | undefined
    gate.next = async () => {
      theirs = await visit(two)
    }
    const mine = await visit(one)
    expect(mine.data).toEqual({ a: 1 })
    expect(theirs?.data).toEqual({ a: 1 })
    expect(mine.session.id).toBe(theirs?.session.id)
    expect([...one.announced('adopted'), ...two.announced('adopted')]).toHaveLength(1)
    expect(await two.sessions.of('ada').count()).toBe(1)
  })

  it('make one of it when the first stops before the claim is settled', async () => {
    const second = other()
    const at: { next?: (slip: Slip) => void } = {}
    const one = setUp<Data>({ adopt: [other('delete', second).source] }, (engine) => {
      const wrapped = interleaved(engine, 'commit')
      at.next = wrapped.next
      return wrapped.engine
    })
    const two = setUp<Data>({ adopt: [second.source] }, undefined, one.clock, one.engine)
    let theirs: Awaited<ReturnType<typeof visit>> | undefined
    at.next?.(async () => {
      theirs = await visit(two)
    })
    const mine = await visit(one)
    expect(theirs?.session.id).toBe(mine.session.id)
    expect([...one.announced('adopted'), ...two.announced('adopted')]).toHaveLength(1)
    expect(second.entries.size).toBe(0)
    expect(await two.sessions.of('ada').count()).toBe(1)
  })

  it('make one of it when the entry goes between claim and read', async () => {
    const mine = other('delete')
    const one = setUp<Data>({ adopt: [mine.source] })
    const theirs = other('delete', mine)
    const two = setUp<Data>({ adopt: [theirs.source] }, undefined, one.clock, one.engine)
    mine.slip.read = () => visit(two)
    expect((await visit(one)).data).toEqual({ a: 1 })
    expect([...one.announced('adopted'), ...two.announced('adopted')]).toHaveLength(1)
  })
})

it('an answer that is late does not take the place of a login', async () => {
  const one = setUp<Data>({ adopt: [other().source] })
  const open = () =>
    one.sessions.exchange({}, { secure: true, host: 'example.org', proxied: false, cookie: COOKIE })
  const [early, late, again] = [await open(), await open(), await open()]
  expect(again.sendHeaders()).toMatch(/^__Host-session=/)
  await early.session.login('ada')
  expect(early.sendHeaders()).toMatch(/^__Host-session=/)
  expect(late.sendHeaders()).toBeUndefined()
})

it('a node that dies between claim and session signs nobody out', async () => {
  let creates = 0
  const first = other()
  const one = setUp<Data>({ adopt: [first.source] }, (engine) => ({
    ...engine,
    create: async (...args: Parameters<Engine['create']>) => {
      if (++creates === 2) throw new StoreUnavailableError('away', false)
      return engine.create(...args)
    },
  }))
  await expect(visit(one)).rejects.toThrow(StoreUnavailableError)
  // Other data by now, of another principal: it goes to another partition.
  first.entries.set('sid', { ...entry, principal: 'bob', attributes: { a: 2 } })
  const found = await visit(one)
  expect(found.data).toEqual({ a: 2 })
  expect(found.session.principal).toBe('bob')
  expect(await one.sessions.of('bob').count()).toBe(1)
})

it('an entry that cannot be stored is told of at each request, and stays what it is', async () => {
  const one = setUp<Data>({ adopt: [other().source], maxBytes: 64 })
  const large = other()
  large.entries.set('sid', { ...entry, attributes: { a: 'x'.repeat(100) } })
  const two = setUp<Data>({ adopt: [large.source], maxBytes: 64 }, undefined, one.clock, one.engine)
  for (let n = 1; n <= 2; n++) {
    const { session, cookies } = await visit(two)
    expect(session.isNew).toBe(true)
    expect(cookies).toEqual([])
    expect(two.announced('error')).toHaveLength(n)
  }
  expect(one.engine.stats().records).toBe(0)
})

it('a sign-out everywhere that comes in between ends it', async () => {
  const mine = other()
  const one = setUp<Data>({ adopt: [mine.source] })
  mine.slip.read = async () => {
    await one.sessions.of('ada').revokeAll()
  }
  expect((await visit(one)).session.isNew).toBe(true)
  expect((await visit(one)).session.isNew).toBe(true)
  expect(one.announced('adopted')).toEqual([])
  expect(await one.sessions.of('ada').count()).toBe(0)
})

it('nobody knows when an adopted principal has authenticated, and its token is new', async () => {
  const one = setUp<Data>({ adopt: [other().source], rotateEvery: '15m' })
  const { session, cookies } = await visit(one)
  expect(session.principal).toBe('ada')
  expect(session.authenticatedAt).toBeUndefined()
  expect(session.authenticatedWithin('12h')).toBe(false)
  expect(cookies).toHaveLength(1)
  expect((await visit(one)).session.id).toBe(session.id)
})

it('a limit neither refuses nor evicts: an adoption is no login', async () => {
  const mine = other()
  mine.entries.set('two', entry)
  const limits = { maxSessions: { max: 1, policy: 'reject' } } as const
  const one = setUp<Data>({ adopt: [mine.source], ...limits })
  expect((await visit(one)).session.principal).toBe('ada')
  expect((await visit(one, 'old=two')).session.principal).toBe('ada')
  expect(await one.sessions.of('ada').count()).toBe(2)
})

it('the claim outlives the session, and is no session that is told of', async () => {
  const one = setUp<Data>({ adopt: [other().source], absoluteTimeout: '1h', idleTimeout: '1h' })
  await visit(one)
  one.clock.advance(3_700_000)
  expect((await visit(one)).session.isNew).toBe(true)
  one.clock.advance(86_400_000 - 3_700_000)
  expect((await visit(one)).session.isNew).toBe(true)
  expect(one.announced('adopted')).toHaveLength(1)
  expect(one.announced('expired')).toHaveLength(1)
  one.clock.advance(2 * 86_400_000)
  await one.sessions.open()
  expect(one.announced('expired')).toHaveLength(1)
})

it('names of another framework in a source of one’s own are left out, and told of once', async () => {
  const warnings: (Error & { code?: string })[] = []
  const note = (warning: Error): void => void warnings.push(warning)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const mine = other('delete')
  for (const key of ['sid', 'two']) {
    mine.entries.set(key, { ...entry, attributes: { a: 1, 'django:x': 1, 'spring:y': 2 } })
  }
  const one = setUp<Data>({ adopt: [mine.source] })
  for (const key of ['sid', 'two']) {
    const { data, session } = await visit(one, `old=${key}`)
    expect(data).toEqual({ a: 1 })
    expect(session.get('django:x')).toBeUndefined()
  }
  const told = () => warnings.filter(({ code }) => code === 'SOJOURN_ADOPT_NAMES')
  await expect.poll(() => told().length).toBeGreaterThan(0)
  expect(told().map(({ message }) => message)).toEqual([
    expect.stringMatching(/^adopt \(other\): attributes such as "django:x" are not taken over/),
  ])
})

describe('a mirror', () => {
  it('has what is so when an older write comes last', async () => {
    const mine = other('mirror')
    const one = setUp<Data>({ adopt: [mine.source] })
    const two = setUp<Data>(
      { adopt: [other('mirror', mine).source] },
      undefined,
      one.clock,
      one.engine,
    )
    const { held } = await visit(one)
    const [key] = [...mine.mirrored.keys()].filter((each) => held.includes(each))
    const changed = async (world: World<Data>, value: number): Promise<void> => {
      const exchange = await world.sessions.exchange(
        {},
        { secure: true, host: 'example.org', proxied: false, cookie: held },
      )
      exchange.session.set('a', value)
      await exchange.commit()
    }
    mine.slip.write = () => changed(two, 3)
    await changed(one, 2)
    expect(mine.mirrored.get(key ?? '')?.attributes).toEqual({ a: 3 })
    // And has nothing when the session has ended before the write.
    mine.slip.write = () => two.sessions.of('ada').revokeAll()
    await changed(one, 4)
    expect(mine.mirrored.get(key ?? '')).toBeUndefined()
  })

  it('names sessions in the old store by what only the secrets can make', async () => {
    const mine = other('mirror')
    const one = setUp<Data>({ adopt: [mine.source] })
    const { session, held } = await visit(one)
    const keys = [...mine.mirrored.keys()].filter((key) => key !== 'sid')
    expect(keys).toHaveLength(1)
    expect(keys[0]).toHaveLength(48)
    expect(held).toContain(`old=${keys[0]}`)
    expect(keys[0]).not.toContain(session.id?.slice(3))
  })
})
