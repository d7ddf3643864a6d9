import { describe, expect, it } from 'vitest'
import type { BindingPolicy } from '../../src/core/binding.ts'
import type { Engine } from '../../src/core/engine.ts'
import { OptionError, StoreUnavailableError } from '../../src/core/errors.ts'
import type { Exchange } from '../../src/core/exchange.ts'
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
    await expect(user.request()).rejects.toThrow(OptionError)
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
