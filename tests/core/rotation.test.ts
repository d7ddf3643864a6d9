import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../src/core/errors.ts'
import { counter } from '../../src/core/merge.ts'
import type { Session } from '../../src/core/session.ts'
import type { CreateSessionsOptions } from '../../src/create-sessions.ts'
import type { MemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { type Browser, HOUR, MINUTE, SECOND, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

const every: CreateSessionsOptions<Data> = {
  idleTimeout: '4h',
  absoluteTimeout: '1d',
  rotateEvery: '15m',
}

/** The engine, with its calls counted. */
function counted(): { wrap: (engine: Engine) => Engine; calls: string[] } {
  const calls: string[] = []
  const wrap = (engine: Engine): Engine =>
    new Proxy(engine, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function' || !/load|commit|rotate|settle/.test(String(name)))
          return value
        return (...args: unknown[]) => {
          calls.push(String(name))
          return Reflect.apply(value, target, args) as unknown
        }
      },
    })
  return { wrap, calls }
}

async function signedIn(world: World<Data>): Promise<Browser<Data>> {
  const user = world.browser()
  await user.visit(async (s) => {
    await s.login('u1')
    s.set('a', 1)
  })
  return user
}

describe('rotateEvery', () => {
  it('gives a request whose token is as old a new one with its response, and the next not before as long', async () => {
    const world = setUp<Data>(every)
    const user = await signedIn(world)
    for (let i = 0; i < 3; i++) {
      const { token } = user
      world.clock.advance(15 * MINUTE - 1)
      expect(await user.visit()).toBeUndefined()
      world.clock.advance(1)
      expect(await user.visit()).toContain(`__Host-session=${user.token};`)
      expect(user.token).not.toBe(token)
      expect(await user.sees()).toEqual({ a: 1 })
    }
    expect(world.announced('rotated')).toHaveLength(3)
    expect(await world.sessions.of('u1').count()).toBe(1)
  })

  it('stores what the request has changed in the same step', async () => {
    const { wrap, calls } = counted()
    const world = setUp<Data>(every, wrap)
    const user = await signedIn(world)
    world.clock.advance(15 * MINUTE)
    calls.length = 0
    await user.visit((s) => s.set('b', 2))
    expect(calls).toEqual(['load', 'rotate'])
    expect(await user.sees()).toEqual({ a: 1, b: 2 })
    world.clock.advance(15 * MINUTE)
    calls.length = 0
    await user.visit((s) => s.update('b', () => 3))
    expect(calls).toEqual(['load', 'rotate'])
    expect(await user.sees()).toEqual({ a: 1, b: 3 })
  })

  it('counts from the login, the step-up and the last rotation, by the application too', async () => {
    const world = setUp<Data>(every)
    const user = world.browser()
    await user.visit((s) => s.set('a', 1))
    world.clock.advance(10 * MINUTE)
    await user.visit((s) => s.rotate())
    world.clock.advance(10 * MINUTE)
    expect(await user.visit()).toBeUndefined()
    await user.visit((s) => s.login('u1'))
    world.clock.advance(10 * MINUTE)
    await user.visit((s) => s.stepUp(2))
    world.clock.advance(15 * MINUTE - 1)
    expect(await user.visit()).toBeUndefined()
    world.clock.advance(1)
    expect(await user.visit()).toContain('__Host-session=')
  })

  it('is not done where no cookie can be set: after the headers, without a request, without a client', async () => {
    const world = setUp<Data>(every)
    const user = await signedIn(world)
    const { token } = user
    world.clock.advance(15 * MINUTE)
    const sent = await user.request()
    sent.sendHeaders()
    expect(sent.dirty).toBe(false)
    sent.session.set('b', 2)
    await sent.commit()
    const abandoned = await user.request()
    abandoned.abandon()
    expect(abandoned.dirty).toBe(false)
    const opened = await world.sessions.open(token)
    opened.set('c', 3)
    await opened.commit()
    expect(opened.token).toBe(token)
    expect(world.announced('rotated')).toEqual([])
    expect(await user.sees()).toEqual({ a: 1, b: 2, c: 3 })
  })

  it('is not done for one that comes with a former token: its answer brings the successor', async () => {
    const world = setUp<Data>({ ...every, rotateEvery: '1m' })
    const user = await signedIn(world)
    const lost = user.copy()
    world.clock.advance(MINUTE)
    await user.visit()
    world.clock.advance(2 * MINUTE)
    expect(await lost.visit()).toContain(`__Host-session=${user.token};`)
    expect(world.announced('rotated')).toHaveLength(1)
  })

  it('of parallel requests one rotates; the others write nothing and answer with the same token', async () => {
    const { wrap, calls } = counted()
    const world = setUp<Data>(every, wrap)
    const user = await signedIn(world)
    const copies = Array.from({ length: 20 }, () => user.copy())
    world.clock.advance(15 * MINUTE)
    calls.length = 0
    await Promise.all(copies.map((copy) => copy.visit()))
    expect(new Set(copies.map((copy) => copy.token)).size).toBe(1)
    expect(calls.filter((call) => call === 'rotate')).toHaveLength(1)
    expect(calls.filter((call) => call === 'commit')).toEqual([])
    expect(world.announced('rotated')).toHaveLength(1)
    expect(world.announced('conflict').length).toBeGreaterThan(0)
  })

  it('that fails fails no request that has nothing to store', async () => {
    let refusal: Error | undefined
    const world = setUp<Data>(every, (engine) => ({
      ...engine,
      rotate: async (...args) => {
        if (refusal !== undefined) throw refusal
        return engine.rotate(...args)
      },
    }))
    const user = await signedIn(world)
    world.clock.advance(15 * MINUTE)
    refusal = new StoreRefusedError('OOM', 'full')
    const exchange = await user.request()
    expect(await user.respond(exchange)).toBeUndefined()
    // The request has not failed: what it changes afterwards is stored as ever.
    expect([exchange.failed, exchange.session.get('a')]).toEqual([false, 1])
    expect(world.announced('error')).toEqual([{ operation: 'rotate', error: refusal }])
    await expect(user.visit((s) => s.set('b', 2))).rejects.toThrow(StoreRefusedError)
    refusal = undefined
    expect(await user.visit()).toContain('__Host-session=')
  })

  it('whose outcome is unknown leads on from the old token, and changes of the same request count once', async () => {
    let isLost = true
    const world = setUp<Data>({ ...every, merge: { a: counter } }, (engine) => ({
      ...engine,
      rotate: async (...args) => {
        const result = await engine.rotate(...args)
        if (isLost) throw new StoreUnavailableError('no answer', true)
        return result
      },
    }))
    const user = await signedIn(world)
    world.clock.advance(15 * MINUTE)
    expect(await user.visit()).toBeUndefined()
    expect(await user.visit((s) => s.set('a', 2))).toContain('__Host-session=')
    world.clock.advance(15 * MINUTE)
    await expect(
      user.visit(async (s) => {
        s.set('a', 3)
        await s.commit()
      }),
    ).rejects.toThrow(StoreUnavailableError)
    isLost = false
    const exchange = await user.request()
    expect(exchange.session.get('a')).toBe(3)
    await user.respond(exchange)
    expect(await user.sees()).toEqual({ a: 3 })
    expect(await world.sessions.of('u1').count()).toBe(1)
  })

  it('of a session that has ended meanwhile brings nothing back', async () => {
    const world = setUp<Data>(every)
    const user = await signedIn(world)
    world.clock.advance(15 * MINUTE)
    const exchange = await user.request()
    await world.sessions.of('u1').revokeAll()
    expect(await user.respond(exchange)).toBeUndefined()
    expect(world.engine.stats().records).toBe(0)
    expect(world.announced('dropped')).toEqual([])
    expect(exchange.session.isNew).toBe(true)
  })

  it('after a logout or a login in the request is theirs', async () => {
    const world = setUp<Data>(every)
    const user = await signedIn(world)
    world.clock.advance(15 * MINUTE)
    await user.visit((s) => s.login('u2'))
    world.clock.advance(15 * MINUTE)
    const header = await user.visit(async (s) => {
      await s.logout()
      s.set('after', 1)
    })
    expect(header).toContain('__Host-session=')
    expect(world.announced('rotated')).toEqual([])
    expect(await user.sees()).toEqual({ after: 1 })
  })

  it('is settled by a later request where the first could not', async () => {
    let fails = 1
    let asked = 0
    const world = setUp<Data>({}, (engine) => ({
      ...engine,
      settle: async (...args) => {
        asked++
        if (fails-- > 0) throw new StoreUnavailableError('no answer', true)
        return engine.settle(...args)
      },
    }))
    const user = await signedIn(world)
    const former = user.copy()
    await user.visit((s) => s.rotate())
    await user.visit()
    // Not at once: a store that is down is not asked with each request.
    await user.visit()
    expect(asked).toBe(1)
    world.clock.advance(SECOND)
    await user.visit()
    await user.visit()
    expect(asked).toBe(2)
    world.clock.advance(10 * SECOND)
    expect((await former.request()).session.isNew).toBe(true)
    expect(world.announced('token-reuse')).toHaveLength(1)
    expect(world.announced('error')).toMatchObject([{ operation: 'settle' }])
  })

  it('that is being settled at the end is waited for, and is no error where it fails then', async () => {
    for (const fails of [false, true]) {
      const acts: string[] = []
      const world = setUp<Data>({}, (engine) => ({
        ...engine,
        settle: async () => {
          await new Promise((resolve) => setTimeout(resolve, 10))
          acts.push('settled')
          if (fails) throw new StoreUnavailableError('it is closed', false)
        },
        close: async () => void acts.push('closed'),
      }))
      const user = await signedIn(world)
      await user.visit((s) => s.rotate())
      await user.visit()
      await world.sessions.close()
      await new Promise((resolve) => setImmediate(resolve))
      expect(acts).toEqual(['settled', 'closed'])
      expect(world.announced('error')).toEqual([])
    }
  })

  it('asks the store nothing in between, once the forward has been settled', async () => {
    const { wrap, calls } = counted()
    const world = setUp<Data>(every, wrap)
    const user = await signedIn(world)
    world.clock.advance(15 * MINUTE)
    await user.visit()
    calls.length = 0
    for (let i = 0; i < 10; i++) {
      await user.sees()
      await world.sessions.open(user.token)
    }
    await user.visit((s) => s.set('b', 2))
    await user.sees()
    expect(calls).toEqual(['settle', 'commit'])
  })
})

