import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { OptionError, RateLimitError } from '../../src/core/errors.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { Browser, MINUTE, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

/** Of which client the next request is. */
let client: string | undefined
const limited = (max = 3): World<Data> =>
  setUp<Data>({ newSessions: { max, per: '10m', by: () => client } })

describe('newSessions', () => {
  it('lets a client have so many, and says when it may have another', async () => {
    client = '192.0.2.1'
    const { browser, clock, engine, announced } = limited()
    for (let i = 0; i < 3; i++) {
      await browser().visit((s) => s.set('a', 1))
      clock.advance(MINUTE)
    }
    const late = browser()
    const refusal = await late.visit((s) => s.set('a', 1)).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(RateLimitError)
    expect(refusal).toMatchObject({
      code: 'ERR_SOJOURN_RATE_LIMIT',
      status: 429,
      retryAfter: 7 * MINUTE,
      headers: { 'Retry-After': '420' },
    })
    expect(engine.stats().records).toBe(3)
    expect(announced('rejected')).toEqual([{ id: undefined, reason: 'rate-limited' }])
    client = '192.0.2.2'
    await browser().visit((s) => s.set('a', 1))
    client = '192.0.2.1'
    clock.advance(7 * MINUTE)
    await late.visit((s) => s.set('a', 1))
    await expect(browser().visit((s) => s.set('a', 1))).rejects.toThrow(RateLimitError)
  })

  it('S21 counts sessions that are made, and nothing else', async () => {
    client = '192.0.2.1'
    const { browser } = limited(2)
    const user = browser()
    await user.visit((s) => s.set('a', 1))
    for (let i = 0; i < 5; i++) {
      await browser().visit()
      await browser('__Host-session=forged').visit()
      await user.visit((s) => s.set('a', i))
      await user.visit((s) => s.login('ada'))
    }
    const other = browser()
    await other.visit((s) => s.login('bob'))
    await expect(browser().visit((s) => s.login('eve'))).rejects.toThrow(RateLimitError)
    await other.visit((s) => s.rotate())
    await other.visit((s) => s.logout())
  })

  it('counts all but one of the logins that one session before leads to at once', async () => {
    client = '192.0.2.1'
    const world = limited(2)
    const guest = world.browser()
    await guest.visit((s) => s.set('a', 1))
    const logins = Array.from({ length: 5 }, () => guest.copy().visit((s) => s.login('ada')))
    const ends = await Promise.allSettled(logins)
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    const refused = ends.filter((end) => end.status === 'rejected').map(({ reason }) => reason)
    expect(refused.map((error) => error instanceof RateLimitError)).toEqual([true, true, true])
    expect(await world.sessions.of('ada').count()).toBe(2)
  })

  it('of logins at once it ends nobody by the limit of sessions, to be refused then', async () => {
    client = '192.0.2.1'
    const world = setUp<Data>({
      newSessions: { max: 1, per: '10m', by: () => client },
      maxSessions: 1,
    })
    const guest = world.browser()
    await guest.visit((s) => s.set('a', 1))
    const logins = Array.from({ length: 5 }, () => guest.copy().visit((s) => s.login('ada')))
    await Promise.allSettled(logins)
    expect(await world.sessions.of('ada').count()).toBe(1)
  })

  it('what was refused may be tried again in the same request, and nothing is lost by it', async () => {
    client = '192.0.2.1'
    const { browser, clock } = limited(1)
    await browser().visit((s) => s.set('a', 1))
    const user = browser()
    const exchange = await user.request()
    exchange.session.set('b', 2)
    await expect(exchange.commit()).rejects.toThrow(RateLimitError)
    clock.advance(10 * MINUTE)
    await user.respond(exchange)
    expect(await user.sees()).toEqual({ b: 2 })
  })

  it('limits nobody of whom it is not told which client it is', async () => {
    client = undefined
    const { browser, engine } = limited(1)
    for (let i = 0; i < 5; i++) await browser().visit((s) => s.set('a', i))
    expect(engine.stats().records).toBe(5)
  })

  it('warns, once, where of the first requests none told which client it is', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    onTestFinished(() => warn.mockRestore())
    const told = (): unknown[] =>
      warn.mock.calls.map(([, options]) => (options as { code?: string } | undefined)?.code)
    client = undefined
    const { browser, sessions } = limited(1)
    // What has no request says nothing of those that have one.
    for (let i = 0; i < 20; i++) {
      const session = await sessions.open()
      session.set('a', i)
      await session.commit()
    }
    for (let i = 0; i < 9; i++) await browser().visit((s) => s.set('a', i))
    expect(told()).toEqual([])
    for (let i = 0; i < 30; i++) await browser().visit((s) => s.set('a', i))
    expect(told()).toEqual(['SOJOURN_NO_CLIENT'])
    const other = limited(20)
    client = '192.0.2.1'
    await other.browser().visit((s) => s.set('a', 1))
    client = undefined
    for (let i = 0; i < 30; i++) await other.browser().visit((s) => s.set('a', i))
    expect(told()).toHaveLength(1)
  })

  it('without `by`: the address of the client, of IPv6 its /64', async () => {
    const sessions = createSessions<Data>({ newSessions: { max: 1, per: '10m' } })
    onTestFinished(() => sessions.close())
    const make = async (ip: string): Promise<void> => {
      const facts = { secure: true, host: 'example.org', proxied: false, cookie: undefined }
      const exchange = await sessions.exchange({ ip }, facts)
      exchange.session.set('a', 1)
      await exchange.commit()
    }
    await make('192.0.2.1')
    await expect(make('::ffff:192.0.2.1')).rejects.toThrow(RateLimitError)
    await make('2001:db8::1')
    await expect(make('2001:db8::2')).rejects.toThrow(RateLimitError)
    await make('2001:db8:0:1::1')
  })

  it('what stands in the store names no client to who does not have the secrets', async () => {
    client = '192.0.2.1'
    const names: string[] = []
    for (const secret of ['a', 'b']) {
      const engine = memoryEngine()
      const permit = vi.spyOn(engine, 'permit')
      const secrets = [secret.repeat(32)]
      const newSessions = { max: 1, per: '10m' as const, by: () => client }
      const sessions = createSessions<Data>({ engine, secrets, newSessions })
      onTestFinished(() => sessions.close())
      await new Browser(sessions).visit((s) => s.set('a', 1))
      names.push(...permit.mock.calls.map(([, name]) => name))
    }
    expect(names).toHaveLength(2)
    expect(names[0]).not.toBe(names[1])
  })

  it('asks of no client where there is no request', async () => {
    const world = setUp<Data>({
      newSessions: { max: 1, per: '10m', by: ({ request }) => Object.keys(request as object)[0] },
    })
    for (let i = 0; i < 3; i++) {
      const session = await world.sessions.open()
      session.set('a', i)
      await session.commit()
    }
    expect(world.engine.stats().records).toBe(3)
  })

  it('null is nobody, and what is no text is an error of the application', async () => {
    client = null as never
    const { browser } = limited(1)
    for (let i = 0; i < 3; i++) await browser().visit((s) => s.set('a', i))
    client = 42 as never
    await expect(browser().visit((s) => s.set('a', 1))).rejects.toMatchObject({
      option: 'newSessions.by',
    })
  })

  it.each<[string, unknown, string]>([
    ['no limit', { per: '1m', by: () => 'a' }, 'newSessions.max'],
    ['too high a one', { max: 1_001, per: '1m', by: () => 'a' }, 'newSessions.max'],
    ['no window', { max: 1, by: () => 'a' }, 'newSessions.per'],
    ['a window of days', { max: 1, per: '2d', by: () => 'a' }, 'newSessions.per'],
    ['no function', { max: 1, per: '1m', by: 'ip' }, 'newSessions.by'],
    ['an unknown name', { max: 1, per: '1m', by: () => 'a', policy: 'x' }, 'newSessions.policy'],
    ['no object', 5, 'newSessions'],
  ])('refuses %s at the start', (_, newSessions, option) => {
    let refusal: unknown
    try {
      createSessions({ newSessions: newSessions as never })
    } catch (error) {
      refusal = error
    }
    expect(refusal).toBeInstanceOf(OptionError)
    expect(refusal).toMatchObject({ option })
  })
})
