import { expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { countersThatLie, History, total } from '../support/history.ts'
import { seeded } from '../support/random.ts'
import { request, signIn, sleep } from '../support/requests.ts'
import type { Growth, MemoryNode } from './nodes/memory-node.ts'
import { child, FULL, node, server } from './setup.ts'

/** How long the server is stopped, milliseconds. */
const HUNG = FULL ? 30_000 : 3_000

it('F04 I2 I3 I5 I7 hung again and again under load: deadlines hold, nobody gets another’s answer', async () => {
  const { next } = seeded('F04')
  const redis = await server()
  const commandTimeout = 100
  const sessions = await node<{ owner: string; n: number }>(redis.url, {
    commandTimeout,
    nearCache: { maxStaleness: 150 },
  })
  const calm = await node<{ owner: string; n: number }>(redis.url)
  const tokens = new Map<string, string>()
  for (let i = 0; i < 30; i++) {
    tokens.set(`user ${i}`, await signIn(calm, { owner: `user ${i}`, n: 0 }))
  }
  const history = new History()
  const foreign: string[] = []
  const slow: number[] = []
  let served = 0
  const end = performance.now() + 3_000
  const actors = [...tokens].map(async ([owner, token]) => {
    while (performance.now() < end) {
      const from = performance.now()
      try {
        const { session } = await request(sessions, token)
        // A stopped server is no reason to sign anybody out.
        if (session.get('owner') !== owner) foreign.push(`${owner}: ${session.get('owner')}`)
        served++
        if (next(4) === 0) {
          await history.increment(token, () => session.update('n', (n = 0) => n + 1))
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        slow.push(performance.now() - from)
      }
      await sleep(next(10))
    }
  })
  const pauses = (async () => {
    while (performance.now() < end - 500) {
      redis.pause()
      await sleep(50 + next(400))
      redis.resume()
      await sleep(100 + next(100))
    }
  })()
  await Promise.all([...actors, pauses])
  expect(foreign).toEqual([])
  expect(history.strange).toEqual([])
  expect(served).toBeGreaterThan(300)
  expect(slow.length).toBeGreaterThan(0)
  expect(total([history.increments], 'ok')).toBeGreaterThan(10)
  // A read and its reads of forwards at most; far below what adds up when deadlines queue.
  expect(Math.max(...slow)).toBeLessThan(commandTimeout * 10)
  const found: Record<string, number> = {}
  for (const token of tokens.values()) {
    found[token] = (await calm.open(token, { fresh: true })).get('n') ?? 0
  }
  expect(countersThatLie([history.increments], found)).toEqual([])
})

it(`F04 I6 hung for ${HUNG} ms while requests go on coming: nothing piles up, and it recovers`, {
  timeout: HUNG + 20_000,
}, async () => {
  const redis = await server()
  const nearCache = { maxStaleness: 200 }
  const start = { redis: redis.url, commandTimeout: 200, nearCache } satisfies MemoryNode
  const started = await child(new URL('nodes/memory-node.ts', import.meta.url), start, [
    '--expose-gc',
  ])
  await started.ask('knock', { lasts: 300 })
  redis.pause()
  const growth = await started.ask<Growth>('knock', { lasts: HUNG })
  redis.resume()
  expect(growth.failed).toBeGreaterThan(growth.served)
  expect(growth.strange).toEqual([])
  // Each request waits for 200 ms at most: of 3 s of them a fifteenth at a time.
  expect(growth.mostWaiting).toBeLessThan((growth.asked / 3) * (3_000 / HUNG))
  expect(growth.heapAfter - growth.heapBefore).toBeLessThan(8 * 1024 * 1024)
  expect(await started.ask('recover')).toBeLessThan(5_000)
  const clients = (await redis.cli('CLIENT', 'LIST')).split('\n')
  expect(clients.filter((line) => line.includes('name=sojourn'))).toHaveLength(1)
})
