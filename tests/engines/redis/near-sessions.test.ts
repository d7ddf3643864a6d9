/** Sessions on a near cache: which requests are answered at once, and what asks Redis all the same. */
import { describe, expect, it } from 'vitest'
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { atEnd, callsOf, node, server } from '../../faults/setup.ts'
import { hit, request, SECRET, signIn, until } from '../../support/requests.ts'

interface Data {
  n: number
}

async function confirmed(...nodes: readonly Sessions<Data>[]): Promise<void> {
  for (const one of nodes) {
    await until('a heartbeat is answered', () => one.stats().nearCache?.age !== undefined)
  }
}

async function twoNodes() {
  const redis = await server()
  const options = { nearCache: { maxStaleness: '1m' } } as const
  const [here, there] = [await node<Data>(redis.url, options), await node<Data>(redis.url, options)]
  await confirmed(here, there)
  return { redis, here, there }
}

describe('a request is answered at once, and Redis asked nothing', () => {
  it('on the node that made the session, and on the other one from its second request on', async () => {
    const { redis, here, there } = await twoNodes()
    const token = await signIn<Data>(there, { n: 1 })
    const first = request(here, token)
    expect(first).toBeInstanceOf(Promise)
    await first
    await redis.cli('CONFIG', 'RESETSTAT')
    for (const one of [here, there]) {
      for (let i = 0; i < 100; i++) expect(hit(one, token)?.get('n')).toBe(1)
    }
    const calls = await callsOf(redis)
    expect([calls.get('get'), calls.get('evalsha')]).toEqual([undefined, undefined])
    expect(here.stats().nearCache).toMatchObject({ state: 'on', entries: 1, evictions: 0 })
    expect(here.stats().nearCache?.hits).toBeGreaterThanOrEqual(100)
    expect(here.stats().nearCache?.misses).toBe(1)
  })

  it('after own writes, with what they have written', async () => {
    const { here } = await twoNodes()
    const token = await signIn<Data>(here, { n: 0 })
    for (let n = 1; n <= 20; n++) {
      const session = hit(here, token)
      await session?.update('n', () => n)
      expect(hit(here, token)?.get('n')).toBe(n)
    }
  })

  it('after a login and a rotation here', async () => {
    const { here } = await twoNodes()
    const session = await here.open(await signIn<Data>(here, { n: 1 }))
    await session.login('ada', { keep: ['n'] })
    expect(hit(here, session.token ?? '')?.principal).toBe('ada')
    await session.rotate()
    expect(hit(here, session.token ?? '')?.principal).toBe('ada')
  })

  it('after a rotation elsewhere, that this node has been led through', async () => {
    const { here, there } = await twoNodes()
    const former = await signIn<Data>(there, { n: 1 })
    await request(here, former)
    const session = await there.open(former)
    await session.rotate()
    const { token = '' } = session
    await until('it is noticed', () => hit(here, former) === undefined)
    // The request with the former token is led to the successor; the browser's next one brings that.
    expect((await request(here, former)).session.token).toBe(token)
    await request(here, token)
    expect(hit(here, token)?.get('n')).toBe(1)
  })

  it('of either of two that share an engine', async () => {
    const redis = await server()
    const engine = redisEngine({ redis: redis.url, nearCache: { maxStaleness: '1m' } })
    atEnd(() => engine.close())
    const both = [1, 2].map(() => createSessions<Data>({ engine, secrets: [SECRET] }))
    const [one, other] = both as [Sessions<Data>, Sessions<Data>]
    await one.ready()
    await confirmed(one)
    const token = await signIn<Data>(one, { n: 1 })
    await request(other, token)
    expect(hit(other, token)?.get('n')).toBe(1)
    expect(hit(one, token)?.get('n')).toBe(1)
  })
})

describe('what asks Redis all the same', () => {
  it('open and exchange with fresh, and refresh', async () => {
    const { redis, here } = await twoNodes()
    const token = await signIn<Data>(here, { n: 1 })
    const session = hit(here, token)
    await redis.cli('CONFIG', 'RESETSTAT')
    const gets = async (): Promise<number> => (await callsOf(redis)).get('get') ?? 0
    await here.open(token)
    expect(await gets()).toBe(0)
    await here.open(token, { fresh: true })
    expect(await gets()).toBe(1)
    const cookie = `__Host-session=${token}`
    const asked = { secure: true, host: 'example.org', proxied: false, cookie }
    const exchange = here.exchange({}, asked, { fresh: true })
    expect(exchange).toBeInstanceOf(Promise)
    expect((await exchange).session.get('n')).toBe(1)
    expect(await gets()).toBe(2)
    await session?.refresh()
    expect(await gets()).toBe(3)
    expect(session?.get('n')).toBe(1)
  })

  it('S05 forged and unknown tokens are no hits, and forged ones no question either', async () => {
    const { redis, here } = await twoNodes()
    const token = await signIn<Data>(here, { n: 1 })
    await redis.cli('CONFIG', 'RESETSTAT')
    for (let i = 0; i < token.length; i++) {
      const letter = token[i] === 'A' ? 'B' : 'A'
      const forged = `${token.slice(0, i)}${letter}${token.slice(i + 1)}`
      expect(hit(here, forged)?.isNew).toBe(true)
    }
    expect((await callsOf(redis)).get('get')).toBeUndefined()
  })
})

it('S16 S17 a sign-out here, by whatever way, is seen by the next request here', async () => {
  const { here, there } = await twoNodes()
  const ways: Array<(token: string) => Promise<unknown>> = [
    async (token) => (await here.open(token)).logout(),
    async (token) => here.revoke((await here.open(token)).id ?? ''),
    async (token) => here.of('ada').revoke((await here.open(token)).id ?? ''),
    async () => here.of('ada').revokeAll(),
    async (token) => (await here.open(token)).login('bob'),
  ]
  for (const end of ways) {
    const token = await signIn<Data>(here, { n: 1 }, 'ada')
    await request(there, token)
    expect(hit(here, token)?.principal).toBe('ada')
    await end(token)
    expect(hit(here, token)).toBeUndefined()
    expect((await request(here, token)).session.isNew).toBe(true)
    await until('the other node knows', () => hit(there, token) === undefined)
    expect((await request(there, token)).session.isNew).toBe(true)
  }
})
