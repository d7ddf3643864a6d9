import { describe, expect, it, vi } from 'vitest'
import { AttributeError, SessionTooLargeError } from '../../src/core/errors.ts'
import { setUp } from './session-set-up.ts'

type Data = Record<string, unknown>

describe('an anonymous session', () => {
  it('S21 creates nothing by reading: no record, no cookie', async () => {
    const { engine, browser, seen } = setUp<Data>()
    const header = await browser().visit((s) => {
      expect(s.get('a')).toBeUndefined()
      expect(s.has('a')).toBe(false)
      expect(s.names()).toEqual([])
      expect(s.toJSON()).toEqual({})
      expect({ ...s.data }).toEqual({})
      expect([s.id, s.principal, s.authenticatedAt, s.createdAt, s.expiresAt, s.deadline]).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
      ])
      expect(s.isNew).toBe(true)
      expect(s.dirty).toBe(false)
    })
    expect(header).toBeUndefined()
    expect(engine.stats().records).toBe(0)
    expect(seen).toEqual([])
  })

  it('S21 creates nothing by what comes to nothing', async () => {
    const { engine, browser, seen } = setUp<Data>()
    const header = await browser().visit(async (s) => {
      s.set('a', 1)
      s.delete('a')
      s.delete('none')
      s.clear()
      s.set('b', undefined)
      await s.touch()
      await s.rotate()
      await s.logout()
      s.setLifetime({ idleTimeout: '1m' })
      await s.commit()
    })
    expect(header).toBeUndefined()
    expect(engine.stats().records).toBe(0)
    expect(seen).toEqual([])
  })

  it('S21 creates nothing for made-up cookies', async () => {
    const { engine, browser, announced } = setUp<Data>()
    const made = ['x', '', 'A'.repeat(48), '\0', 'A'.repeat(5_000)]
    for (const text of made) {
      const user = browser(`__Host-session=${text}`)
      expect(await user.visit((s) => s.get('a'))).toBeUndefined()
    }
    expect(engine.stats().records).toBe(0)
    expect(announced('rejected')).toEqual(
      made.map((text) => ({
        id: undefined,
        reason: text.length === 48 ? 'forged' : 'malformed',
      })),
    )
  })

  it('S04 never takes over a token of the browser', async () => {
    const { browser } = setUp<Data>()
    const foreign = setUp<Data>({ secrets: ['another secret of at least 32 bytes!'] })
    const planted = foreign.browser()
    await planted.visit((s) => s.set('a', 1))
    const victim = browser(planted.cookie)
    await victim.visit((s) => s.set('a', 1))
    expect(victim.token).toMatch(/^[\w-]{48}$/)
    expect(victim.token).not.toBe(planted.token)
  })
})

