/** The rules for sessions that a user lives by, on two nodes, with every engine. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { type CreateSessionsOptions, createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type ManualClock, manualClock } from '../../src/testing/index.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { request, SECRET, signIn } from '../support/requests.ts'
import { type RedisTime, redisTime } from './redis-time.ts'

interface Data {
  n: number
}

interface World {
  readonly here: Sessions<Data>
  readonly there: Sessions<Data>
  /** Lets time pass, for nodes and store. */
  pass(ms: number): Promise<void>
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let server: RedisServer
let time: RedisTime
let count = 0
beforeAll(async () => {
  server = await startRedis()
  time = await redisTime(server)
})
afterAll(async () => {
  await time?.close()
  await server?.stop()
})

interface Store {
  readonly engines: readonly [Engine, Engine]
  readonly pass: (ms: number) => Promise<void>
}

const stores: Readonly<Record<string, (clock: ManualClock) => Store>> = {
  'embedded engine': (clock) => {
    const engine = memoryEngine({ clock })
    return { engines: [engine, engine], pass: async () => undefined }
  },
  Redis: (clock) => {
    const prefix = `sj:rules${(count += 1)}`
    const options = { redis: server.url, prefix, clock, commandTimeout: 10_000 }
    const engines = [redisEngine(options), redisEngine(options)] as const
    return { engines, pass: (ms) => time.pass(prefix, ms) }
  },
}

