import { expect, it } from 'vitest'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { recovered, type User } from './load.ts'
import { callsOf, node, server } from './setup.ts'

/**
 * 10,000 clients are 150 here: each is a node with its own link, timers and near cache, and all share
 * one process and one core with the server. Jitter and the number of loads do not depend on how many.
 */
const NODES = 150
const REQUESTS = 40

it('F24 I6 I8 all nodes lose the server and find it again: spread out, one load for each session', async () => {
  const redis = await server()
  const nodes = await Promise.all(
    Array.from({ length: NODES }, () => node<User>(redis.url, { commandTimeout: '15s' })),
  )
  const [first] = nodes
  if (first === undefined) throw new Error('no nodes')
  await redis.kill()
  await until('all have noticed', () =>
    nodes.every((one) => one.stats().nearCache?.state === 'connecting'),
  )
  // Long enough for the pauses to have grown to a second.
  await sleep(1_500)
  await redis.restart()
  const arrivals: number[] = []
  const from = performance.now()
  await until('all are back', async () => {
    nodes.forEach((one, i) => {
      if (one.stats().nearCache?.state === 'on') arrivals[i] ??= performance.now() - from
    })
    return Object.keys(arrivals).length === NODES
  })
  await Promise.all(nodes.map((one) => recovered(one)))
  const sorted = arrivals.toSorted((a, b) => a - b)
  // Together they would come within a few milliseconds.
  expect(
    (sorted[Math.floor(NODES * 0.9)] ?? 0) - (sorted[Math.floor(NODES * 0.1)] ?? 0),
  ).toBeGreaterThan(100)
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