describe('a session', () => {
  it('is created by the first commit that has something, and read by the next request', async () => {
    const { engine, browser, clock, announced } = setUp<Data>()
    const user = browser()
    const header = await user.visit(async (s) => {
      s.set('cart', [{ sku: 'a' }])
      expect(s.isNew).toBe(true)
      expect(s.dirty).toBe(true)
      await s.commit()
      expect(s.isNew).toBe(false)
      expect(s.dirty).toBe(false)
      expect(s.createdAt).toBe(clock.now())
      expect(announced('created')).toEqual([{ id: s.id }])
    })
    expect(header).toBe(`__Host-session=${user.token}; Path=/; HttpOnly; SameSite=Lax; Secure`)
    expect(engine.stats().records).toBe(1)
    expect(await user.sees()).toEqual({ cart: [{ sku: 'a' }] })
    expect(await user.visit()).toBeUndefined()
  })

  it('comes back with every kind of value', async () => {
    const user = setUp<Data>().browser()
    const values = {
      text: 'é',
      number: -0.5,
      big: 2n ** 70n,
      nothing: null,
      date: new Date(5),
      map: new Map<unknown, unknown>([[{ k: 1 }, new Set(['x'])]]),
      bytes: new Uint8Array([1, 2]),
      deep: { list: [1, [2, { three: 3 }]] },
    }
    await user.visit((s) => {
      for (const [name, value] of Object.entries(values)) s.set(name, value)
    })
    expect(await user.sees()).toEqual(values)
  })

  it('keeps what is not touched, changes and deletes what is', async () => {
    const { browser, announced } = setUp<Data>()
    const user = browser()
    await user.visit((s) => Object.assign(s.data, { a: 1, b: 2, c: 3 }))
    await user.visit((s) => {
      s.set('a', 10)
      s.delete('b')
      expect(s.has('b')).toBe(false)
      expect(s.names().sort()).toEqual(['a', 'c'])
    })
    expect(await user.sees()).toEqual({ a: 10, c: 3 })
    expect(announced('changed')).toEqual([{ id: expect.any(String), attributes: ['a', 'b'] }])
    await user.visit((s) => s.clear())
    expect(await user.sees()).toEqual({})
    expect(user.cookie).toBeDefined()
  })

  it('is not written when nothing changed', async () => {
    const { browser, engine, seen } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('o', { x: [1] }))
    const id = (await user.request()).session.id ?? ''
    const before = (await engine.load(id))?.record
    seen.length = 0
    await user.visit(async (s) => {
      s.set('o', { x: [1] })
      void s.data['o']
      s.delete('none')
      await s.update('o', (value) => value)
      await s.commit()
    })
    expect((await engine.load(id))?.record).toEqual(before)
    expect(seen).toEqual([])
  })

  it('I2 gives each request objects of its own', async () => {
    const { browser } = setUp<Data>()
    const user = browser()
    const original = { list: [1], map: new Map([['k', [1]]]), date: new Date(5) }
    await user.visit((s) => s.set('o', original))
    const [one, other] = [await user.request(), await user.request()]
    original.list.push(99)
    const leak = one.session.get('o') as typeof original
    leak.map.get('k')?.push(99)
    leak.date.setTime(99)
    ;(one.session.data['o'] as typeof original).list.push(99)
    expect(other.session.get('o')).toEqual({
      list: [1],
      map: new Map([['k', [1]]]),
      date: new Date(5),
    })
  })

  it('I2 gives one browser nothing of another', async () => {
    const { browser } = setUp<Data>()
    const [ann, bob] = [browser(), browser()]
    await ann.visit((s) => s.set('name', 'Ann'))
    await bob.visit((s) => s.set('name', 'Bob'))
    expect(ann.token).not.toBe(bob.token)
    expect(await ann.sees()).toEqual({ name: 'Ann' })
    expect(await bob.sees()).toEqual({ name: 'Bob' })
  })
})

describe('operations called at once on one session', () => {
  it('run one after the other, in the order of the calls', async () => {
    const { browser, seen } = setUp<Data>()
    const user = browser()
    await user.visit(async (s) => {
      s.set('n', 1)
      await Promise.all([
        s.commit(),
        s.update('n', (n) => Number(n) + 1),
        s.update('n', (n) => Number(n) * 10),
        s.login('u1', { keep: ['n'] }),
        s.update('n', (n) => Number(n) + 3),
        s.rotate(),
      ])
      expect(s.get('n')).toBe(23)
    })
    expect(seen.map((e) => e.name)).toEqual([
      'created',
      'changed',
      'changed',
      'login',
      'changed',
      'rotated',
    ])
    expect(await user.sees()).toEqual({ n: 23 })
  })

  it('a logout among them ends what was before, and what is set after is a new session', async () => {
    const { browser, engine, seen } = setUp<Data>()
    const user = browser()
    await user.visit(async (s) => {
      s.set('a', 1)
      const before = [s.commit(), s.logout()]
      await Promise.all(before)
      s.set('b', 2)
      await s.commit()
      expect(s.toJSON()).toEqual({ b: 2 })
    })
    expect(seen.map((e) => e.name)).toEqual(['created', 'logout', 'created'])
    expect(engine.stats().records).toBe(1)
    expect(await user.sees()).toEqual({ b: 2 })
  })

  it('go on after one that failed', async () => {
    const session = await setUp<Data>().sessions.open()
    const failed = session.update('a', () => {
      throw new RangeError('no')
    })
    const fine = session.update('a', () => 5)
    await expect(failed).rejects.toThrow(RangeError)
    expect(await fine).toBe(5)
  })
})