describe.each(Object.entries(stores))('%s', (_, storeOf) => {
  async function setUp(options: CreateSessionsOptions<Data> = {}): Promise<World> {
    const clock = manualClock()
    const { engines, pass } = storeOf(clock)
    const nodes = engines.map((engine) =>
      createSessions<Data>({ ...options, engine, clock, secrets: [SECRET] }),
    ) as [Sessions<Data>, Sessions<Data>]
    onTestFinished(() => Promise.all(nodes.map((node) => node.close())).then(() => undefined))
    await Promise.all(nodes.map((node) => node.ready()))
    return {
      ...{ here: nodes[0], there: nodes[1] },
      pass: async (ms) => {
        clock.advance(ms)
        await pass(ms)
      },
    }
  }

  /** What both nodes find with the token, from the store. */
  async function found({ here, there }: World, token: string | undefined): Promise<unknown[]> {
    const sessions = [here, there].map((node) => node.open(token, { fresh: true }))
    return (await Promise.all(sessions)).map((session) => session.get('n'))
  }

  it('S02 a planted token is worth nothing after the login, on any node, then and later', async () => {
    const world = await setUp()
    const planted = await signIn<Data>(world.here, { n: 1 })
    const session = await world.there.open(planted)
    await session.login('ada', { keep: ['n'] })
    expect(session.token).not.toBe(planted)
    for (let i = 0; i < 3; i++) {
      expect(await found(world, planted)).toEqual([undefined, undefined])
      expect(await found(world, session.token)).toEqual([1, 1])
      await world.pass(3 * MINUTE)
    }
  })

  it('S02 S20 nor is the token of before a step-up, which keeps the session and tells when and how well', async () => {
    const world = await setUp()
    const before = await signIn<Data>(world.here, { n: 1 }, 'ada')
    await world.pass(10 * MINUTE)
    const session = await world.here.open(before)
    expect([session.level, session.authenticatedWithin('5m')]).toEqual([undefined, false])
    const { createdAt, deadline } = session
    await session.stepUp(2)
    for (let i = 0; i < 3; i++) {
      expect(await found(world, before)).toEqual([undefined, undefined])
      const there = await world.there.open(session.token, { fresh: true })
      expect(there).toMatchObject({ createdAt, deadline, level: 2, principal: 'ada' })
      expect(there.authenticatedWithin('5m')).toBe(i < 2)
      await world.pass(2.5 * MINUTE + 1)
    }
    expect(await world.there.of('ada').count()).toBe(1)
  })

  it('S13 no touch, change or rotation reaches past the absolute timeout', async () => {
    const world = await setUp({ idleTimeout: '30m', absoluteTimeout: '2h' })
    let token = await signIn<Data>(world.here, { n: 1 }, 'ada')
    for (let minutes = 0; minutes < 120; minutes += 20) {
      const session = await world.there.open(token, { fresh: true })
      await session.touch()
      await session.update('n', () => 1)
      await session.rotate()
      token = session.token ?? ''
      expect(await found(world, token)).toEqual([1, 1])
      await world.pass(20 * MINUTE)
    }
    expect(await found(world, token)).toEqual([undefined, undefined])
    expect(await world.here.of('ada').list()).toEqual([])
  })

  it('S14 a token that is kept is worth nothing past the idle timeout, to the millisecond', async () => {
    const world = await setUp({ idleTimeout: '30m' })
    const token = await signIn<Data>(world.here, { n: 1 }, 'ada')
    // A moment of the time that really passes, on a real server.
    await world.pass(30 * MINUTE - 5_000)
    expect(await found(world, token)).toEqual([1, 1])
    await world.pass(5_000)
    expect(await found(world, token)).toEqual([undefined, undefined])
  })

  it('S14 each session has its own, also changed while it runs', async () => {
    const world = await setUp({ idleTimeout: '30m', absoluteTimeout: '1d' })
    const [long, short] = await Promise.all([
      signIn<Data>(world.here, { n: 1 }),
      signIn<Data>(world.here, { n: 2 }),
    ])
    const session = await world.there.open(long)
    session.setLifetime({ idleTimeout: '3h' })
    await session.commit()
    await world.pass(2 * HOUR)
    expect(await found(world, long)).toEqual([1, 1])
    expect(await found(world, short)).toEqual([undefined, undefined])
    await world.pass(HOUR)
    expect(await found(world, long)).toEqual([undefined, undefined])
  })

  it('S16 a sign-out is one on every node, for every copy of the token, and slow requests bring nothing back', async () => {
    const world = await setUp()
    const token = await signIn<Data>(world.here, { n: 1 }, 'ada')
    const slow = await world.there.open(token)
    await (await world.here.open(token)).logout()
    expect(await found(world, token)).toEqual([undefined, undefined])
    slow.set('n', 2)
    await slow.commit()
    await slow.touch()
    expect(await found(world, token)).toEqual([undefined, undefined])
    expect(await world.there.of('ada').count()).toBe(0)
  })

  it('S16 with the token of before a rotation, or of a request that has outlasted it, as well', async () => {
    const world = await setUp()
    for (const wait of [0, 20 * MINUTE]) {
      const former = await signIn<Data>(world.here, { n: 1 }, 'ada')
      const slow = await world.there.open(former)
      const session = await world.here.open(former)
      await session.rotate()
      await world.there.open(session.token)
      await world.pass(wait)
      await slow.logout()
      expect(await found(world, session.token)).toEqual([undefined, undefined])
    }
  })

  it('a rotation leads on while the successor is not used, then for the grace; what comes later is reuse', async () => {
    const world = await setUp({ tokenReuse: 'end' })
    const { here, there } = world
    const reuses: unknown[] = []
    there.on('token-reuse', (event) => reuses.push(event))
    const former = await signIn<Data>(here, { n: 1 }, 'ada')
    const session = await here.open(former)
    const formerId = session.id
    await session.rotate()
    const { id, token = '' } = session
    await world.pass(4 * MINUTE)
    for (const node of [here, there]) {
      const exchange = await request(node, former)
      expect(exchange.session.get('n')).toBe(1)
      expect(exchange.sendHeaders()).toContain(token)
    }
    expect(await found(world, token)).toEqual([1, 1])
    await world.pass(9_000)
    expect((await request(there, former)).session.get('n')).toBe(1)
    await world.pass(1_000)
    expect((await request(there, former)).session.isNew).toBe(true)
    expect(reuses).toEqual([{ id, formerId, principal: 'ada' }])
    expect(await found(world, token)).toEqual([undefined, undefined])
    expect(await there.of('ada').count()).toBe(0)
  })

  it('whoever watches a session is not told of an end by a forward that ends, or is settled', async () => {
    const world = await setUp({ idleTimeout: '12h' })
    const { here, there } = world
    const token = await signIn<Data>(here, { n: 1 }, 'ada')
    const session = await here.open(token)
    const watches = [here, there].map((node) => node.watch(session))
    await session.rotate()
    await there.open(session.token)
    for (const watch of watches) await expect.poll(() => watch.id).toBe(session.id)
    await world.pass(2 * HOUR)
    expect(await found(world, session.token)).toEqual([1, 1])
    expect(watches.map(({ signal }) => signal.aborted)).toEqual([false, false])
    await session.logout()
    for (const watch of watches) await expect.poll(() => watch.signal.aborted).toBe(true)
  })
})
