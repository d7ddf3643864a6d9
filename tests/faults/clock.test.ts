import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { newId, record } from '../engines/redis/fixtures.ts'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { atEnd, node, proxyOf, server } from './setup.ts'

const HOUR = 3_600_000

/** Wall clock that can be set; the monotonic one goes on. */
function jumpingClock(start = 0): Clock & { jump: number } {
  const clock = {
    jump: start,
    now: () => Date.now() + clock.jump,
    monotonic: () => performance.now(),
  }
  return clock
}

describe.each([HOUR, -HOUR])('F19 the wall clock jumps by %d ms', (jump) => {
  it('I4 sessions, entries and heartbeats go on by the monotonic clock', async () => {
    const redis = await server()
    const clock = jumpingClock()
    const here = await node(redis.url, { clock, nearCache: { maxStaleness: 300 } })
    const there = await node(redis.url)
    const token = await signIn(there, { a: 1 })
    await until('it is at hand', async () => (await request(here, token)) && !!hit(here, token))
    clock.jump = jump
    // What was fresh is fresh, and stays so only with heartbeats.
    expect(hit(here, token)?.get('a')).toBe(1)
    await sleep(600)
    expect(hit(here, token)?.get('a')).toBe(1)
    redis.pause()
    await sleep(400)
    expect(hit(here, token)).toBeUndefined()
    redis.resume()
  })

  it('I5 lifetimes are those of the server: no session ends early or lasts longer', async () => {
    const redis = await server()
    const clock = jumpingClock()
    const idle = { idleTimeout: '2s', absoluteTimeout: '4s' } as const
    const here = await node(redis.url, { clock, ...idle })
    clock.jump = jump
    const token = await signIn(here, { a: 1 })
    const session = (await request(here, token)).session
    const [created, deadline] = [session.createdAt ?? 0, session.deadline ?? 0]
    expect(Math.abs(created - Date.now())).toBeLessThan(1_000)
    expect(deadline - created).toBe(4_000)
    const from = performance.now()
    let last = from
    while (performance.now() - from < 5_000) {
      const { session: seen } = await request(here, token)
      if (seen.isNew) break
      last = performance.now()
      await sleep(20)
    }
    expect(last - from).toBeGreaterThan(1_000)
    expect(last - from).toBeLessThan(2_100)
  })
})

it.each([HOUR, -HOUR])(
  'F19 I4 a read that begins while the clock of the server is being learnt (ours is off by %d ms) ends in time',
  async (jump) => {
    const redis = await server()
    const proxy = await proxyOf(redis)
    const there = redisEngine({ redis: redis.url })
    atEnd(() => there.close())
    const id = newId()
    await there.create(id, record(1), 60_000)
    proxy.delay(15)
    const clock = jumpingClock(jump)
    const here = redisEngine({ redis: proxy.url, clock, nearCache: { maxStaleness: '1m' } })
    atEnd(() => here.close())
    const reads: Promise<unknown>[] = []
    while (here.nearCache.age === undefined) {
      reads.push(here.load(id).catch(() => undefined))
      await sleep(1)
    }
    await Promise.all(reads)
    const held = here.held(id)
    const left = (held?.expiresAt ?? here.now()) - here.now()
    expect(left).toBeLessThanOrEqual(60_000)
    // Nor is it thrown away before its time.
    expect(left === 0 || left > 50_000).toBe(true)
  },
)
