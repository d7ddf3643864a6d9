import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { BindingPolicy } from '../../src/core/binding.ts'
import type { Engine } from '../../src/core/engine.ts'
import { OptionError, SessionEndedError, StoreUnavailableError } from '../../src/core/errors.ts'
import type { Exchange } from '../../src/core/exchange.ts'
import type { Session } from '../../src/core/session.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { manualClock } from '../../src/testing/index.ts'
import { setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

/** What the next request is like. */
let now: Record<string, string | undefined> = {}
const HOME = { agent: 'Firefox', network: '192.0.2.0/24' }
const AWAY = { agent: 'curl', network: '198.51.100.0/24' }

const bound = (policy?: BindingPolicy): World<Data> =>
  setUp<Data>({ binding: { to: () => now, ...(policy === undefined ? {} : { policy }) } })

async function signedIn({ browser }: World<Data>) {
  now = HOME
  const user = browser()
  await user.visit(async (s) => {
    await s.login('ada')
    s.set('a', 1)
  })
  return user
}

describe('binding', () => {
  it('tells once of a session that comes from another client, and of no other', async () => {
    const world = bound()
    const user = await signedIn(world)
    for (let i = 0; i < 3; i++) expect(await user.sees()).toEqual({ a: 1 })
    expect(world.announced('anomaly')).toEqual([])
    now = { ...HOME, agent: 'Firefox 2' }
    for (let i = 0; i < 3; i++) expect(await user.sees()).toEqual({ a: 1 })
    const { id } = (await user.request()).session
    expect(world.announced('anomaly')).toEqual([{ id, principal: 'ada', changed: ['agent'] }])
    now = AWAY
    const { session } = await user.request()
    expect(world.announced('anomaly').at(-1)).toMatchObject({ changed: ['agent', 'network'] })
    // It is told of, and no more.
    expect(session.anomaly).toBeUndefined()
    expect(session.authenticatedWithin('1h')).toBe(true)
    expect(session.principal).toBe('ada')
  })

  it('compares nothing that was not known, and nobody’s session not at all', async () => {
    const world = bound()
    now = { agent: undefined, network: HOME.network }
    const user = world.browser()
    await user.visit((s) => s.login('ada'))
    now = { agent: 'curl', network: HOME.network }
    await user.visit()
    now = HOME
    const nobody = world.browser()
    await nobody.visit((s) => s.set('a', 1))
    now = AWAY
    await nobody.visit()
    expect(world.announced('anomaly')).toEqual([])
  })

  it('what is left out differs from what was there', async () => {
    const world = bound('step-up')
    const user = await signedIn(world)
    now = { ...HOME, agent: undefined }
    expect((await user.request()).session.anomaly).toEqual(['agent'])
    now = HOME
    // A step-up that has no request keeps what was known.
    const session = await world.sessions.open(user.token)
    await session.stepUp(1)
    user.cookie = `__Host-session=${session.token}`
    expect((await user.request()).session.anomaly).toBeUndefined()
    now = AWAY
    expect((await user.request()).session.anomaly).toEqual(['agent', 'network'])
  })

  it('step-up: the principal counts as not authenticated until it has authenticated again', async () => {
    const world = bound('step-up')
    const user = await signedIn(world)
    now = AWAY
    const { session } = await user.request()
    expect(session.anomaly).toEqual(['agent', 'network'])
    expect(session.authenticatedWithin('1h')).toBe(false)
    expect(session.principal).toBe('ada')
    await user.visit((s) => s.set('b', 2))
    expect((await user.request()).session.anomaly).toEqual(['agent', 'network'])
    await user.visit(async (s) => {
      expect(s.level).toBeUndefined()
      await s.stepUp(1)
      expect(s.level).toBe(1)
      expect(s.anomaly).toBeUndefined()
      expect(s.authenticatedWithin('1h')).toBe(true)
    })
    expect((await user.request()).session.anomaly).toBeUndefined()
    now = HOME
    expect((await user.request()).session.anomaly).toEqual(['agent', 'network'])
    await user.visit((s) => s.login('ada'))
    expect((await user.request()).session.anomaly).toBeUndefined()
  })

  it('end: the session ends on every node, and the request is nobody’s', async () => {
    const world = bound('end')
    const user = await signedIn(world)
    const owner = user.copy()
    now = AWAY
    const { session } = await user.request()
    expect(session.principal).toBeUndefined()
    expect(session.isNew).toBe(true)
    expect(world.announced('anomaly')).toHaveLength(1)
    expect(world.announced('revoked')).toMatchObject([{ principal: 'ada' }])
    now = HOME
    expect(await owner.sees()).toEqual({})
    expect(await world.sessions.of('ada').count()).toBe(0)
  })

  it('end: a cookie before it does not lead past it', async () => {
    const world = bound('end')
    const victim = await signedIn(world)
    const other = await signedIn(world)
    now = AWAY
    const { token } = victim
    const both = world.browser(`${other.cookie}; __Host-session=${token}`)
    const { session } = await both.request()
    expect(session.principal).toBeUndefined()
    expect(world.announced('anomaly')).toHaveLength(2)
    expect(await world.sessions.of('ada').count()).toBe(0)
  })

  it.each<[BindingPolicy, unknown]>([
    ['step-up', { principal: 'ada', level: undefined, a: 1 }],
    ['end', { principal: undefined, level: undefined, a: undefined }],
  ])('%s: whom the store tells of only later is compared then', async (policy, expected) => {
    const clock = manualClock()
    const engine = memoryEngine({ clock })
    let isAway = false
    const asked = Object.entries(engine).filter(([name]) => name !== 'peek')
    const load: Engine['load'] = (...args) =>
      isAway ? Promise.reject(new StoreUnavailableError('away', false)) : engine.load(...args)
    const away = (): Engine => ({ ...(Object.fromEntries(asked) as unknown as Engine), load })
    const options = { binding: { to: () => now, policy }, outage: 'anonymous' } as const
    const world = setUp<Data>(options, away, clock, engine)
    const user = await signedIn(world)
    now = AWAY
    isAway = true
    const exchange = await user.request()
    expect(exchange.session.outage).toBe('anonymous')
    const unfit = await user.request()
    isAway = false
    // What cannot be compared lets nobody in either.
    now = 'curl' as never
    await expect(unfit.session.refresh()).rejects.toThrow(OptionError)
    expect(unfit.session.principal).toBeUndefined()
    now = AWAY
    await exchange.session.refresh()
    const { principal, level } = exchange.session
    expect({ principal, level, a: exchange.session.get('a') }).toEqual(expected)
    expect(world.announced('anomaly')).toHaveLength(1)
    expect(await world.sessions.of('ada').count()).toBe(policy === 'end' ? 0 : 1)
  })

  it('ends it where the pepper is another one than at the login, and asks no more than twice', async () => {
    now = HOME
    const world = bound('end')
    const user = await signedIn(world)
    const loads: unknown[] = []
    const other = setUp<Data>(
      { binding: { to: () => now, policy: 'end' }, pepper: 'a pepper of 32 bytes or more, or so' },
      (engine) => ({
        ...engine,
        load: async (...args) => {
          loads.push(args)
          // Not for ever, should it ask for ever.
          if (loads.length > 50) throw new Error('asked too often')
          return engine.load(...args)
        },
      }),
      world.clock,
      world.engine,
    )
    const { session } = await other.browser(user.cookie).request()
    expect(session.principal).toBeUndefined()
    expect(loads.length).toBeLessThan(8)
    expect(other.announced('revoked')).toMatchObject([{ principal: 'ada' }])
    expect(await user.sees()).toEqual({})
  })

  it('lets nobody in where the session that is to end does not', async () => {
    now = HOME
    const world = bound('end')
    const user = await signedIn(world)
    const key = {}
    const other = setUp<Data>(
      { binding: { to: () => now, policy: 'end' } },
      (engine) => ({ ...engine, destroy: async () => ({ status: 'gone' }) }),
      world.clock,
      world.engine,
    )
    now = AWAY
    const facts = { secure: true, host: 'example.org', proxied: false, cookie: user.cookie }
    await expect(async () => other.sessions.exchange(key, facts)).rejects.toThrow(SessionEndedError)
    expect(other.sessions.has(key)).toBe(false)
  })

  it('a connection is what its handshake was, until it is made anew', async () => {
    const world = bound('step-up')
    now = HOME
    const user = world.browser()
    await user.visit((s) => s.login('ada', { level: 2 }))
    now = AWAY
    const key = {}
    const facts = { secure: true, host: 'example.org', proxied: false, cookie: user.cookie }
    await world.sessions.exchange(key, facts)
    const attachment = world.sessions.attach(key)
    const seen = (s: Session<Data>) => [s.anomaly, s.level, s.authenticatedWithin('5m')]
    const doubted = [['agent', 'network'], undefined, false]
    expect(await attachment.run(seen)).toEqual(doubted)
    expect(seen((await attachment.view()) as Session<Data>)).toEqual(doubted)
    attachment.close()
  })

  it('warns where a name has been told of no login: nothing is compared by it', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    onTestFinished(() => warn.mockRestore())
    const world = bound('end')
    for (let i = 0; i < 12; i++) {
      now = { agent: undefined, network: i === 3 ? HOME.network : undefined }
      await world.browser().visit((s) => s.login('ada'))
    }
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining('no `agent` of the first 10 logins'), { code: 'SOJOURN_NO_TRAIT' }],
    ])
  })

  it('takes null for nothing, as headers of web requests say it', async () => {
    const world = bound('step-up')
    now = { agent: null, network: HOME.network } as never
    const user = world.browser()
    await user.visit((s) => s.login('ada'))
    expect((await user.request()).session.anomaly).toBeUndefined()
    now = HOME
    await user.visit((s) => s.login('ada'))
    now = { ...HOME, agent: null } as never
    expect((await user.request()).session.anomaly).toEqual(['agent'])
  })

  it('goes along with rotations, and holds no more than hashes', async () => {
    const world = bound('step-up')
    const user = await signedIn(world)
    await user.visit((s) => s.rotate())
    now = AWAY
    const exchange: Exchange<Data> = await user.request()
    expect(exchange.session.anomaly).toEqual(['agent', 'network'])
    const stored = await world.engine.load(exchange.session.id as string)
    expect(Buffer.from(stored?.record ?? []).includes('Firefox')).toBe(false)
  })

  it('what cannot be told of a request fails it, and signs nobody out', async () => {
    const world = bound('end')
    const user = await signedIn(world)
    now = undefined as never
    const key = {}
    const { cookie } = user
    const facts = { secure: true, host: 'example.org', proxied: false, cookie }
    await expect(async () => world.sessions.exchange(key, facts)).rejects.toThrow(OptionError)
    // Nor is it anybody's for what handles the error.
    expect(world.sessions.has(key)).toBe(false)
    expect(() => world.sessions.from(key)).toThrow(TypeError)
    now = HOME
    expect(await user.sees()).toEqual({ a: 1 })
  })

  it.each<[string, unknown]>([
    ['a promise', Promise.resolve({ agent: 'curl' })],
    ['a text', 'curl'],
    ['a list', ['curl']],
    ['objects by name', { agent: { name: 'curl' } }],
  ])('refuses %s for what is compared, instead of comparing nothing', async (_, told) => {
    const world = bound('end')
    const user = await signedIn(world)
    now = told as never
    await expect(user.request()).rejects.toMatchObject({ option: 'binding.to' })
    await expect(world.browser().visit((s) => s.login('bob'))).rejects.toThrow(OptionError)
  })

  it.each<[string, unknown, string]>([
    ['no function', { policy: 'end' }, 'binding.to'],
    ['an unknown policy', { to: () => ({}), policy: 'logout' }, 'binding.policy'],
    ['an unknown name', { to: () => ({}), on: 'x' }, 'binding.on'],
    ['no object', 'agent', 'binding'],
  ])('refuses %s at the start', (_, binding, option) => {
    let refusal: unknown
    try {
      createSessions({ binding: binding as never })
    } catch (error) {
      refusal = error
    }
    expect(refusal).toBeInstanceOf(OptionError)
    expect(refusal).toMatchObject({ option })
  })
})
