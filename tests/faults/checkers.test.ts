/** What looks at the history after a fault finds what it is there to find: each bug is planted once. */
import { describe, expect, it } from 'vitest'
import { stampOf } from '../../src/core/engine.ts'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { type RedisEngine, redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { seeded } from '../support/random.ts'
import { signIn, sleep } from '../support/requests.ts'
import { Load, lossesIn, recovered, type User } from './load.ts'
import { node, server } from './setup.ts'
import { SignOuts } from './sign-outs.ts'

/** Instead of a method of an engine: `real` does what it does. */
type Bugs = Partial<{
  [Name in keyof RedisEngine]: RedisEngine[Name] extends (...args: infer Args) => infer Result
    ? (real: (...args: Args) => Result, ...args: Args) => Result
    : never
}>

/** A node on an engine that has the bugs. */
async function nodeWith(redis: string, bugs: Bugs = {}): Promise<Sessions<User>> {
  const real = redisEngine({ redis })
  const engine = new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = (...args: unknown[]): unknown => Reflect.apply(value, target, args)
      const bug = bugs[name as keyof Bugs] as ((...args: unknown[]) => unknown) | undefined
      return bug === undefined ? method : (...args: unknown[]) => bug(method, ...args)
    },
  })
  return node<User>('', { redis: undefined, engine })
}

/** What is found after a load on two nodes, of which the second one has the bugs. */
async function found(bugs: Bugs, during?: (calm: Sessions<User>, load: Load) => Promise<unknown>) {
  const random = seeded('checkers')
  const redis = await server()
  const calm = await nodeWith(redis.url)
  const nodes = [await nodeWith(redis.url), await nodeWith(redis.url, bugs)]
  const load = await Load.start(calm, nodes, random, 6)
  await sleep(300)
  await during?.(calm, load)
  await sleep(200)
  await load.stop()
  for (const one of nodes) await recovered(one)
  return load.problems(nodes)
}

function everyNth(n: number): () => boolean {
  let count = 0
  return () => ++count % n === 0
}

describe('Load', () => {
  it('finds nothing where nothing is wrong', async () => {
    expect(await found({})).toEqual([])
  })

  it('I3 finds a change that was acknowledged and is not stored', async () => {
    const isIt = everyNth(5)
    const problems = await found({
      commit: async (real, ...args) => (isIt() ? { status: 'done' } : real(...args)),
    })
    expect(lossesIn(problems).lost).toBeGreaterThan(0)
  })

  it('I5 finds a change that counts twice', async () => {
    const isIt = everyNth(5)
    const problems = await found({
      commit: async (real, ...args) => {
        const result = await real(...args)
        if (isIt()) throw new StoreUnavailableError('it was not carried out, it says', false)
        return result
      },
    })
    expect(problems.join('\n')).toMatch(/counted twice/)
  })

  it('I2 finds a session that was ended, and who is served of another', async () => {
    const problems = await found({}, async (calm, load) => {
      const [token = '', other = ''] = load.users.values()
      const session = await calm.open(other)
      await session.update('owner', () => 'user 0')
      await (await calm.open(token)).logout()
    })
    expect(problems.join('\n')).toMatch(/signed out: user 0/)
    expect(problems.join('\n')).toMatch(/served another's session: user 1: user 0/)
  })

  it('I4 finds what a node would serve and is not stored', async () => {
    // What a node has found once it asks about by `holds` alone.
    const first = new Map<string, ReturnType<RedisEngine['peek']>>()
    const problems = await found({
      peek: (real, id, now) => {
        const held = real(id, now)
        if (held !== undefined && !first.has(id)) first.set(id, { ...held, opened: undefined })
        return first.get(id)
      },
      holds: () => false,
    })
    expect(problems.join('\n')).toMatch(/stale: user/)
  })
})

describe('SignOuts', () => {
  async function signedOut(acting: Bugs, watching: Bugs) {
    const redis = await server()
    const calm = await nodeWith(redis.url)
    const nodes = [await nodeWith(redis.url, acting), await nodeWith(redis.url, watching)] as const
    const signOuts = await SignOuts.start(calm, nodes, 20)
    await sleep(600)
    await signOuts.stop()
    return { signOuts, undone: await signOuts.undone(calm) }
  }

  it('find nothing where nothing is wrong', async () => {
    const { signOuts, undone } = await signedOut({}, {})
    expect(signOuts.acknowledged.size).toBe(20)
    expect(undone).toEqual({ durable: 0, uncertain: 0 })
    expect(signOuts.longestStale).toBeLessThan(250)
  })

  it('I1 find a session that is signed in again', async () => {
    const isIt = everyNth(4)
    const { undone } = await signedOut(
      { destroy: async (real, ...args) => (isIt() ? { status: 'done' } : real(...args)) },
      {},
    )
    expect(undone.uncertain).toBe(5)
  })

  it('I4 find one that is served for too long', async () => {
    const kept = new Map<string, ReturnType<RedisEngine['peek']>>()
    const { signOuts } = await signedOut(
      {},
      {
        load: async (real, ...args) => {
          const stored = await real(...args)
          const { record, ttl } = stored ?? { record: Buffer.alloc(0), ttl: 0 }
          const held = { record, expiresAt: Date.now() + ttl, opened: undefined }
          if (stored !== undefined) kept.set(args[0], held)
          return stored
        },
        peek: (real, id, now) => real(id, now) ?? kept.get(id),
      },
    )
    expect(signOuts.longestStale).toBeGreaterThan(250)
  })
})

it('the engines that are planted into are whole otherwise', async () => {
  const redis = await server()
  const sessions = await nodeWith(redis.url)
  const token = await signIn<User>(sessions, { owner: 'ada', n: 0 })
  const stored = await sessions.engine.load((await sessions.open(token)).id ?? '')
  expect(stored && stampOf(stored.record)).toHaveLength(8)
})
