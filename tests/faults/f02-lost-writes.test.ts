import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { nearCacheLimits } from '../../src/engines/redis/near-cache-options.ts'
import { type RedisTarget, redisTarget } from '../../src/engines/redis/options.ts'
import { RedisEngine } from '../../src/engines/redis/redis-engine.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { request, signIn, sleep, until } from '../support/requests.ts'
import { recovered, type User } from './load.ts'
import { node, server } from './setup.ts'

/** Whoever is at the address: another server takes its place. */
class Address {
  readonly target: { -readonly [Key in keyof RedisTarget]: RedisTarget[Key] }

  constructor(redis: RedisServer) {
    this.target = { ...redisTarget(redis.url) }
  }

  moveTo(redis: RedisServer): void {
    this.target.address = redisTarget(redis.url).address
  }
}

function nodeAt({ target }: Address) {
  const engine = new RedisEngine({
    ...{ prefix: 'sj', commandTimeout: 2_000, clock: systemClock, expiry: 'off' },
    ...{ plan: { kind: 'single', target }, nearCache: nearCacheLimits() },
    ...{ waitFor: { replicas: 0, disk: false }, confirmTimeout: 200, region: 0 },
  })
  return node<User>('', { redis: undefined, engine })
}

/** A primary, and a replica that has all that was written so far and nothing of what comes. */
async function stalled(): Promise<{ primary: RedisServer; stall: () => Promise<RedisServer> }> {
  const options = { tcp: true, args: ['--repl-diskless-sync-delay', '0'] }
  const [primary, replica] = [await server(options), await server(options)]
  await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
  const stall = async (): Promise<RedisServer> => {
    await until('it has all', async () => {
      const [one, other] = await Promise.all(
        [primary, replica].map((redis) => redis.cli('INFO', 'replication')),
      )
      const offset = (info = '') => /(?:master|slave)_repl_offset:(\d+)/.exec(info)?.[1]
      return other?.includes('master_link_status:up') === true && offset(one) === offset(other)
    })
    await replica.cli('REPLICAOF', 'NO', 'ONE')
    return replica
  }
  return { primary, stall }
}

it('F02 I1 I3 what a successor had not received of the last moments is repeated to it: nobody is signed in again, no change is lost', async () => {
  const { primary, stall } = await stalled()
  const address = new Address(primary)
  const [here, there] = [await nodeAt(address), await nodeAt(address)]
  const out = await signIn<User>(here, { owner: 'ada', n: 0 })
  const revoked = [
    await signIn<User>(here, { owner: 'eve', n: 0 }, 'eve'),
    await signIn<User>(there, { owner: 'eve', n: 0 }, 'eve'),
  ]
  const counting = await signIn<User>(here, { owner: 'bob', n: 0 })
  const successor = await stall()
  await (await here.open(out)).logout()
  expect(await there.of('eve').revokeAll()).toMatchObject({ count: 2 })
  // Each on the other's: no node alone can repeat them all in one go.
  for (let i = 0; i < 20; i++) {
    const session = await (i % 2 === 0 ? here : there).open(counting, { fresh: true })
    await session.update('n', (n = 0) => n + 1)
  }
  address.moveTo(successor)
  await primary.kill()
  for (const one of [here, there]) await recovered(one)
  for (const one of [here, there]) {
    for (const token of [out, ...revoked]) {
      const { session } = await request(one, token)
      expect(session.get('owner')).toBeUndefined()
    }
  }
  await until('all changes are there', async () => {
    const session = await here.open(counting, { fresh: true })
    return session.get('n') === 20
  })
  expect(await here.of('eve').count()).toBe(0)
})

it('F02 I1 what is repeated brings nothing back that another has ended meanwhile', async () => {
  const { primary, stall } = await stalled()
  const address = new Address(primary)
  const here = await nodeAt(address)
  const calm = await node<User>(primary.url)
  const token = await signIn<User>(here, { owner: 'ada', n: 0 })
  const successor = await stall()
  const session = await here.open(token)
  await session.update('n', (n = 0) => n + 1)
  await session.rotate()
  await session.update('n', (n = 0) => n + 1)
  // At the successor, before this node comes there.
  const other = await node<User>(successor.url)
  await (await other.open(token)).logout()
  address.moveTo(successor)
  await primary.kill()
  await recovered(here)
  await sleep(300)
  for (const one of [token, session.token ?? '']) {
    const { session: late } = await request(here, one)
    expect(late.get('owner')).toBeUndefined()
  }
  await calm.close()
})
