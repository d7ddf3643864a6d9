import { describe, expect, it } from 'vitest'
import { OptionError, SessionLimitError } from '../../src/core/errors.ts'
import type { MaxSessions } from '../../src/core/limit.ts'
import { type Browser, MINUTE, setUp } from './session-set-up.ts'

type Data = Record<string, unknown>

/** Whether each of them is signed in. */
async function signedIn(...users: Browser<Data>[]): Promise<boolean[]> {
  return Promise.all(
    users.map(async (user) => (await user.request()).session.principal !== undefined),
  )
}

describe('S19 maxSessions', () => {
  it('at the limit the oldest session ends, and who watches it is told', async () => {
    const { browser, sessions, clock, announced } = setUp<Data>({ maxSessions: 2 })
    const [a, b, c] = [browser(), browser(), browser()]
    const ids: (string | undefined)[] = []
    for (const user of [a, b]) {
      await user.visit((s) => s.login('u1'))
      ids.push((await user.request()).session.id)
      clock.advance(1)
    }
    const watch = sessions.watch(ids[0] as string)
    await c.visit((s) => s.login('u1'))
    expect(await signedIn(a, b, c)).toEqual([false, true, true])
    expect(watch.signal.aborted).toBe(true)
    watch.close()
    const by = (await c.request()).session.id
    expect(announced('evicted')).toEqual([{ id: ids[0], principal: 'u1', by }])
    expect(await sessions.of('u1').count()).toBe(2)
    // Another principal's do not count.
    await a.visit((s) => s.login('u2'))
    expect(await signedIn(a, b, c)).toEqual([true, true, true])
  })

  it('evict-idle: the longest unused ends', async () => {
    const limit: MaxSessions = { max: 2, policy: 'evict-idle' }
    const { browser, clock } = setUp<Data>({ maxSessions: limit, touchAfter: 0 })
    const [a, b, c] = [browser(), browser(), browser()]
    for (const user of [a, b]) {
      await user.visit((s) => s.login('u1'))
      clock.advance(MINUTE)
    }
    await a.visit((s) => s.touch())
    clock.advance(MINUTE)
    await c.visit((s) => s.login('u1'))
    expect(await signedIn(a, b, c)).toEqual([true, false, true])
  })

  it('reject: the login is refused, and the session before stays with its changes', async () => {
    const { browser, engine, announced } = setUp<Data>({
      maxSessions: { max: 1, policy: 'reject' },
    })
    const [first, second] = [browser(), browser()]
    await first.visit((s) => s.login('u1'))
    await second.visit((s) => s.set('cart', [1]))
    const [{ token }, records] = [second, engine.stats().records]
    await second.visit(async (s) => {
      s.set('step', 2)
      const error = await s.login('u1', { keep: ['cart'] }).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(SessionLimitError)
      expect(error).toMatchObject({
        ...{ code: 'ERR_SOJOURN_SESSION_LIMIT', status: 409, max: 1, kind: undefined },
        message: expect.not.stringContaining('u1') as string,
      })
      expect(s.toJSON()).toEqual({ cart: [1], step: 2 })
    })
    expect(second.token).toBe(token)
    expect(await second.sees()).toEqual({ cart: [1], step: 2 })
    expect(engine.stats().records).toBe(records)
    expect(await signedIn(first, second)).toEqual([true, false])
    expect(announced('login')).toHaveLength(1)
    await first.visit((s) => s.logout())
    await second.visit((s) => s.login('u1', { keep: ['cart'] }))
    expect(await second.sees()).toEqual({ cart: [1] })
  })

  it('a login that replaces a session of the same principal is not one too many', async () => {
    for (const policy of ['reject', 'evict-oldest', 'evict-idle'] as const) {
      const { browser, announced, sessions } = setUp<Data>({ maxSessions: { max: 2, policy } })
      const [a, b] = [browser(), browser()]
      for (const user of [a, b]) await user.visit((s) => s.login('u1'))
      for (let i = 0; i < 3; i++) await a.visit((s) => s.login('u1'))
      // Also when the request came in before a rotation.
      const exchange = await a.request()
      await a.visit((s) => s.rotate())
      await exchange.session.login('u1')
      await a.respond(exchange)
      expect(await signedIn(a, b)).toEqual([true, true])
      expect(announced('evicted')).toEqual([])
      expect(await sessions.of('u1').count()).toBe(2)
    }
  })

  it('kinds have limits of their own beside that of all', async () => {
    const { browser, sessions, clock } = setUp<Data>({
      maxSessions: { max: 3, kinds: { mobile: 1 } },
    })
    const [web, phone, tablet] = [browser(), browser(), browser()]
    const [tv, other] = [browser(), browser()]
    const logins: [Browser<Data>, string | undefined][] = [
      [web, 'web'],
      [phone, 'mobile'],
      [tablet, 'mobile'],
      [tv, 'tv'],
      [other, undefined],
    ]
    const seen: boolean[][] = []
    for (const [user, kind] of logins) {
      await user.visit((s) => s.login('u1', { kind }))
      clock.advance(1)
      seen.push(await signedIn(web, phone, tablet, tv, other))
    }
    expect(seen[2]).toEqual([true, false, true, false, false])
    expect(seen[3]).toEqual([true, false, true, true, false])
    expect(seen[4]).toEqual([false, false, true, true, true])
    const kinds = (await sessions.of('u1').list()).map(({ kind }) => kind)
    expect(kinds).toEqual(['mobile', 'tv', undefined])
  })

  it('says which kind it is that is full', async () => {
    const maxSessions: MaxSessions = { max: 3, policy: 'reject', kinds: { mobile: 1 } }
    const { browser } = setUp<Data>({ maxSessions })
    await browser().visit((s) => s.login('u1', { kind: 'mobile' }))
    await browser().visit(async (s) => {
      const refused = s.login('u1', { kind: 'mobile' })
      await expect(refused).rejects.toMatchObject({ max: 1, kind: 'mobile' })
      await s.login('u1', { kind: 'toString' })
    })
  })

  it('may depend on who it is, and a login may have its own', async () => {
    const { browser, sessions } = setUp<Data>({
      maxSessions: ({ principal, kind }) => {
        if (principal === 'admin') return undefined
        return kind === 'kiosk' ? { max: 1, policy: 'reject' } : 2
      },
    })
    const login = (principal: string, options = {}): Promise<unknown> =>
      browser().visit((s) => s.login(principal, options))
    for (let i = 0; i < 4; i++) await login('admin')
    for (let i = 0; i < 4; i++) await login('u1')
    await expect(login('u1', { kind: 'kiosk' })).rejects.toThrow(SessionLimitError)
    expect(await sessions.of('admin').count()).toBe(4)
    expect(await sessions.of('u1').count()).toBe(2)
    await login('admin', { maxSessions: 3 })
    expect(await sessions.of('admin').count()).toBe(3)
    await login('u1', { maxSessions: () => undefined })
    expect(await sessions.of('u1').count()).toBe(3)
  })

  it.each<[string, object]>([
    ['maxSessions', { maxSessions: 0 }],
    ['maxSessions', { maxSessions: '5' }],
    ['maxSessions', { maxSessions: () => 'many' }],
    ['maxSessions', { maxSessions: () => null }],
    ['maxSessions.max', { maxSessions: async () => 5 }],
    ['maxSessions.policy', { maxSessions: { max: 5, policy: 'evict' } }],
    ['maxSessions.kinds.a', { maxSessions: () => ({ max: 5, kinds: { a: 0 } }) }],
    ['kind', { kind: '' }],
    ['kind', { kind: 'x'.repeat(65) }],
    ['kind', { kind: '\ud800' }],
    ['kind', { kind: 5 }],
  ])('S15 a wrong %s at a login is refused, and changes nothing', async (option, options) => {
    const { browser } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    await user.visit(async (s) => {
      const error = await s.login('u1', options).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(OptionError)
      expect((error as OptionError).option).toBe(option)
    })
    expect(await user.sees()).toEqual({ a: 1 })
  })

  it('a function that throws is the login’s failure', async () => {
    const { browser } = setUp<Data>({
      maxSessions: () => {
        throw new RangeError('mine')
      },
    })
    await expect(browser().visit((s) => s.login('u1'))).rejects.toThrow('mine')
  })
})
