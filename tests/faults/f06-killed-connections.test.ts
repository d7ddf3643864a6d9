import { expect, it } from 'vitest'
import { seeded } from '../support/random.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { Load, recovered, type User } from './load.ts'
import { node, server } from './setup.ts'

/** Ends the connections of one name, as an administrator would. @returns how many */
async function killConnection(redis: RedisServer, name: string): Promise<number> {
  const clients = (await redis.cli('CLIENT', 'LIST')).split('\n')
  const ids = clients
    .filter((line) => line.includes(` name=${name} `))
    .map((line) => /^id=(\d+)/.exec(line)?.[1] as string)
  for (const id of ids) await redis.cli('CLIENT', 'KILL', 'ID', id)
  return ids.length
}

function named(redis: RedisServer, name: string): { url: string; name: string } {
  return { url: redis.url, name }
}

it('F06 I2 I3 I5 I8 the connection is killed 20 times under load: no increment is lost or counted twice', async () => {
  const random = seeded('F06')
  const redis = await server()
  const options = { commandTimeout: 1_000 }
  const [calm, here] = [await node<User>(redis.url), await node<User>(redis.url, options)]
  const there = await node<User>(redis.url, options)
  const load = await Load.start(calm, [here, there], random)
  for (let i = 0; i < 20; i++) {
    await sleep(20 + random.next(60))
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  }
  await sleep(100)
  await load.stop()
  expect(await load.problems([here, there])).toEqual([])
  expect(load.served).toBeGreaterThan(100)
  const clients = (await redis.cli('CLIENT', 'LIST')).split('\n')
  await recovered(calm)
  expect(clients.filter((line) => line.includes('name=sojourn')).length).toBeLessThanOrEqual(3)
})

it('F06 I4 after each kill the node has forgotten what it knew, and is told of changes again', async () => {
  const redis = await server()
  const here = await node<User>(redis.url, {
    redis: named(redis, 'here'),
    nearCache: { maxStaleness: '1m' },
  })
  const there = await node<User>(redis.url)
  const token = await signIn<User>(there, { owner: 'ada', n: 0 })
  for (let i = 1; i <= 20; i++) {
    await request(here, token)
    await until('it is at hand', async () => {
      await request(here, token)
      return hit(here, token) !== undefined
    })
    expect(await killConnection(redis, 'here')).toBe(1)
    // Nobody can tell this node of it: it has no connection, or one that has read nothing.
    await (await there.open(token)).update('n', () => i)
    await until('the end is noticed', () => hit(here, token) === undefined)
    await recovered(here)
    expect(hit(here, token)).toBeUndefined()
    expect((await request(here, token)).session.get('n')).toBe(i)
    expect(hit(here, token)?.get('n')).toBe(i)
    await (await there.open(token)).update('n', () => -i)
    await until('the change is noticed', () => hit(here, token) === undefined)
    expect((await request(here, token)).session.get('n')).toBe(-i)
  }
  expect(here.stats().nearCache?.state).toBe('on')
})