describe('a request that outlasts its token', () => {
  it('stores what it has, and is not told the successor', async () => {
    const world = setUp<Data>({ rotationGrace: '10s' })
    const user = await signedIn(world)
    const slow = await user.copy().request()
    await user.visit((s) => s.rotate())
    await user.sees()
    world.clock.advance(MINUTE)
    slow.session.set('slow', true)
    await slow.commit()
    expect([slow.session.get('slow'), slow.session.token]).toEqual([true, undefined])
    await slow.session.rotate()
    expect(slow.sendHeaders()).toBeUndefined()
    expect(await user.sees()).toEqual({ a: 1, slow: true })
    expect(world.announced('token-reuse')).toEqual([])
  })

  it('sees the session when it reads it anew, is not told either, and gets a token of its own by a login', async () => {
    const world = setUp<Data>({ rotationGrace: '10s' })
    const user = await signedIn(world)
    const browser = user.copy()
    const slow = await browser.request()
    await user.visit(async (s) => {
      s.set('b', 2)
      await s.rotate()
    })
    await user.sees()
    world.clock.advance(MINUTE)
    await slow.session.refresh()
    expect([slow.session.get('b'), slow.session.token]).toEqual([2, undefined])
    await slow.session.login('u2')
    expect(await browser.respond(slow)).toContain(`__Host-session=${slow.session.token};`)
  })

  it('S16 signs the session out all the same', async () => {
    const world = setUp<Data>({ rotationGrace: '10s' })
    const user = await signedIn(world)
    const slow = await user.copy().request()
    await user.visit((s) => s.rotate())
    await user.sees()
    world.clock.advance(30 * MINUTE - SECOND)
    await slow.session.logout()
    expect(await user.sees()).toEqual({})
  })

  it('S17 and a revocation by its id reaches the session, within the grace and after it', async () => {
    const world = setUp<Data>({ rotationGrace: '10s', idleTimeout: '12h', reuseWindow: '1h' })
    for (const after of [0, 10 * SECOND, HOUR - 1]) {
      const user = await signedIn(world)
      const { id } = (await user.request()).session
      await user.visit((s) => s.rotate())
      await user.sees()
      world.clock.advance(after)
      expect(await world.sessions.of('u1').revoke(id ?? '')).toBe('uncertain')
      expect(await user.sees()).toEqual({})
    }
  })

  it('is no end to those who watch, whatever becomes of the forward', async () => {
    const world = setUp<Data>({ rotationGrace: '10s', idleTimeout: '12h' })
    const user = await signedIn(world)
    const { session } = await user.request()
    const watch = world.sessions.watch(session)
    const { signal } = session
    await user.visit((s) => s.rotate())
    const { id } = (await user.request()).session
    await expect.poll(() => watch.id).toBe(id)
    world.clock.advance(2 * HOUR)
    await user.sees()
    await new Promise((resolve) => setImmediate(resolve))
    expect([watch.signal.aborted, signal.aborted]).toEqual([false, false])
    await world.sessions.revoke(id ?? '')
    await expect.poll(() => watch.signal.aborted && signal.aborted).toBe(true)
  })
})

