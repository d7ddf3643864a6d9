import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { partitionTag } from '../../src/core/partitions.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { findFleet } from '../../src/engines/redis/fleet.ts'
import { redisPlan, redisTarget, type SentinelPlan } from '../../src/engines/redis/options.ts'
import { Sentinel } from '../../src/engines/redis/sentinel.ts'
import { Single } from '../../src/engines/redis/single.ts'
import { total } from '../support/history.ts'
import { seeded } from '../support/random.ts'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { DOWN_AFTER, MASTER_NAME, type Sentineled, startSentinels } from '../support/sentinels.ts'
import { Load, lossesIn, recovered, type User } from './load.ts'
import { atEnd, node, server } from './setup.ts'

async function sentinels(): Promise<Sentineled> {
  const started = await startSentinels()
  atEnd(() => started.stop())
  return started
}

function nodeOf({ addresses }: Sentineled, maxStaleness = '1s' as const): Promise<Sessions<User>> {
  return node<User>('', {
    redis: { sentinels: addresses.slice(0, 1), masterName: MASTER_NAME },
    nearCache: { maxStaleness },
  })
}

it('F03 I2 I3 I5 I8 failovers that are asked for, under load: the former primary, which goes on as one, is left at once', async () => {
  const random = seeded('F03')
  const deployment = await sentinels()
  const nodes = [await nodeOf(deployment), await nodeOf(deployment)]
  const load = await Load.start(await nodeOf(deployment), nodes, random, 10)
  for (let i = 0; i < 2; i++) {
    await sleep(300)
    await deployment.failover()
    for (const one of nodes) await recovered(one)
  }
  await sleep(300)
  await load.stop()
  const { lost, others } = lossesIn(await load.problems(nodes))
  const acknowledged = total([load.history.increments], 'ok')
  console.log(`served ${load.served}, failed ${load.failed}, lost ${lost} of ${acknowledged}`)
  expect(others).toEqual([])
  expect(lost).toBeLessThan(acknowledged / 100)
  expect(load.served).toBeGreaterThan(100)
}, 60_000)

it('F03 I2 I5 I7 I8 the primary is killed under load: served again within 5 s of the promotion', async () => {
  const random = seeded('F03')
  const deployment = await sentinels()
  const nodes = [await nodeOf(deployment), await nodeOf(deployment)]
  const load = await Load.start(await nodeOf(deployment), nodes, random, 10)
  await sleep(300)
  const former = await deployment.primary()
  await former.kill()
  const killedAt = performance.now()
  await deployment.succeeded(former)
  const promoted = performance.now()
  for (const one of nodes) await recovered(one)
  const back = performance.now()
  await sleep(300)
  await load.stop()
  const { lost, others } = lossesIn(await load.problems(nodes))
  console.log(
    `promoted ${(promoted - killedAt).toFixed(0)} ms after the kill (down-after ${DOWN_AFTER}), served ` +
      `${(back - promoted).toFixed(0)} ms after that; lost ${lost}`,
  )
  expect(others).toEqual([])
  expect(back - promoted).toBeLessThan(5_000)
}, 60_000)

it('F03 I4 what the former primary told is forgotten: a session that was revoked at the new one is served nowhere', async () => {
  const deployment = await sentinels()
  const [here, there] = [await nodeOf(deployment), await nodeOf(deployment)]
  const token = await signIn<User>(there, { owner: 'ada', n: 0 })
  await until('it is at hand', async () => {
    await request(here, token)
    return hit(here, token) !== undefined
  })
  await deployment.failover()
  await recovered(there)
  const session = await there.open(token)
  await session.logout()
  // Well below maxStaleness: the connection to the former primary has gone when the switch was known.
  await until('it has ended here too', () => hit(here, token) === undefined)
  await recovered(here)
  const { session: late } = await request(here, token)
  expect(late.get('owner')).toBeUndefined()
}, 60_000)

