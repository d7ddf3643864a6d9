import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { aclRules } from '../../src/operations/acl/acl.ts'
import { runCli, startCli } from '../support/cli.ts'
import { startCluster } from '../support/cluster.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
  await redis.cli('SET', 'sj:of-the-application', 'stays')
})
afterAll(() => redis.stop())

const keys = async (): Promise<string[]> => (await redis.cli('KEYS', '*')).trim().split('\n')

it('times each operation, and leaves nothing behind', async () => {
  const args = ['--sessions', '40', '--duration', '1500ms', '--payload', '200', '--writes', '50']
  const { code, stdout } = await runCli(['bench', '--redis', redis.url, ...args, '--json'])
  expect(code).toBe(0)
  const { timings, ...rest } = JSON.parse(stdout) as {
    timings: { operation: string; count: number; p50: number; p99: number; failed: number }[]
  }
  expect(rest).toMatchObject({ sessions: 40, cleaned: true, nearCache: { state: 'on' } })
  expect(timings.map(({ operation }) => operation).toSorted()).toEqual([
    ...['change', 'read, asked of Redis', 'read, near cache'],
    ...['sign in', 'sign out', 'signed out elsewhere'],
  ])
  for (const { count, p50, p99, failed } of timings) {
    expect(count).toBeGreaterThanOrEqual(40)
    expect(p50).toBeGreaterThan(0)
    expect(p99).toBeGreaterThanOrEqual(p50)
    expect(failed).toBe(0)
  }
  expect(await keys()).toEqual(['sj:of-the-application'])
})

it('signs in and out no faster than it is told', async () => {
  const args = ['--sessions', '40', '--duration', '100ms', '--rate', '40', '--json']
  const { stdout } = await runCli(['bench', '--redis', redis.url, ...args])
  const { timings, cleaned } = JSON.parse(stdout) as {
    timings: { operation: string; perSecond: number }[]
    cleaned: boolean
  }
  for (const wanted of ['sign in', 'sign out']) {
    const { perSecond = 0 } = timings.find(({ operation }) => operation === wanted) ?? {}
    expect(perSecond).toBeGreaterThan(10)
    expect(perSecond).toBeLessThan(60)
  }
  expect(cleaned).toBe(true)
})

it('ended before its time it takes away what it has written', async () => {
  const { child, ended } = startCli(['bench', '--redis', redis.url, '--sessions', '30'])
  await until(async () => (await keys()).length > 30)
  await sleep(200)
  child.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 0, stdout: expect.stringContaining('sign in') })
  expect(await keys()).toEqual(['sj:of-the-application'])
})

it('killed it leaves nothing that lives for more than 15 minutes, but a counter', async () => {
  const { child, ended } = startCli(['bench', '--redis', redis.url, '--sessions', '30'])
  await until(async () => (await keys()).length > 30)
  await sleep(1_500)
  child.kill('SIGKILL')
  await ended
  const left = (await keys()).filter((key) => key.startsWith('sj-bench:'))
  const counted = left.filter((key) => !key.includes('}:g:'))
  expect(counted.some((key) => key.includes('}:p:'))).toBe(true)
  for (const key of counted) {
    const ttl = Number(await redis.cli('PTTL', key))
    expect(ttl).toBeGreaterThan(0)
    expect(ttl).toBeLessThanOrEqual(15 * 60_000)
  }
  for (const key of left) await redis.cli('DEL', key)
})

it('by a user of its own, as sojourn acl makes one', async () => {
  const options = {
    role: 'app',
    user: 'bench',
    prefix: 'sj-bench',
    features: [],
    database: 0,
  } as const
  await redis.cli('ACL', 'SETUSER', ...aclRules(options))
  const user = { username: 'bench', password: 'password' }
  const source = JSON.stringify({ socket: redis.socketPath, ...user })
  const args = ['bench', '--redis', source, '--sessions', '30', '--duration', '1500ms', '--json']
  const { code, stdout } = await runCli(args)
  expect(JSON.parse(stdout)).toMatchObject({ cleaned: true })
  expect(code).toBe(0)
  expect(await keys()).toEqual(['sj:of-the-application'])
})

it('says what it has measured, and what is left, where Redis hangs midway', async () => {
  const own = await startRedis()
  try {
    const args = ['bench', '--redis', own.url, '--sessions', '100', '--duration', '3s', '--json']
    const { ended } = startCli(args)
    await until(async () => Number(await own.cli('DBSIZE')) > 100)
    await sleep(1_000)
    process.kill(own.pid, 'SIGSTOP')
    const { code, stdout, stderr } = await ended
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ sessions: 100, cleaned: false })
    expect(stderr).toContain('within 15 minutes')
  } finally {
    process.kill(own.pid, 'SIGCONT')
    await own.stop()
  }
}, 60_000)

it('on a Cluster', async () => {
  const cluster = await startCluster()
  try {
    const source = JSON.stringify({ cluster: cluster.addresses.slice(0, 1) })
    const args = ['--sessions', '40', '--duration', '1500ms', '--json']
    const { code, stdout } = await runCli(['bench', '--redis', source, ...args])
    expect({ code, cleaned: (JSON.parse(stdout) as { cleaned: boolean }).cleaned }).toEqual({
      ...{ code: 0, cleaned: true },
    })
    const sizes = cluster.nodes.map(async (node) => (await node.cli('DBSIZE')).trim())
    expect(await Promise.all(sizes)).toEqual(cluster.nodes.map(() => '0'))
  } finally {
    await cluster.stop()
  }
})

it('usage, and a server that is not there', async () => {
  const long = await runCli(['bench', '--redis', redis.url, '--duration', '11m'])
  expect(long).toMatchObject({ code: 2, stderr: expect.stringContaining('--duration') })
  const none = await runCli(['bench', '--redis', redis.url, '--sessions', '0'])
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('from 1 to 1000000') })
  expect(await runCli(['bench', '--redis', 'redis://127.0.0.1:1'])).toMatchObject({ code: 3 })
})