describe('changes that cannot be stored', () => {
  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a promise', Promise.resolve(1)],
    ['a symbol inside', { deep: [Symbol('s')] }],
    ['an invalid date', new Date(Number.NaN)],
  ])(
    '%s: AttributeError names the attribute, nothing is written, the rest is pending',
    async (_, value) => {
      const { browser, engine } = setUp<Data>()
      const user = browser()
      await user.visit((s) => s.set('a', 1))
      const { session } = await user.request()
      const before = (await engine.load(session.id ?? ''))?.record
      session.set('bad', value)
      session.set('good', 1)
      const error: unknown = await session.commit().catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(AttributeError)
      expect((error as AttributeError).attribute).toBe('bad')
      expect((await engine.load(session.id ?? ''))?.record).toEqual(before)
      session.delete('bad')
      await session.commit()
      expect(await user.sees()).toEqual({ a: 1, good: 1 })
    },
  )

  it('too large: SessionTooLargeError names the largest, nothing is written, all is pending', async () => {
    const { sessions, engine } = setUp<Data>({ maxBytes: 1_000 })
    const session = await sessions.open()
    session.set('small', 'x')
    session.set('large', 'y'.repeat(900))
    session.set('middle', 'z'.repeat(300))
    const error: unknown = await session.commit().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SessionTooLargeError)
    const { largest, maxBytes, bytes, message } = error as SessionTooLargeError
    expect(largest.map((l) => l.attribute)).toEqual(['large', 'middle', 'small'])
    expect(maxBytes).toBe(1_000)
    expect(bytes).toBeGreaterThan(1_200)
    expect(message).toContain('"large"')
    expect(message).not.toContain('yyy')
    expect(engine.stats().records).toBe(0)
    session.delete('large')
    await session.commit()
    expect(session.toJSON()).toEqual({ small: 'x', middle: 'z'.repeat(300) })
  })

  it('a name that cannot be is refused at once', async () => {
    const session = await setUp<Data>().sessions.open()
    for (const name of ['', '__proto__', 'x'.repeat(257)]) {
      expect(() => session.set(name, 1)).toThrow(AttributeError)
      expect(() => session.delete(name)).toThrow(AttributeError)
      await expect(session.update(name, () => 1)).rejects.toThrow(AttributeError)
    }
    expect(session.dirty).toBe(false)
  })
})

describe('an assignment to the session itself', () => {
  it('is refused, for it would not be stored, and says what is', async () => {
    const { session } = await setUp<Data>().browser().request()
    const sloppy = session as unknown as Record<string, unknown>
    expect(() => {
      sloppy['views'] = 5
    }).toThrow(
      'attribute "views": assigned to the session itself it is not stored: session.set("views", …), or session.data["views"] = …',
    )
    expect(() => Object.assign(session, { views: 5 })).toThrow(AttributeError)
    expect(session.names()).toEqual([])
    expect(Object.keys(session)).toEqual([])
  })

  it('of a symbol, or a test’s of a method, is the object’s own', async () => {
    const { session } = await setUp<Data>().browser().request()
    const mark = Symbol('mark')
    Object.assign(session, { [mark]: 1 })
    expect((session as unknown as Record<symbol, unknown>)[mark]).toBe(1)
    const commit = vi.spyOn(session, 'commit').mockResolvedValue()
    session.commit = commit
    await session.commit()
    expect(commit).toHaveBeenCalledTimes(1)
  })

  it('leaves what is asked of all objects as it is', async () => {
    const { session } = await setUp<Data>().browser().request()
    expect(Object.prototype.toString.call(session)).toBe('[object Object]')
    expect('views' in session).toBe(false)
    expect(await Promise.resolve(session)).toBe(session)
    expect(Object.hasOwn(session, 'commit')).toBe(false)
    expect(session).toHaveProperty('toString')
  })
})
