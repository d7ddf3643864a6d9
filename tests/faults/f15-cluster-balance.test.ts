/** How sessions and work lie on the masters of a Cluster. `npm run test:faults -- --long` has 100,000. */
import { expect, it } from 'vitest'
import { createKeyring } from '../../src/core/keyring.ts'
import { createToken } from '../../src/core/token.ts'
import type { RedisSource } from '../../src/engines/redis/options.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { startCluster } from '../support/cluster.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { SECRET } from '../support/requests.ts'
import { atEnd, callsOf, FULL, server } from './setup.ts'

const SESSIONS = FULL ? 100_000 : 15_000
/** Chance alone: more than four times the standard deviation of a third of them, which is 1.2 %; and what many are allowed. */
const OFF = FULL ? 0.02 : 0.05
const AT_ONCE = 250

interface Worked {
  readonly perSecond: number
  /** Of the servers' own time. */
  readonly microsPerSession: number
}

/** Creates the sessions and reads each once. */
async function work(redis: RedisSource, servers: readonly RedisServer[]): Promise<Worked> {
  const engine = redisEngine({ redis, commandTimeout: 20_000, nearCache: false })
  atEnd(() => engine.close())
  await engine.ready()
  const keyring = createKeyring([SECRET])
  const record = Buffer.alloc(300, 7)
  record.writeUInt16BE(0x01_00)
  const before = await cpuOf(servers)
  const from = performance.now()
  let left = SESSIONS
  const actor = async (): Promise<void> => {
    while (left-- > 0) {
      const { id } = createToken(keyring)
      await engine.create(id, record, 3_600_000)
      await engine.load(id)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, actor))
  const seconds = (performance.now() - from) / 1_000
  const cpu = (await cpuOf(servers)) - before
  return {
    perSecond: Math.round(SESSIONS / seconds),
    microsPerSession: Math.round((cpu * 1e6) / SESSIONS),
  }
}

/** Seconds. */
async function cpuOf(servers: readonly RedisServer[]): Promise<number> {
  const infos = await Promise.all(servers.map((redis) => redis.cli('INFO', 'cpu')))
  const used = (info: string, kind: string): number =>
    Number(new RegExp(`used_cpu_${kind}:([0-9.]+)`).exec(info)?.[1])
  return infos.reduce((sum, info) => sum + used(info, 'user') + used(info, 'sys'), 0)
}

it('F15 sessions and their reads lie evenly on three masters', async () => {
  const cluster = await startCluster()
  atEnd(() => cluster.stop())
  const three = await work({ cluster: cluster.addresses }, cluster.nodes)
  const sizes = await Promise.all(cluster.nodes.map(async (one) => Number(await one.cli('DBSIZE'))))
  const reads = await Promise.all(
    cluster.nodes.map(async (one) => (await callsOf(one)).get('get') ?? 0),
  )
  for (const counts of [sizes, reads]) {
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
    const off = Math.max(...counts.map((count) => Math.abs(count - mean) / mean))
    console.log(counts, `${(off * 100).toFixed(2)} % off at most`)
    expect(off).toBeLessThan(OFF)
  }
  const single = await server()
  console.log('three masters', three, 'one', await work(single.url, [single]))
}, 120_000)
