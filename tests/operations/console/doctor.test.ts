import { afterEach, expect, it } from 'vitest'
import { Doctor } from '../../../src/operations/console/doctor.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { until } from '../../support/until.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const evictions = async (server: RedisServer): Promise<number> =>
  Number(/evicted_keys:(\d+)/.exec(await server.cli('INFO', 'stats'))?.[1])

it('tells of evictions between two looks: it has a history', async () => {
  const server = await startRedis({ args: ['--maxmemory-policy', 'allkeys-random'] })
  ends.push(() => server.stop())
  for (let i = 0; i < 9; i++) await server.cli('SET', `key ${i}`, 'x')
  const doctor = new Doctor(server.url, { prefix: 'sj', expiry: 'off', durable: false })
  ends.push(() => doctor.close())
  const seen = async (): Promise<string[]> => {
    const { examination } = await doctor.look()
    const result = examination.results.find(({ id }) => id === 'mem.evicted')
    return (result?.findings ?? []).map((finding) => `${finding.severity}: ${finding.seen}`)
  }
  expect(await seen()).toEqual([])
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  await server.cli('GET', 'x')
  await until(async () => (await evictions(server)) === 9)
  await server.cli('CONFIG', 'SET', 'maxmemory', '0')
  // What it has just said it says again, for two seconds.
  await until(async () => (await seen()).length > 0)
  expect(await seen()).toEqual(['warn: 9 keys evicted since the look 1 min ago'])
}, 20_000)
