import { describe, expect, it } from 'vitest'
import { AttributeError, OptionError, StoreUnavailableError } from '../../src/core/errors.ts'
import { counter } from '../../src/core/merge.ts'
import { HOUR, interleaved, MINUTE, type Slip, setUp } from './session-set-up.ts'

type Data = Record<string, unknown>

describe('login', () => {
  it('S02 gives a new token, and the old one is refused at once', async () => {
    const { browser, announced } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('cart', [1]))
    const planted = user.copy()
    const header = await user.visit((s) => s.login('u1'))
    expect(header).toContain(`__Host-session=${user.token};`)
    expect(user.token).not.toBe(planted.token)
    expect(await planted.sees()).toEqual({})
    expect((await planted.request()).session.principal).toBeUndefined()
    expect(announced('rejected')).toMatchObject([
      { reason: 'superseded' },
      { reason: 'superseded' },
    ])
    expect((await user.request()).session.principal).toBe('u1')
  })

  it('S02 the old token is refused after five minutes too, when its marker has gone', async () => {
    const { browser, clock, announced } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const planted = user.copy()
    await user.visit((s) => s.login('u1'))
    clock.advance(5 * MINUTE)
    expect((await planted.request()).session.isNew).toBe(true)
    expect(announced('rejected')).toMatchObject([{ reason: 'absent' }])
  })

  it('S02 a late request with the old token neither clears nor replaces the new cookie', async () => {
    const { browser, engine, announced } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const late = user.copy()
    const underWay = await late.request()
    await user.visit((s) => s.login('u1'))
    const records = engine.stats().records
    expect(await late.visit((s) => s.set('b', 2))).toBeUndefined()
    underWay.session.set('c', 3)
    expect(await late.respond(underWay)).toBeUndefined()
    expect(engine.stats().records).toBe(records)
    expect(announced('dropped')).toMatchObject([
      { reason: 'superseded', attributes: ['b'] },
      { reason: 'superseded', attributes: ['c'] },
    ])
  })

  it('S02 a second login gives a new token again, and the first is refused', async () => {
    const { browser, sessions } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.login('u1'))
    const first = user.copy()
    await user.visit((s) => s.login('u1'))
    expect(user.token).not.toBe(first.token)
    expect((await first.request()).session.principal).toBeUndefined()
    expect(await sessions.of('u1').list()).toHaveLength(1)
    await user.visit((s) => s.login('u2'))
    expect(await sessions.of('u1').list()).toEqual([])
    expect(await sessions.of('u2').list()).toHaveLength(1)
  })

  it('S03 drops all attributes unless they are to be kept, pending ones too', async () => {
    const { browser } = setUp<Data>()
    const user = browser()
    await user.visit((s) => Object.assign(s.data, { cart: [1], csrf: 'secret', theme: 'dark' }))
    await user.visit(async (s) => {
      s.set('returnTo', '/pay')
      s.set('theme', 'light')
      await s.login('u1', { keep: ['cart', 'theme', 'none'] })
      expect(s.toJSON()).toEqual({ cart: [1], theme: 'light' })
      expect(s.dirty).toBe(false)
    })
    expect(await user.sees()).toEqual({ cart: [1], theme: 'light' })
    await user.visit((s) => s.login('u1'))
    expect(await user.sees()).toEqual({})
  })

  it('S03 an object that is still held does not bring a dropped attribute back', async () => {
    const { browser } = setUp<Data>()
    const user = browser()
    await user.visit((s) => Object.assign(s.data, { csrf: { token: 1 }, cart: [1] }))
    await user.visit(async (s) => {
      const csrf = s.data['csrf'] as Data
      const cart = s.data['cart'] as number[]
      const pending: Data = {}
      const unstorable: Data = {}
      unstorable['self'] = unstorable
      s.set('pending', pending)
      s.set('unstorable', unstorable)
      await s.login('u1', { keep: ['cart'] })
      csrf['token'] = 2
      pending['x'] = 1
      unstorable['x'] = 1
      expect(s.dirty).toBe(false)
      cart.push(2)
    })
    expect(await user.sees()).toEqual({ cart: [1, 2] })
  })

  it('stores what is set while it is under way, and after it, in the new session', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser } = setUp<Data>({}, (engine) => {
      const hook = interleaved(engine, 'create')
      slip = hook.next
      return hook.engine
    })
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    await user.visit(async (s) => {
      slip(async () => s.set('meanwhile', 1))
      await s.login('u1')
      s.set('after', 1)
    })
    expect(await user.sees()).toEqual({ meanwhile: 1, after: 1 })
  })

  it('is told of with all that it was told', async () => {
    const { browser, announced } = setUp<Data>()
    const about = { kind: 'mobile', level: 2, device: 'phone', address: '::1' }
    await browser().visit((s) => s.login('u1', about))
    await browser().visit((s) => s.login('u2'))
    expect(announced('login')).toMatchObject([
      { principal: 'u1', ...about },
      { principal: 'u2', kind: undefined, level: undefined },
    ])
  })

  it('knows who, when, on which device and from where', async () => {
    const { browser, sessions, clock } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    clock.advance(MINUTE)
    const at = clock.now()
    await user.visit((s) => s.login('u1', { device: 'd'.repeat(300), address: '::1' }))
    clock.advance(MINUTE)
    const { session } = await user.request()
    expect([session.principal, session.authenticatedAt, session.createdAt]).toEqual(['u1', at, at])
    expect(await sessions.of('u1').list()).toMatchObject([
      { id: session.id, device: 'd'.repeat(256), address: '::1', createdAt: at },
    ])
  })

  it('S13 begins the absolute timeout anew, with lifetimes of its own if wanted', async () => {
    const { browser, clock } = setUp<Data>({ idleTimeout: '30m', absoluteTimeout: '1h' })
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    clock.advance(20 * MINUTE)
    await user.visit((s) => s.login('u1'))
    expect((await user.request()).session.deadline).toBe(clock.now() + HOUR)
    const header = await user.visit((s) =>
      s.login('u1', { idleTimeout: '10d', absoluteTimeout: '30d', persistent: true }),
    )
    expect(header).toContain('; Max-Age=2592000;')
    const { session } = await user.request()
    expect(session.deadline).toBe(clock.now() + 30 * 24 * HOUR)
    expect(session.expiresAt).toBe(clock.now() + 10 * 24 * HOUR)
    // "Remember me" is asked for at each login.
    expect(await user.visit((s) => s.login('u1'))).not.toContain('Max-Age')
  })

  it.each<[string, object, new (...args: never[]) => Error]>([
    ['', {}, AttributeError],
    ['x'.repeat(1_025), {}, AttributeError],
    ['u1', { idleTimeout: 0 }, OptionError],
    ['u1', { idleTimeout: '13h' }, OptionError],
    ['u1', { absoluteTimeout: '1m' }, OptionError],
    ['u1', { absoluteTimeout: Number.NaN }, OptionError],
  ])('S15 %j with %j is refused, and changes nothing', async (principal, options, expected) => {
    const { browser } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const { token } = user
    await user.visit(async (s) => {
      s.set('b', 2)
      await expect(s.login(principal, options)).rejects.toThrow(expected)
      expect(s.principal).toBeUndefined()
    })
    expect(user.token).toBe(token)
    expect(await user.sees()).toEqual({ a: 1, b: 2 })
  })
})

