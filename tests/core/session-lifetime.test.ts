import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import { HeadersSentError, OptionError } from '../../src/core/errors.ts'
import { HOUR, MINUTE, SECOND, setUp } from './session-set-up.ts'

type Data = Record<string, unknown>

const options = { idleTimeout: '30m', absoluteTimeout: '2h' } as const

/** The engine, with the calls of `touch` counted. */
function counting(): { wrap: (engine: Engine) => Engine; touches: number[] } {
  const touches: number[] = []
  return {
    touches,
    wrap: (engine) => ({
      ...engine,
      touch: (id, base, ttl) => {
        touches.push(ttl)
        return engine.touch(id, base, ttl)
      },
    }),
  }
}

describe('the idle timeout', () => {
  it('S14 a kept token is refused from that moment on', async () => {
    const { browser, clock, announced } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const thief = user.copy()
    clock.advance(30 * MINUTE - 1)
    expect(await thief.sees()).toEqual({ a: 1 })
    clock.advance(1)
    expect(await thief.sees()).toEqual({})
    expect(announced('rejected')).toEqual([{ id: expect.any(String), reason: 'absent' }])
  })

  it('S14 is renewed by a change, whatever the session had left', async () => {
    const { browser, clock } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('n', 0))
    for (let i = 1; i <= 3; i++) {
      clock.advance(29 * MINUTE)
      await user.visit((s) => s.set('n', i))
    }
    expect(await user.sees()).toEqual({ n: 3 })
  })

  it('S14 ends a session in use when the record has gone meanwhile: nothing comes back', async () => {
    const { browser, clock, engine, announced } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const slow = await user.request()
    clock.advance(30 * MINUTE)
    slow.session.set('a', 2)
    expect(await user.respond(slow)).toBeUndefined()
    expect(engine.stats().records).toBe(0)
    expect(announced('dropped')).toEqual([
      { id: expect.any(String), reason: 'ended', attributes: ['a'] },
    ])
  })
})

describe('renewal by activity', () => {
  it('asks the engine for nothing before 10 % of the idle timeout, and once after', async () => {
    const { wrap, touches } = counting()
    const { browser, clock } = setUp<Data>(options, wrap)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const failures: unknown[] = []
    const activity = async (): Promise<void> => {
      const exchange = await user.request()
      await user.respond(exchange)
      exchange.afterResponse((error) => failures.push(error))
    }
    await activity()
    clock.advance(3 * MINUTE - 1)
    await activity()
    expect(touches).toEqual([])
    clock.advance(1)
    await activity()
    await activity()
    expect(touches).toEqual([30 * MINUTE])
    expect(failures).toEqual([])
  })

  it('S13 a loop of touches never reaches past the absolute deadline', async () => {
    const { wrap, touches } = counting()
    const { browser, clock, engine } = setUp<Data>(options, wrap)
    const user = browser()
    const start = clock.now()
    await user.visit((s) => s.set('a', 1))
    const id = (await user.request()).session.id ?? ''
    for (let minutes = 0; minutes < 120; minutes++) {
      const { session } = await user.request()
      expect(session.get('a')).toBe(1)
      await session.touch()
      const left = start + 2 * HOUR - clock.now()
      const ttl = (await engine.load(id))?.ttl ?? 0
      expect(ttl).toBe(Math.min(30 * MINUTE, left))
      clock.advance(MINUTE)
    }
    expect(clock.now()).toBe(start + 2 * HOUR)
    expect(await user.sees()).toEqual({})
    expect(await engine.load(id)).toBeUndefined()
    expect(touches).toHaveLength(120)
  })

  it('S13 nor does a loop of commits, rotations and updates', async () => {
    const { browser, clock, engine } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('n', 0))
    for (let minutes = 0; minutes < 120; minutes += 10) {
      await user.visit((s) => s.set('n', minutes))
      await user.visit((s) => s.update('n', (n) => Number(n) + 1))
      await user.visit((s) => s.rotate())
      clock.advance(10 * MINUTE)
    }
    // Each call clears some of what has expired away: the session, and the forwards of its rotations.
    for (let i = 0; i < 4; i++) expect(await user.sees()).toEqual({})
    expect(engine.stats().records).toBe(0)
  })

  it('S13 the deadline holds though the store has kept the record', async () => {
    // As after a wrong PEXPIRE or a restored backup.
    const { browser, clock, engine } = setUp<Data>(options, (inner) => ({
      ...inner,
      create: (id, record, _ttl, owner) => inner.create(id, record, 9 * HOUR, owner),
    }))
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    clock.advance(2 * HOUR - 1)
    expect(await user.sees()).toEqual({ a: 1 })
    const slow = await user.request()
    clock.advance(1)
    expect(engine.stats().records).toBe(1)
    expect(await user.sees()).toEqual({})
    slow.session.set('a', 2)
    await user.respond(slow)
    expect(slow.session.isNew).toBe(true)
  })

  it('on a session that has ended brings nothing back', async () => {
    const { browser, sessions, engine } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const { session } = await user.request()
    await sessions.revoke(session.id ?? '')
    await session.touch()
    expect(engine.stats().records).toBe(0)
  })
})