it('F03 I3 I4 the Sentinel that leads a failover never names the former primary as the one of the new epoch', async () => {
  const deployment = await sentinels()
  const former = await deployment.primary()
  const address = { host: '127.0.0.1', port: deployment.sentinels[0]?.port ?? 0 }
  const redis = { sentinels: [`127.0.0.1:${address.port}`], masterName: MASTER_NAME }
  const { plan } = redisPlan(redis) as { plan: SentinelPlan }
  const leader = new Sentinel({
    ...{ plan, address, clock: systemClock, commandTimeout: 2_000 },
    ...{ changed: () => undefined, coming: () => undefined },
  })
  atEnd(async () => leader.close())
  // Those who look from outside ask all Sentinels.
  const fleet = await findFleet(redis, { commandTimeout: 2_000 })
  atEnd(async () => fleet.close())
  const before = await leader.ask()
  expect(before.primary.port).toBe(former.port)
  const views = new Set<string>()
  const asking = (async () => {
    while (!views.has('1 successor')) {
      const { epoch, primary: named } = await leader.ask()
      views.add(`${epoch - before.epoch} ${named.port === former.port ? 'former' : 'successor'}`)
    }
    await fleet.refresh()
    return fleet.servers.filter(({ role }) => role === 'primary').map(({ name }) => name)
  })()
  await deployment.failover()
  const seenFromOutside = await asking
  expect(views).toContain('1 successor')
  expect(views).not.toContain('1 former')
  expect(seenFromOutside).toEqual([`127.0.0.1:${(await deployment.primary()).port}`])
}, 60_000)

it('F13 I3 a server is demoted under a live connection: what it refuses is done at its successor, once', async () => {
  const options = { tcp: true, args: ['--repl-diskless-sync-delay', '0'] }
  const [former, successor] = [await server(options), await server(options)]
  await successor.cli('REPLICAOF', '127.0.0.1', String(former.port))
  await until('it has caught up', async () =>
    (await successor.cli('INFO', 'replication')).includes('master_link_status:up'),
  )
  let target = redisTarget(former.url)
  const route = { find: async () => target, check: async () => true }
  const topology = new Single(route, {
    ...{ prefix: 'sj', commandTimeout: 2_000, clock: systemClock },
    ...{ nearCache: undefined, confirmTimeout: 200 },
  })
  atEnd(async () => topology.close())
  const at = partitionTag(1)
  const add = () =>
    topology.at(at, (place) =>
      place.call('test', (wire) => wire.sendCommand(['HINCRBY', 'sj:n', 'n', '1'])),
    )
  expect(await add()).toBe(1)
  await until('it has arrived', async () => (await successor.cli('HGET', 'sj:n', 'n')) === '1')
  await successor.cli('REPLICAOF', 'NO', 'ONE')
  target = redisTarget(successor.url)
  await former.cli('REPLICAOF', '127.0.0.1', String(successor.port))
  const answers = await Promise.all(Array.from({ length: 20 }, add))
  expect(answers.toSorted((one, other) => Number(one) - Number(other))).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 2),
  )
})

it('F13 I7 a server that is a replica and stays one: a typed error at once, and no storm of connections', async () => {
  const [primary, replica] = [await server({ tcp: true }), await server({ tcp: true })]
  const here = await node<User>(replica.url)
  await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
  const before = await connectionsOf(replica)
  for (let i = 0; i < 50; i++) {
    const session = await here.open()
    const error: unknown = await session.update('n', () => i).catch((problem: unknown) => problem)
    expect(error).toMatchObject({ code: 'ERR_SOJOURN_STORE_REFUSED', reason: 'READONLY' })
  }
  expect((await connectionsOf(replica)) - before).toBeLessThan(10)
})

it('F13 a start in the middle of a failover waits for it', async () => {
  const [primary, replica] = [await server({ tcp: true }), await server({ tcp: true })]
  await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
  const starting = node<User>(replica.url)
  await sleep(300)
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  const here = await starting
  expect(await signIn<User>(here, { owner: 'ada', n: 0 })).toBeTypeOf('string')
})

async function connectionsOf(redis: {
  cli: (...args: string[]) => Promise<string>
}): Promise<number> {
  const stats = await redis.cli('INFO', 'stats')
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1])
}
