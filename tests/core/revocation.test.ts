/** Ending sessions by their public ids, of one principal and of anybody. */
import { describe, expect, it } from 'vitest'
import { interleaved, MINUTE, SECOND, setUp, type World } from './session-set-up.ts'

async function signedIn(world: World<Record<string, unknown>>, principal = 'ada') {
  const user = world.browser()
  await user.visit((s) => s.login(principal))
  const id = (await user.request()).session.id ?? ''
  return { user, id }
}

describe('S18 a principal’s session', () => {
  it('is ended by its id, and no other is', async () => {
    const world = setUp()
    const [one, other] = [await signedIn(world), await signedIn(world)]
    expect(await world.sessions.of('ada').revoke(one.id)).toBe('uncertain')
    expect((await one.user.request()).session.principal).toBeUndefined()
    expect((await other.user.request()).session.principal).toBe('ada')
    expect(world.announced('revoked')).toEqual([{ id: one.id, principal: 'ada' }])
    expect(await world.sessions.of('ada').revoke(one.id)).toBe(false)
  })

  it('of somebody else is not ended, nor what is no id', async () => {
    const world = setUp()
    const bob = await signedIn(world, 'bob')
    const anonymous = world.browser()
    await anonymous.visit((s) => s.set('a', 1))
    const nobodys = (await anonymous.request()).session.id ?? ''
    for (const id of [bob.id, nobodys, '', 'x', 'A'.repeat(25), bob.user.token ?? '']) {
      expect(await world.sessions.of('ada').revoke(id)).toBe(false)
    }
    expect((await bob.user.request()).session.principal).toBe('bob')
    expect((await anonymous.request()).session.get('a')).toBe(1)
    expect(world.announced('revoked')).toEqual([])
  })
})

describe('I1 a revocation that is acknowledged holds', () => {
  const ways = {
    'of(principal).revoke': (world: World<Record<string, unknown>>, id: string) =>
      world.sessions.of('ada').revoke(id),
    'sessions.revoke': (world: World<Record<string, unknown>>, id: string) =>
      world.sessions.revoke(id),
  }

  it.each(Object.entries(ways))('%s by the id of before two rotations', async (_, revoke) => {
    const world = setUp()
    const { user, id } = await signedIn(world)
    await user.visit((s) => s.rotate())
    await user.visit((s) => s.rotate())
    expect(await revoke(world, id)).toBe('uncertain')
    expect((await user.request()).session.principal).toBeUndefined()
    expect(await world.sessions.of('ada').list()).toEqual([])
  })

  it.each(Object.entries(ways))('%s, with a rotation between its two steps', async (_, revoke) => {
    let slip: (run: () => Promise<unknown>) => void = () => undefined
    const world = setUp({}, (engine) => {
      const hook = interleaved(engine, 'destroy')
      slip = hook.next
      return hook.engine
    })
    const { user, id } = await signedIn(world)
    slip(() => user.visit((s) => s.rotate()))
    expect(await revoke(world, id)).toBe('uncertain')
    expect((await user.request()).session.principal).toBeUndefined()
  })

  it('and one that finds nothing says so', async () => {
    const world = setUp()
    const { user, id } = await signedIn(world)
    await user.visit((s) => s.logout())
    expect(await world.sessions.revoke(id)).toBe(false)
  })
})

describe('after a login', () => {
  it('the former token sets no cookie and stores nothing for minutes', async () => {
    const world = setUp()
    const user = world.browser()
    await user.visit((s) => s.set('a', 1))
    const late = user.copy()
    await user.visit((s) => s.login('ada'))
    world.clock.advance(4 * MINUTE)
    expect(await late.visit((s) => s.set('b', 2))).toBeUndefined()
    expect(world.announced('dropped')).toHaveLength(1)
    expect((await user.request()).session.principal).toBe('ada')
  })

  it('a late logout of the former session leaves the login and its cookie', async () => {
    const world = setUp()
    const user = world.browser()
    await user.visit((s) => s.login('ada'))
    const late = user.copy()
    const leaving = await late.request()
    await user.visit((s) => s.login('ada'))
    await leaving.session.logout()
    expect(leaving.sendHeaders()).toBeUndefined()
    expect(world.announced('logout')).toEqual([])
    expect((await user.request()).session.principal).toBe('ada')
    // The marker is still there.
    expect(await late.visit((s) => s.set('b', 2))).toBeUndefined()
  })

  it('a lifetime that was set before is not carried over', async () => {
    const world = setUp()
    const user = world.browser()
    await user.visit((s) => s.set('a', 1))
    await user.visit(async (s) => {
      s.setLifetime({ idleTimeout: 5 * SECOND })
      await s.login('ada')
    })
    world.clock.advance(MINUTE)
    expect((await user.request()).session.principal).toBe('ada')
  })
})
