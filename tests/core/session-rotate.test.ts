import { describe, expect, it } from 'vitest'
import { SessionEndedError } from '../../src/core/errors.ts'
import {
  type Browser,
  interleaved,
  MINUTE,
  SECOND,
  type Slip,
  setUp,
  type World,
} from './session-set-up.ts'

type Data = Record<string, unknown>

/** Sessions, and a hook to let something happen before the next call of an engine's method. */
function hooked(method: 'destroy' | 'rotate' | 'commit'): {
  world: World<Data>
  before: (slip: Slip) => void
} {
  let next: (slip: Slip) => void = () => undefined
  const world = setUp<Data>({ rotationGrace: '10s' }, (engine) => {
    const hook = interleaved(engine, method)
    next = hook.next
    return hook.engine
  })
  return { world, before: (slip) => next(slip) }
}

async function signedIn(world: World<Data>): Promise<Browser<Data>> {
  const user = world.browser()
  await user.visit(async (s) => {
    await s.login('u1')
    s.set('a', 1)
  })
  return user
}

describe('rotate', () => {
  it('gives the same session a new token, and stores what is pending', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const { session: before } = await user.request()
    const old = user.copy()
    const header = await user.visit(async (s) => {
      s.set('b', 2)
      await s.rotate()
    })
    expect(header).toContain(`__Host-session=${user.token};`)
    expect(user.token).not.toBe(old.token)
    const { session } = await user.request()
    expect(session.id).not.toBe(before.id)
    expect(session.toJSON()).toEqual({ a: 1, b: 2 })
    expect([
      session.principal,
      session.createdAt,
      session.deadline,
      session.authenticatedAt,
    ]).toEqual([before.principal, before.createdAt, before.deadline, before.authenticatedAt])
    expect(world.announced('rotated')).toEqual([{ id: session.id, previousId: before.id }])
    expect((await world.sessions.of('u1').list()).map((s) => s.id)).toEqual([session.id])
  })

  it('leads everybody with the old token to the same successor while nobody uses that, then nowhere', async () => {
    const world = setUp<Data>({ rotationPatience: '5m' })
    const user = await signedIn(world)
    const late = [user.copy(), user.copy(), user.copy()]
    const tooLate = user.copy()
    await user.visit((s) => s.rotate())
    world.clock.advance(5 * MINUTE - 1)
    for (const browser of late) {
      const header = await browser.visit((s) => expect(s.get('a')).toBe(1))
      expect(header).toContain(`__Host-session=${user.token};`)
      expect(browser.token).toBe(user.token)
    }
    world.clock.advance(1)
    expect(await tooLate.sees()).toEqual({})
    expect(await user.sees()).toEqual({ a: 1 })
    // Nobody had the successor: no alarm.
    expect(world.announced('rejected')).toMatchObject([{ reason: 'absent' }])
    expect(world.announced('token-reuse')).toEqual([])
  })

  it('leads them for the grace from the first use of the successor on, and never longer than before', async () => {
    const world = setUp<Data>({ rotationGrace: '10s', rotationPatience: '5m' })
    for (const [after, left] of [
      [0, 10 * SECOND],
      [4 * MINUTE, 10 * SECOND],
      [5 * MINUTE - SECOND, SECOND],
    ] as const) {
      const user = await signedIn(world)
      const [late, tooLate] = [user.copy(), user.copy()]
      await user.visit((s) => s.rotate())
      world.clock.advance(after)
      await user.sees()
      world.clock.advance(left - 1)
      // Further uses change nothing, and the former token is none.
      await user.sees()
      expect(await late.sees()).toEqual({ a: 1 })
      world.clock.advance(1)
      expect(await tooLate.sees()).toEqual({})
      expect(await user.sees()).toEqual({ a: 1 })
    }
    expect(world.announced('error')).toEqual([])
  })

  it('makes a chain that is followed to its end', async () => {
    const world = setUp<Data>({ rotationGrace: '1m' })
    const user = await signedIn(world)
    const first = user.copy()
    for (let i = 0; i < 64; i++) await user.visit((s) => s.rotate())
    expect(await first.visit((s) => expect(s.get('a')).toBe(1))).toContain(user.token)
    expect(first.token).toBe(user.token)
  })

  it('makes a chain of 65 that is not followed, without a loop or an error', async () => {
    const world = setUp<Data>({ rotationGrace: '1m' })
    const user = await signedIn(world)
    const first = user.copy()
    for (let i = 0; i < 65; i++) await user.visit((s) => s.rotate())
    expect(await first.sees()).toEqual({})
    expect(await user.sees()).toEqual({ a: 1 })
  })

  it('I3 a commit under the old token lands on the successor', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const slow = user.copy()
    const exchange = await slow.request()
    await user.visit((s) => s.rotate())
    exchange.session.set('slow', true)
    expect(await slow.respond(exchange)).toContain(`__Host-session=${user.token};`)
    expect(await user.sees()).toEqual({ a: 1, slow: true })
    expect(world.announced('conflict')).toHaveLength(1)
  })

  it('I3 of two rotations at once neither change is lost and both browsers go on', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const [one, two] = [user.copy(), user.copy()]
    await Promise.all([
      one.visit(async (s) => {
        s.set('one', 1)
        await s.rotate()
      }),
      two.visit(async (s) => {
        s.set('two', 2)
        await s.rotate()
      }),
    ])
    for (const browser of [one, two, user]) {
      expect(await browser.sees()).toEqual({ a: 1, one: 1, two: 2 })
    }
    expect(await world.sessions.of('u1').list()).toHaveLength(1)
  })

  it('of a session that has ended throws SessionEndedError and brings nothing back', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const exchange = await user.request()
    await world.sessions.revoke(exchange.session.id ?? '')
    exchange.session.set('b', 2)
    await expect(exchange.session.rotate()).rejects.toThrow(SessionEndedError)
    await expect(exchange.session.rotate()).rejects.toThrow(SessionEndedError)
    expect(world.engine.stats().records).toBe(0)
    expect(await user.respond(exchange)).toBeUndefined()
    expect(world.announced('dropped')).toMatchObject([{ reason: 'ended', attributes: ['b'] }])
  })
})

