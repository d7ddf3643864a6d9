import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import type { RedisSource } from '../../src/engines/redis/options.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { checkRegions } from '../../src/engines/regions/options.ts'
import { RegionalEngine } from '../../src/engines/regions/regional-engine.ts'
import { engineSuite, manualClock } from '../../src/testing/index.ts'
import { startCluster } from '../support/cluster.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { MASTER_NAME, startSentinels } from '../support/sentinels.ts'
import { type RedisTime, redisTime } from './redis-time.ts'

const cases = engineSuite().map(({ title, run }) => [title, run] as const)

describe('memory engine', () => {
  test.each(cases)('%s', async (_, assertCase) => {
    const clock = manualClock()
    const engine = memoryEngine({ clock })
    try {
      await assertCase({ engine, second: engine, advance: async (ms) => clock.advance(ms) })
    } finally {
      await engine.close()
    }
  })
})

describe('regions, a server for each of two', () => {
  let servers: readonly RedisServer[]
  let times: readonly RedisTime[]
  let count = 0

  beforeAll(async () => {
    servers = await Promise.all([startRedis(), startRedis()])
    times = await Promise.all(servers.map((server) => redisTime(server)))
  }, 60_000)

  afterAll(async () => {
    await Promise.all(times.map((time) => time.close()))
    await Promise.all(servers.map((server) => server.stop()))
  })

  test.each(cases)('%s', async (_, assertCase) => {
    const clock = manualClock()
    const prefix = `sj:case${(count += 1)}`
    const [eu, us] = servers.map(({ url }, number) => ({ number, redis: url }))
    const plan = checkRegions({ regions: { eu: eu!, us: us! }, home: 'eu' })
    const make = () =>
      new RegionalEngine(plan, ({ number, redis = '' }) =>
        redisEngine({ redis, region: number, prefix, clock, commandTimeout: 10_000 }),
      )
    const [engine, second] = [make(), make()]
    const advance = async (ms: number): Promise<void> => {
      clock.advance(ms)
      for (const time of times) await time.pass(prefix, ms)
    }
    try {
      await assertCase({ engine, second, advance })
    } finally {
      await Promise.all([engine.close(), second.close()])
    }
  })
})

/** The user that docs/redis.md tells to make. */
function documentedUser(): string[] {
  const docs = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8')
  const [command] = /ACL SETUSER[^`]*/.exec(docs) ?? ['']
  return command.trim().split(/\s+/)
}

/** What is to be allowed besides, as docs/redis.md says. */
const ADDITIONS = {
  one: [],
  sentinel: ['+role'],
  cluster: ['+cluster|slots', '+cluster|info', '+asking'],
} as const

interface Deployment {
  readonly redis: RedisSource
  /** Those that have keys. */
  readonly servers: readonly RedisServer[]
  stop(): Promise<void>
}

const DEPLOYMENTS: Record<keyof typeof ADDITIONS, () => Promise<Deployment>> = {
  one: async () => {
    const server = await startRedis()
    return { redis: { url: server.url }, servers: [server], stop: () => server.stop() }
  },
  sentinel: async () => {
    const started = await startSentinels({ replicas: 1 })
    const [primary] = started.servers as [RedisServer]
    const redis = { sentinels: started.addresses, masterName: MASTER_NAME }
    return { redis, servers: [primary], stop: () => started.stop() }
  },
  cluster: async () => {
    const started = await startCluster()
    const redis = { cluster: started.addresses.slice(0, 1) }
    return { redis, servers: started.nodes, stop: () => started.stop() }
  },
}

describe.each([
  ['one', 'off'],
  ['one', 'reliable'],
  ['sentinel', 'off'],
  ['cluster', 'off'],
  ['cluster', 'reliable'],
] as const)(
  'S28 Redis engine, as the user with the least permissions, %s, expiry %s',
  (kind, expiry) => {
    let deployment: Deployment
    let times: readonly RedisTime[]
    let count = 0

    beforeAll(async () => {
      deployment = await DEPLOYMENTS[kind]()
      const { servers } = deployment
      times = await Promise.all(servers.map((server) => redisTime(server)))
      for (const server of servers) await server.cli(...documentedUser(), ...ADDITIONS[kind])
    }, 60_000)

    afterAll(async () => {
      await Promise.all(times.map((time) => time.close()))
      await deployment.stop()
    })

    test.each(cases)('%s', async (_, assertCase) => {
      const clock = manualClock()
      const prefix = `sj:case${(count += 1)}`
      // No deadline is tested here, and no slow machine is to meet one.
      const redis = { ...(deployment.redis as object), username: 'app', password: 'password' }
      const options = { redis: redis as RedisSource, prefix, clock, commandTimeout: 10_000, expiry }
      const [engine, second] = [redisEngine(options), redisEngine(options)]
      const advance = async (ms: number): Promise<void> => {
        clock.advance(ms)
        for (const time of times) await time.pass(prefix, ms)
      }
      try {
        await assertCase({ engine, second, advance })
      } finally {
        await Promise.all([engine.close(), second.close()])
      }
    })
  },
)
