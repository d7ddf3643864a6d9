import { expect, it } from 'vitest'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { recovered, type User } from './load.ts'
import { callsOf, FULL, node, proxyOf, server } from './setup.ts'

/**
 * 10,000 clients are 150 here, or 2,000: each is a node with its own link, timers and near cache, and all
 * share one process and one core with the server. Jitter and the number of loads do not depend on how many.
 */
const NODES = FULL ? 2_000 : 150
const REQUESTS = 40
/** Neither deadlines nor heartbeats are tested here. */
const PATIENT = { commandTimeout: '15s', nearCache: { maxStaleness: '1m' } } as const

it('F24 I6 I8 all nodes lose the server and find it again: spread out, one load for each session', {
  timeout: FULL ? 120_000 : 20_000,
}, async () => {
  const redis = await server()
  const proxy = await proxyOf(redis)
  const nodes = await Promise.all(
    Array.from({ length: NODES }, () => node<User>(proxy.url, PATIENT)),
  )
  const [first] = nodes
  if (first === undefined) throw new Error('no nodes')
  await redis.kill()
  // Long enough for the pauses to have grown to a second.
  await sleep(1_500)
  let [looks, busy] = [0, 0]
  for (const end = performance.now() + 2_000; performance.now() < end; looks++) {
    const before = proxy.connections
    await sleep(20)
    if (proxy.connections > before) busy++
  }
  // Some come at any time. All together they would come once in a second, and nobody in between.
  expect(busy / looks).toBeGreaterThan(0.6)
  await redis.restart()
  await Promise.all(nodes.map((one) => recovered(one)))
  const clients = (await redis.cli('CLIENT', 'LIST')).split('\n')
  expect(clients.filter((line) => line.includes('name=sojourn'))).toHaveLength(NODES)

  const stored = await signIn<User>(first, { owner: 'ada', n: 0 })
  await redis.cli('CONFIG', 'RESETSTAT')
  await Promise.all(
    nodes.flatMap((one) =>
      Array.from({ length: REQUESTS }, () => Promise.resolve(request(one, stored))),
    ),
  )
  // The node that has made it has it at hand.
  expect((await callsOf(redis)).get('get')).toBe(NODES - 1)
  expect(nodes.every((one) => hit(one, stored) !== undefined)).toBe(true)
})

it('F24 I6 requests that wait for the server are one load for each session when it comes', async () => {
  const redis = await server()
  const calm = await node<User>(redis.url)
  const token = await signIn<User>(calm, { owner: 'ada', n: 0 })
  const nodes = await Promise.all(
    Array.from({ length: 20 }, () => node<User>(redis.url, { commandTimeout: '15s' })),
  )
  await redis.kill()
  await until('all have noticed', () =>
    nodes.every((one) => one.stats().nearCache?.state === 'connecting'),
  )
  const waiting: Array<Promise<unknown>> = []
  const ask = (): void => {
    for (const one of nodes)
      for (let i = 0; i < 10; i++) waiting.push(Promise.resolve(request(one, token)))
  }
  for (let i = 0; i < 5; i++) {
    ask()
    await sleep(10)
  }
  await redis.restart()
  await Promise.all(nodes.map((one) => recovered(one)))
  await Promise.all(waiting)
  // One for each node; one more where requests came while the connection was being made.
  expect((await callsOf(redis)).get('get')).toBeLessThanOrEqual(nodes.length * 2)
})
