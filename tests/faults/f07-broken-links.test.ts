import { describe, expect, it } from 'vitest'
import type { Proxy } from '../support/proxy.ts'
import { seeded } from '../support/random.ts'
import { sleep } from '../support/requests.ts'
import { Load, recovered, type User } from './load.ts'
import { node, proxyOf, server } from './setup.ts'

const OPTIONS = { commandTimeout: 250, nearCache: { maxStaleness: 200 } } as const

/** Each leaves the link as it was found. */
const faults: Record<string, (proxy: Proxy, ms: number) => Promise<void>> = {
  'answers are lost': async (proxy, ms) => {
    proxy.cut()
    await sleep(ms)
    proxy.heal()
  },
  'answers stop, and come all at once': async (proxy, ms) => {
    proxy.hold()
    await sleep(ms)
    proxy.release()
  },
  'answers come byte by byte': async (proxy, ms) => {
    proxy.pieces(1)
    await sleep(ms)
    proxy.pieces(0)
  },
  'answers are late': async (proxy, ms) => {
    proxy.delay(ms / 4)
    await sleep(ms)
    proxy.delay(0)
  },
  'half of the connection ends': async (proxy) => proxy.halfClose(),
  'the connection is reset': async (proxy) => proxy.reset(),
}

describe('F07 I2 I3 I4 I5 I8 under load', () => {
  it.each(Object.keys(faults))('%s', async (name) => {
    const random = seeded(`F07, ${name}`)
    const redis = await server()
    const proxy = await proxyOf(redis)
    const [calm, here, there] = [
      await node<User>(redis.url),
      await node<User>(proxy.url, OPTIONS),
      await node<User>(redis.url, OPTIONS),
    ]
    const load = await Load.start(calm, [here, there], random)
    for (let i = 0; i < 5; i++) {
      await sleep(30 + random.next(60))
      await faults[name]?.(proxy, 50 + random.next(200))
    }
    await sleep(50)
    await load.stop()
    expect(await load.problems([here, there])).toEqual([])
    expect(load.served).toBeGreaterThan(100)
  })

  it('one after the other, at random', async () => {
    const random = seeded('F07, all of them')
    const redis = await server()
    const proxy = await proxyOf(redis)
    const [calm, here, there] = [
      await node<User>(redis.url),
      await node<User>(proxy.url, OPTIONS),
      await node<User>(redis.url, OPTIONS),
    ]
    const load = await Load.start(calm, [here, there], random)
    const all = Object.values(faults)
    const end = performance.now() + 3_500
    while (performance.now() < end) {
      await all[random.next(all.length)]?.(proxy, random.next(300))
      await sleep(random.next(100))
    }
    await load.stop()
    expect(await load.problems([here, there])).toEqual([])
  })
})

it('F07 I3 I7 an answer that is 2 s late: the caller knows nothing at its deadline, and it is applied once', async () => {
  const redis = await server()
  const proxy = await proxyOf(redis)
  const calm = await node<User>(redis.url)
  const here = await node<User>(proxy.url, { commandTimeout: 300 })
  const load = await Load.start(calm, [], seeded('F07, 2 s late'), 1)
  const [token] = [...load.users.values()] as [string]
  // Its script is known to the server: what is late is the answer, not the question.
  await (await here.open(token)).update('n', () => 1)
  const session = await here.open(token)
  proxy.delay(2_000)
  const error = await session.update('n', (n = 0) => n + 1).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE', indeterminate: true })
  proxy.delay(0)
  proxy.heal()
  await here.ready()
  expect((await calm.open(token, { fresh: true })).get('n')).toBe(2)
  // The same session may go on: what was stored after all is recognised, and not added to.
  session.set('owner', 'again')
  await session.commit()
  expect((await calm.open(token, { fresh: true })).toJSON()).toEqual({ owner: 'again', n: 2 })
})

it('F07 I8 answers that have piled up come, each too late: another connection, and all goes on', async () => {
  const redis = await server()
  const proxy = await proxyOf(redis)
  const calm = await node<User>(redis.url)
  const here = await node<User>(proxy.url, OPTIONS)
  const load = await Load.start(calm, [], seeded('F07, piled up'), 1)
  const [token] = [...load.users.values()] as [string]
  await here.open(token)
  // Forty answers of 200 ms each: 8 s until they are all there.
  proxy.delay(200)
  const late = []
  while (proxy.held < 40) {
    late.push(here.open(token, { fresh: true }).catch(() => undefined))
    await sleep(3)
  }
  proxy.delay(0)
  await recovered(here)
  expect((await here.open(token, { fresh: true })).get('owner')).toBe('user 0')
  await Promise.all(late)
})