describe('reuse of a former token', () => {
  async function stolen(
    options: CreateSessionsOptions<Data>,
    wrap?: (engine: MemoryEngine) => Engine,
  ) {
    const given = { idleTimeout: '12h', rotationGrace: '10s', ...options } as const
    const world = setUp<Data>(given, wrap)
    const user = await signedIn(world)
    const thief = user.copy()
    const formerId = (await user.request()).session.id
    await user.visit((s) => s.rotate())
    const { id } = (await user.request()).session
    return { world, user, thief, id, formerId }
  }

  it('is reported, opens nothing, sets no cookie and clears none', async () => {
    const { world, user, thief, id, formerId } = await stolen({})
    world.clock.advance(10 * SECOND)
    expect(await thief.visit((s) => s.set('planted', 1))).toBeUndefined()
    expect(world.announced('token-reuse')).toEqual([{ id, formerId, principal: 'u1' }])
    expect(world.announced('rejected')).toEqual([{ id: formerId, reason: 'reused' }])
    expect(await thief.visit((s) => s.logout())).toBeUndefined()
    expect(await user.sees()).toEqual({ a: 1 })
    expect(world.announced('revoked')).toEqual([])
  })

  it('is told of once, however often that token comes, and of the next token again', async () => {
    const { world, user, thief, id, formerId } = await stolen({})
    const later = user.copy()
    world.clock.advance(10 * SECOND)
    await Promise.all([thief.sees(), thief.sees()])
    expect(await thief.sees()).toEqual({})
    expect(world.announced('token-reuse')).toEqual([{ id, formerId, principal: 'u1' }])
    expect(world.announced('rejected')).toHaveLength(3)
    await user.visit((s) => s.rotate())
    await user.sees()
    world.clock.advance(10 * SECOND)
    await later.sees()
    expect(world.announced('token-reuse')).toMatchObject([{ formerId }, { formerId: id }])
  })

  it('with tokenReuse: end ends it also where the first attempt has failed', async () => {
    let failures = 0
    const { world, user, thief } = await stolen({ tokenReuse: 'end' }, (engine) => ({
      ...engine,
      destroy: (...args) => {
        if (failures++ === 0) throw new StoreUnavailableError('not today', false)
        return engine.destroy(...args)
      },
    }))
    world.clock.advance(10 * SECOND)
    await expect(thief.sees()).rejects.toThrow(StoreUnavailableError)
    expect(await thief.sees()).toEqual({})
    expect(await user.sees()).toEqual({})
    expect(world.announced('token-reuse')).toHaveLength(1)
    expect(world.announced('revoked')).toHaveLength(1)
  })

  it('with tokenReuse: end ends the session, wherever it has gone since', async () => {
    const { world, user, thief, formerId } = await stolen({ tokenReuse: 'end' })
    for (let i = 0; i < 3; i++) {
      world.clock.advance(MINUTE)
      await user.visit((s) => s.rotate())
    }
    const { id } = (await user.request()).session
    expect(await thief.sees()).toEqual({})
    expect(await user.sees()).toEqual({})
    expect(world.announced('token-reuse')).toEqual([{ id, formerId, principal: 'u1' }])
    expect(world.announced('revoked')).toEqual([{ id, principal: 'u1' }])
    expect(await world.sessions.of('u1').count()).toBe(0)
    // There is nothing any more that could be reused.
    expect(await thief.sees()).toEqual({})
    expect(world.announced('token-reuse')).toHaveLength(1)
  })

  it('is not seen beyond the window, nor without one', async () => {
    for (const [reuseWindow, after] of [
      ['1h', HOUR],
      [false, 5 * MINUTE],
    ] as const) {
      const { world, user, thief } = await stolen({ reuseWindow })
      world.clock.advance(after)
      expect(await thief.sees()).toEqual({})
      expect(world.announced('token-reuse')).toEqual([])
      expect(await user.sees()).toEqual({ a: 1 })
      expect(world.engine.stats().records).toBe(1)
    }
  })

  it('of an own old copy is no lasting obstacle: minutes later the browser is a new one', async () => {
    const { world, thief } = await stolen({})
    world.clock.advance(10 * SECOND + 5 * MINUTE)
    expect(await thief.visit((s) => s.set('csrf', 'x'))).toContain('__Host-session=')
    expect(await thief.sees()).toEqual({ csrf: 'x' })
  })

  it('does not keep anybody from signing in', async () => {
    const { world, thief } = await stolen({})
    world.clock.advance(10 * SECOND)
    expect(await thief.visit((s) => s.login('u2'))).toContain('__Host-session=')
    expect((await thief.request()).session.principal).toBe('u2')
  })

  it('leaves no forward beyond the deadline of its session', async () => {
    const world = setUp<Data>({ idleTimeout: '10m', absoluteTimeout: '20m', reuseWindow: '1d' })
    const user = await signedIn(world)
    await user.visit((s) => s.rotate())
    world.clock.advance(20 * MINUTE)
    await world.browser().visit((s) => s.set('x', 1))
    expect(world.engine.stats().records).toBe(1)
  })
})