describe('logout', () => {
  it('S16 ends the session: every copy of the token is refused, and the cookie is cleared', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const thief = user.copy()
    const { id } = (await user.request()).session
    const header = await user.visit(async (s) => {
      await s.logout()
      expect([s.isNew, s.principal, s.names()]).toEqual([true, undefined, []])
    })
    expect(header).toBe(
      '__Host-session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax; Secure',
    )
    expect(await thief.sees()).toEqual({})
    expect(world.engine.stats()).toMatchObject({ records: 0, principals: 0 })
    expect(world.announced('logout')).toEqual([{ id, principal: 'u1' }])
  })

  it('S16 a slow request that writes afterwards brings nothing back', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const slow = await user.copy().request()
    await user.visit((s) => s.logout())
    slow.session.set('slow', true)
    await slow.session.commit()
    await slow.session.touch()
    await expect(slow.session.rotate()).rejects.toThrow(SessionEndedError)
    expect(slow.session.isNew).toBe(true)
    expect(world.engine.stats().records).toBe(0)
    expect(world.announced('dropped')).toMatchObject([{ reason: 'ended', attributes: ['slow'] }])
    // Nor later in the same request.
    slow.session.set('again', true)
    await slow.session.commit()
    expect(world.engine.stats().records).toBe(0)
  })

  it('S16 reaches the successor of a rotation that came between', async () => {
    const { world, before } = hooked('destroy')
    const user = await signedIn(world)
    const parallel = user.copy()
    const exchange = await user.request()
    before(() => parallel.visit((s) => s.rotate()))
    await exchange.session.logout()
    await user.respond(exchange)
    expect(await parallel.sees()).toEqual({})
    expect(await world.sessions.of('u1').list()).toEqual([])
  })

  it('S16 reaches the successor with the token of before the rotation', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const old = await user.copy().request()
    await user.visit((s) => s.rotate())
    await old.session.logout()
    expect(await user.sees()).toEqual({})
  })

  it('S16 a rotation that comes after it makes no successor', async () => {
    const { world, before } = hooked('rotate')
    const user = await signedIn(world)
    const parallel = user.copy()
    const exchange = await user.request()
    before(() => parallel.visit((s) => s.logout()))
    await expect(exchange.session.rotate()).rejects.toThrow(SessionEndedError)
    expect(world.engine.stats().records).toBe(0)
  })

  it('S16 goes through whatever was written between', async () => {
    const { world, before } = hooked('destroy')
    const user = await signedIn(world)
    const parallel = user.copy()
    const exchange = await user.request()
    before(() => parallel.visit((s) => s.set('b', 2)))
    await exchange.session.logout()
    expect(world.engine.stats().records).toBe(0)
  })

  it('is announced once, however often it is called', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const other = await user.copy().request()
    await user.visit((s) => Promise.all([s.logout(), s.logout()]))
    await other.session.logout()
    expect(world.announced('logout')).toHaveLength(1)
  })

  it('drops what was pending', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    await user.visit(async (s) => {
      s.set('pending', 1)
      const list: number[] = []
      s.set('list', list)
      await s.logout()
      list.push(1)
      expect(s.dirty).toBe(false)
    })
    world.clock.advance(MINUTE)
    expect(world.engine.stats().records).toBe(0)
  })
})