describe('login while another request of the same browser writes', () => {
  it('I3 keeps the acknowledged change to what goes along, and drops the rest', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser } = setUp<Data>({ merge: { n: counter } }, (engine) => {
      const hook = interleaved(engine, 'destroy')
      slip = hook.next
      return hook.engine
    })
    const user = browser()
    await user.visit((s) => Object.assign(s.data, { cart: [1], n: 1, theme: 'dark', other: 1 }))
    const parallel = user.copy()
    const exchange = await user.request()
    exchange.session.set('n', 2)
    exchange.session.set('theme', 'light')
    slip(() =>
      parallel.visit((s) => Object.assign(s.data, { cart: [1, 2], n: 5, theme: 'x', other: 2 })),
    )
    await exchange.session.login('u1', { keep: ['cart', 'n', 'theme'] })
    await user.respond(exchange)
    // cart: theirs. n: both counted. theme: mine, which is later. other: not kept.
    expect(await user.sees()).toEqual({ cart: [1, 2], n: 6, theme: 'light' })
    expect((await parallel.request()).session.isNew).toBe(true)
  })

  it('S02 ends the session also where a rotation has just moved it', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser, engine } = setUp<Data>({}, (inner) => {
      const hook = interleaved(inner, 'destroy')
      slip = hook.next
      return hook.engine
    })
    const user = browser()
    await user.visit((s) => s.set('cart', [1]))
    const parallel = user.copy()
    const exchange = await user.request()
    slip(() =>
      parallel.visit(async (s) => {
        s.set('cart', [1, 2])
        await s.rotate()
      }),
    )
    await exchange.session.login('u1', { keep: ['cart'] })
    await user.respond(exchange)
    expect(await user.sees()).toEqual({ cart: [1, 2] })
    expect((await parallel.request()).session.isNew).toBe(true)
    // The new session, the forward and the marker of the login.
    expect(engine.stats().records).toBe(3)
  })

  it('of two logins at once each gives a session, and the old token opens neither', async () => {
    const { browser, sessions } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('cart', [1]))
    const old = user.copy()
    const [one, two] = [user.copy(), user.copy()]
    await Promise.all([one, two].map((b) => b.visit((s) => s.login('u1', { keep: ['cart'] }))))
    expect(one.token).not.toBe(two.token)
    expect(await one.sees()).toEqual({ cart: [1] })
    expect(await two.sees()).toEqual({ cart: [1] })
    expect((await old.request()).session.isNew).toBe(true)
    expect(await sessions.of('u1').list()).toHaveLength(2)
  })

  it('S02 carries nothing over of a session that another ends at that moment, but what is set here', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser, sessions } = setUp<Data>({ merge: { n: counter } }, (engine) => {
      const hook = interleaved(engine, 'destroy')
      slip = hook.next
      return hook.engine
    })
    const user = browser()
    await user.visit((s) => s.login('u1'))
    await user.visit((s) => Object.assign(s.data, { cart: [1], n: 5 }))
    const exchange = await user.request()
    exchange.session.set('n', 6)
    exchange.session.set('theme', 'light')
    slip(() => sessions.of('u1').revokeAll())
    await exchange.session.login('u2', { keep: ['cart', 'n', 'theme'] })
    expect(exchange.session.toJSON()).toEqual({ n: 1, theme: 'light' })
    await user.respond(exchange)
    expect(await user.sees()).toEqual({ n: 1, theme: 'light' })
  })

  it('that fails leaves the session and its changes as they were', async () => {
    let fail = false
    const { browser } = setUp<Data>({}, (engine) => ({
      ...engine,
      create: async (...args) => {
        if (fail) throw new StoreUnavailableError('gone for a moment', false)
        return engine.create(...args)
      },
    }))
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    await user.visit(async (s) => {
      s.set('b', 2)
      fail = true
      await expect(s.login('u1')).rejects.toThrow(StoreUnavailableError)
      fail = false
      expect(s.principal).toBeUndefined()
      expect(s.toJSON()).toEqual({ a: 1, b: 2 })
      await s.login('u1', { keep: ['a', 'b'] })
    })
    expect(await user.sees()).toEqual({ a: 1, b: 2 })
  })
})