describe('setLifetime', () => {
  it('gives one session other timeouts, without a change of anything else', async () => {
    const { browser, clock } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const start = clock.now()
    clock.advance(10 * MINUTE)
    const token = user.token
    await user.visit((s) => {
      s.setLifetime({ idleTimeout: '5m', absoluteTimeout: '1h' })
      expect(s.dirty).toBe(true)
    })
    expect(user.token).toBe(token)
    const { session } = await user.request()
    expect(session.deadline).toBe(start + HOUR)
    expect(session.expiresAt).toBe(clock.now() + 5 * MINUTE)
    clock.advance(5 * MINUTE)
    expect(await user.sees()).toEqual({})
  })

  it('counts for a session that is not stored yet', async () => {
    const { browser, clock } = setUp<Data>(options)
    const user = browser()
    const header = await user.visit((s) => {
      s.setLifetime({ idleTimeout: '10s', absoluteTimeout: '30s', persistent: true })
      s.set('a', 1)
    })
    expect(header).toContain('; Max-Age=30;')
    const { session } = await user.request()
    expect(session.expiresAt).toBe(clock.now() + 10 * SECOND)
    expect(session.deadline).toBe(clock.now() + 30 * SECOND)
  })

  it('switches the lasting cookie on and off', async () => {
    const { browser } = setUp<Data>(options)
    const user = browser()
    expect(await user.visit((s) => s.set('a', 1))).not.toContain('Max-Age')
    const on = await user.visit((s) => s.setLifetime({ persistent: true }))
    expect(on).toContain(`__Host-session=${user.token}; Max-Age=7200; Path=/`)
    expect(await user.visit((s) => s.set('a', 2))).toBeUndefined()
    const off = await user.visit((s) => s.setLifetime({ persistent: false }))
    expect(off).toBe(`__Host-session=${user.token}; Path=/; HttpOnly; SameSite=Lax; Secure`)
  })

  it("rotates a principal's session, because its entry in the index is written anew", async () => {
    const { browser, sessions, clock } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.login('u1'))
    const old = user.copy()
    await user.visit((s) => s.setLifetime({ absoluteTimeout: '3h' }))
    expect(user.token).not.toBe(old.token)
    expect(await sessions.of('u1').list()).toMatchObject([{ deadline: clock.now() + 3 * HOUR }])
  })

  it.each([
    { idleTimeout: 0 },
    { idleTimeout: '5x' },
    { absoluteTimeout: -1 },
    { absoluteTimeout: Number.NaN },
    { absoluteTimeout: '401d' },
  ])('S15 %j is refused, and changes nothing', async (lifetime) => {
    const { browser } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    await user.visit((s) => {
      expect(() => s.setLifetime(lifetime as object)).toThrow(OptionError)
      expect(s.dirty).toBe(false)
    })
  })

  it('is refused once the headers are out: the cookie could not follow', async () => {
    const { browser } = setUp<Data>(options)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    const exchange = await user.request()
    await user.respond(exchange)
    expect(() => exchange.session.setLifetime({ persistent: true })).toThrow(HeadersSentError)
    await expect(exchange.session.login('u1')).rejects.toThrow(HeadersSentError)
    await expect(exchange.session.rotate()).rejects.toThrow(HeadersSentError)
  })
})