describe('setLifetime', () => {
  it("of a principal's session rotates with a forward that waits as others do", async () => {
    const world = setUp<Data>({ rotationGrace: '10s' })
    const user = await signedIn(world)
    const lost = user.copy()
    await user.visit((s) => s.setLifetime({ idleTimeout: '20m' }))
    expect(user.token).not.toBe(lost.token)
    world.clock.advance(4 * MINUTE)
    expect(await lost.visit()).toContain(`__Host-session=${user.token};`)
  })

  it('called by requests with a former token, one after the other or at once, rotates once', async () => {
    for (const isAtOnce of [false, true]) {
      const world = setUp<Data>({ rotationGrace: '10s' })
      const user = await signedIn(world)
      const copies = Array.from({ length: 4 }, () => user.copy())
      await user.visit((s) => s.rotate())
      const longer = (copy: Browser<Data>, n: number) =>
        copy.visit((s) => {
          s.set(`n${n}`, n)
          s.setLifetime({ idleTimeout: '20m', absoluteTimeout: '3h', persistent: true })
        })
      if (isAtOnce) await Promise.all(copies.map(longer))
      else for (const [n, copy] of copies.entries()) await longer(copy, n)
      expect(world.announced('rotated')).toHaveLength(2)
      expect(new Set(copies.map(({ token }) => token)).size).toBe(1)
      const { session } = await (copies[0] as Browser<Data>).request()
      expect(session.toJSON()).toEqual({ a: 1, n0: 0, n1: 1, n2: 2, n3: 3 })
      const end = session.createdAt ?? 0
      expect([session.expiresAt, session.deadline]).toEqual([end + 20 * MINUTE, end + 3 * HOUR])
    }
  })

  it('holds though another request has rotated, or set another lifetime, meanwhile', async () => {
    for (const meanwhile of [
      (s: Session<Data>) => s.rotate(),
      (s: Session<Data>) => s.setLifetime({ absoluteTimeout: '5h' }),
    ]) {
      const world = setUp<Data>({ rotationGrace: '10s' })
      const user = await signedIn(world)
      const slow = await user.copy().request()
      await user.visit(meanwhile)
      slow.session.setLifetime({ absoluteTimeout: '3h' })
      await slow.commit()
      const { session } = await user.request()
      expect((session.deadline ?? 0) - (session.createdAt ?? 0)).toBe(3 * HOUR)
    }
  })

  it.each([true, false])(
    'while a commit is under way holds (of a stored session: %s)',
    async (isStored) => {
      const world = setUp<Data>()
      const user = world.browser()
      if (isStored) await user.visit((s) => s.set('a', 1))
      await user.visit(async (s) => {
        s.set('a', 2)
        const commit = s.commit()
        s.setLifetime({ absoluteTimeout: '5h' })
        await commit
      })
      const { session } = await user.request()
      expect((session.deadline ?? 0) - (session.createdAt ?? 0)).toBe(5 * HOUR)
    },
  )

  it('with other lifetimes by requests at once ends with one of them, and its entry says the same', async () => {
    const world = setUp<Data>({ rotationGrace: '10s' })
    const user = await signedIn(world)
    const copies = [user.copy(), user.copy()]
    await Promise.all(
      copies.map((copy, n) => copy.visit((s) => s.setLifetime({ absoluteTimeout: `${n + 1}h` }))),
    )
    const { session } = await user.request()
    expect([HOUR, 2 * HOUR]).toContain((session.deadline ?? 0) - (session.createdAt ?? 0))
    const [listed] = await world.sessions.of('u1').list()
    expect(listed?.deadline).toBe(session.deadline)
  })
})

describe('S15 options', () => {
  it.each([
    ['rotateEvery', { rotateEvery: 0 }],
    ['rotateEvery', { rotateEvery: 'often' }],
    ['rotateEvery', { rotateEvery: true }],
    ['rotationPatience', { rotationPatience: '1s' }],
    ['rotationPatience', { rotationPatience: Number.NaN }],
    ['reuseWindow', { reuseWindow: -1 }],
    ['tokenReuse', { tokenReuse: 'kill' }],
    ['tokenReuse', { tokenReuse: 'end', reuseWindow: false }],
  ])('%s of %j is refused at start', (option, options) => {
    expect(() => setUp<Data>(options as CreateSessionsOptions<Data>)).toThrow(
      expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option }),
    )
  })

  it('a long grace makes for as long a patience', async () => {
    const world = setUp<Data>({ rotationGrace: '20m', idleTimeout: '1h' })
    const user = await signedIn(world)
    const late = user.copy()
    await user.visit((s) => s.rotate())
    world.clock.advance(20 * MINUTE - 1)
    expect(await late.sees()).toEqual({ a: 1 })
  })
})
