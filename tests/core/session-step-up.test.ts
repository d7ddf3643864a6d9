import { describe, expect, it } from 'vitest'
import {
  HeadersSentError,
  NotSignedInError,
  OptionError,
  SessionEndedError,
} from '../../src/core/errors.ts'
import { type Browser, HOUR, interleaved, MINUTE, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

async function signedIn(world: World<Data>, level?: number): Promise<Browser<Data>> {
  const user = world.browser()
  await user.visit(async (s) => {
    await s.login('u1', { level })
    s.set('a', 1)
  })
  return user
}

describe('the time and level of authentication', () => {
  it('S20 are kept, and told by every later request', async () => {
    const world = setUp<Data>()
    const { clock } = world
    const at = clock.now()
    const user = await signedIn(world, 1)
    clock.advance(4 * MINUTE)
    await user.visit((s) => s.rotate())
    const { session } = await user.request()
    expect([session.level, session.authenticatedAt]).toEqual([1, at])
  })

  it('S20 a stale authentication is refused, to the millisecond', async () => {
    const world = setUp<Data>({ idleTimeout: '6h', absoluteTimeout: '6h' })
    const user = await signedIn(world)
    const { session } = await user.request()
    expect([session.authenticatedWithin('5m'), session.authenticatedWithin(1)]).toEqual([
      true,
      true,
    ])
    world.clock.advance(5 * MINUTE)
    expect(session.authenticatedWithin('5m')).toBe(true)
    world.clock.advance(1)
    expect(session.authenticatedWithin('5m')).toBe(false)
    // Activity is no authentication.
    await user.visit((s) => s.set('b', 2))
    expect((await user.request()).session.authenticatedWithin(5 * MINUTE)).toBe(false)
  })

  it("S20 nobody's session has none, nor has one after a sign-out", async () => {
    const world = setUp<Data>()
    const user = world.browser()
    await user.visit((s) => {
      expect([s.level, s.authenticatedAt, s.authenticatedWithin('1h')]).toEqual([
        undefined,
        undefined,
        false,
      ])
      s.set('a', 1)
    })
    expect((await user.request()).session.authenticatedWithin('1h')).toBe(false)
    const { session } = await (await signedIn(world, 2)).request()
    await session.logout()
    expect([session.level, session.authenticatedWithin('1h')]).toEqual([undefined, false])
  })

  it.each(['soon', 0, -1, Number.NaN])('S15 S20 within %o is refused', async (duration) => {
    const { session } = await setUp<Data>().browser().request()
    expect(() => session.authenticatedWithin(duration as number)).toThrow(OptionError)
  })

  it.each([-1, 256, 1.5, Number.NaN, '1', null])('S15 S20 level %o is refused', async (level) => {
    const world = setUp<Data>()
    const { session } = await world.browser().request()
    const wrong = { level: level as number }
    await expect(session.login('u1', wrong)).rejects.toMatchObject({ option: 'level' })
    expect(world.engine.stats().records).toBe(0)
    await session.login('u1')
    await expect(session.stepUp(level as number)).rejects.toMatchObject({ option: 'level' })
  })
})

describe('stepUp', () => {
  it('S02 S20 gives the same session a new token, and the old one is refused at once', async () => {
    const world = setUp<Data>({ idleTimeout: '1h' })
    const user = await signedIn(world, 1)
    const planted = user.copy()
    const { session: before } = await user.request()
    world.clock.advance(30 * MINUTE)
    const header = await user.visit(async (s) => {
      s.set('b', 2)
      await s.stepUp(2)
      expect([s.level, s.authenticatedAt]).toEqual([2, world.clock.now()])
    })
    expect(header).toContain(`__Host-session=${user.token};`)
    expect(user.token).not.toBe(planted.token)
    const { session } = await user.request()
    expect([session.level, session.authenticatedWithin('1s')]).toEqual([2, true])
    expect([session.principal, session.createdAt, session.deadline]).toEqual([
      before.principal,
      before.createdAt,
      before.deadline,
    ])
    expect(session.toJSON()).toEqual({ a: 1, b: 2 })
    expect(await planted.sees()).toEqual({})
    expect(await planted.visit((s) => s.set('planted', true))).toBeUndefined()
    expect(world.announced('rejected')).toMatchObject([
      { reason: 'superseded' },
      { reason: 'superseded' },
    ])
    const [id, previousId] = [session.id, before.id]
    expect(world.announced('rotated')).toEqual([{ id, previousId }])
    expect(world.announced('step-up')).toEqual([{ id, previousId, principal: 'u1', level: 2 }])
    expect((await world.sessions.of('u1').list()).map((s) => s.id)).toEqual([id])
  })

  it("S20 of nobody's session is refused", async () => {
    const world = setUp<Data>()
    const user = world.browser()
    const { session } = await user.request()
    await expect(session.stepUp(2)).rejects.toThrow(NotSignedInError)
    session.set('a', 1)
    await session.commit()
    await expect(session.stepUp(2)).rejects.toMatchObject({ code: 'ERR_SOJOURN_NOT_SIGNED_IN' })
    await session.login('u1')
    await session.logout()
    await expect(session.stepUp(2)).rejects.toThrow(NotSignedInError)
  })

  it('S20 of a session that has ended, or after the headers, is refused', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const late = await user.request()
    late.sendHeaders()
    await expect(late.session.stepUp(2)).rejects.toThrow(HeadersSentError)
    const { session } = await user.request()
    await world.sessions.revoke(session.id ?? '')
    await expect(session.stepUp(2)).rejects.toThrow(SessionEndedError)
    await expect(session.stepUp(2)).rejects.toThrow(SessionEndedError)
    expect(world.announced('step-up')).toEqual([])
  })

  it('S20 where a rotation comes between, goes on from its successor', async () => {
    const hook: { next?: (slip: () => Promise<unknown>) => void } = {}
    const world = setUp<Data>({}, (engine) => {
      const { engine: wrapped, next } = interleaved(engine, 'rotate')
      hook.next = next
      return wrapped
    })
    const user = await signedIn(world)
    const other = user.copy()
    hook.next?.(() => other.visit((s) => s.rotate()))
    await user.visit((s) => s.stepUp(3))
    expect((await user.request()).session.level).toBe(3)
    // Neither the first token nor the one between.
    expect(await other.sees()).toEqual({})
    expect(await world.sessions.of('u1').count()).toBe(1)
  })

  it('takes along what a parallel request has stored, and drops what comes after', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const [before, after] = [await user.copy().request(), await user.copy().request()]
    const exchange = await user.request()
    before.session.set('before', true)
    await before.session.commit()
    await exchange.session.stepUp(2)
    after.session.set('after', true)
    await after.session.commit()
    await user.respond(exchange)
    expect(await user.sees()).toEqual({ a: 1, before: true })
    expect(world.announced('dropped')).toMatchObject([
      { reason: 'superseded', attributes: ['after'] },
    ])
  })

  it('S16 a sign-out with the token of before ends the session all the same', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const parallel = await user.copy().request()
    await user.visit((s) => s.stepUp(2))
    await parallel.session.logout()
    expect(await user.sees()).toEqual({})
    expect(await world.sessions.of('u1').count()).toBe(0)
  })

  it('S17 a revocation by the id of before ends it, and the same id is spared with its successor', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const { id } = (await user.request()).session
    await user.visit((s) => s.stepUp(2))
    expect(await world.sessions.of('u1').revokeAll({ except: id })).toMatchObject({ count: 0 })
    expect(await user.sees()).toEqual({ a: 1 })
    expect(await world.sessions.of('u1').revoke(id ?? '')).toBe('uncertain')
    expect(await user.sees()).toEqual({})
  })

  it('is no end to those who watch', async () => {
    const world = setUp<Data>()
    const user = await signedIn(world)
    const { session } = await user.request()
    const watch = world.sessions.watch(session)
    await user.visit((s) => s.stepUp(2))
    const { id } = (await user.request()).session
    await expect.poll(() => watch.id).toBe(id)
    expect(watch.signal.aborted).toBe(false)
    watch.close()
  })

  it('S13 leaves the absolute deadline where it is', async () => {
    const world = setUp<Data>({ idleTimeout: '50m', absoluteTimeout: '1h' })
    const user = await signedIn(world)
    world.clock.advance(40 * MINUTE)
    await user.visit((s) => s.stepUp(2))
    world.clock.advance(20 * MINUTE - 1)
    expect(await user.sees()).toEqual({ a: 1 })
    world.clock.advance(1)
    expect(await user.sees()).toEqual({})
    world.clock.advance(HOUR)
    expect(world.engine.stats().principals).toBe(0)
  })
})
