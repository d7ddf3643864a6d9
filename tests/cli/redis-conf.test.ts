import { afterEach, describe, expect, it } from 'vitest'
import { createSessions } from '../../src/create-sessions.ts'
import type { RedisSource } from '../../src/engines/redis/options.ts'
import { aclRulesFor } from '../../src/operations/acl/acl.ts'
import { examine } from '../../src/operations/doctor/examine.ts'
import type { Severity } from '../../src/operations/doctor/finding.ts'
import {
  type ConfOptions,
  redisConf,
  sentinelConf,
} from '../../src/operations/redis-conf/redis-conf.ts'
import { runCli } from '../support/cli.ts'
import { startCluster } from '../support/cluster.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET } from '../support/requests.ts'
import { until } from '../support/until.ts'

const GIB = 2 ** 30
/** As `sojourn acl` prints it. */
const PASSWORD = 'password'
const OPTIONS: ConfOptions = {
  ...{ kind: 'single', memory: 2 * GIB, processes: 20, durable: false, expiry: 'off', tls: false },
}

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

async function start(options: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
  const server = await startRedis(options)
  ends.push(() => server.stop())
  return server
}

/** Those whom `sojourn acl` prints: the application, and who is on call. */
async function signUp(redis: RedisSource, servers: readonly RedisServer[]): Promise<void> {
  for (const role of ['app', 'ops'] as const) {
    const options = { role, user: role, prefix: 'sj', features: [], database: 0 }
    const rules = await aclRulesFor(redis, options)
    for (const server of servers) await server.cli('ACL', 'SETUSER', ...rules)
  }
}

const ops = { username: 'ops', password: PASSWORD }

/** What doctor says, but of this release of the server, and of what a busy machine holds up. */
async function found(
  redis: RedisSource,
  durable: boolean,
  expiry: ConfOptions['expiry'] = 'off',
  severities: readonly Severity[] = ['error', 'warn', 'info', 'unknown'],
) {
  const { results } = await examine(redis, {
    ...{
      prefix: 'sj',
      durable,
      expiry,
      window: 100,
      commandTimeout: 5_000,
      readFile: () => undefined,
      user: 'app',
    },
  })
  const others = new Set(['ver.cve', 'lat.slow', 'lat.rtt'])
  return results
    .filter(({ findings }) => findings.some(({ severity }) => severities.includes(severity)))
    .filter(({ id }) => !others.has(id))
    .map(({ id }) => id)
}

describe('sojourn redis-conf', () => {
  it('one server starts with it, and doctor has nothing to say but that it is alone', async () => {
    const { stdout, code } = await runCli(['redis-conf', '--memory', '2gb', '--expiry', 'notify'])
    expect(code).toBe(0)
    const server = await start({ config: stdout, password: PASSWORD })
    await signUp({ socket: server.socketPath, password: PASSWORD }, [server])
    const redis = { socket: server.socketPath, ...ops }
    expect(await found(redis, false, 'notify')).toEqual(['repl.count'])
    // Which is no reason for an exit code of 1: it starts with what it had.
    expect(await found(redis, false, 'notify', ['error', 'warn'])).toEqual([])
    await server.cli('ACL', 'SETUSER', 'default', 'nopass')
    expect(await found(redis, false, 'notify')).toEqual(['repl.count', 'sec.open'])
    expect(await server.cli('CONFIG', 'GET', 'maxmemory')).toContain(String(1_433 * 2 ** 20))
    expect(await server.cli('CONFIG', 'GET', 'appendonly')).toContain('yes')
  })

  it('one server takes logins with it, also where they are to be durable', async () => {
    const { stdout } = await runCli(['redis-conf', '--memory', '1gb', '--durable'])
    const server = await start({ config: stdout })
    const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
    await (await sessions.open()).login('ada')
    expect(await sessions.of('ada').list()).toHaveLength(1)
    await sessions.close()
  })

  it('says the same as JSON, each line with its reason', async () => {
    const { stdout } = await runCli(['redis-conf', '--for', 'cluster', '--memory', '2gb', '--json'])
    const { lines, yours } = JSON.parse(stdout) as {
      lines: { line: string; reason: string }[]
      yours: string[]
    }
    const text = redisConf({ ...OPTIONS, kind: 'cluster' })
    expect(lines.map(({ line }) => line)).toEqual(
      text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    )
    expect(lines.find(({ line }) => line === 'appendfsync everysec')?.reason).toMatch(
      /^A process that ends loses nothing.*durability: 'disk'\.$/,
    )
    expect(lines.filter(({ reason }) => reason === '')).toEqual([])
    expect(yours).toEqual(['aclfile /etc/redis/users.acl', 'masteruser replica', 'masterauth …'])
    const sentinel = await runCli(['redis-conf', '--sentinel', '--json'])
    const told = JSON.parse(sentinel.stdout) as { lines: typeof lines; yours: string[] }
    expect(told.yours).toHaveLength(3)
    // Not what is said of the password above it.
    expect(told.lines.find(({ line }) => line.startsWith('sentinel monitor'))?.reason).toBe(
      'The primary at first, and how many Sentinels must agree that it is lost.',
    )
  })

  it('servers with Sentinels start with it, and doctor has nothing to say', async () => {
    const config = redisConf({ ...OPTIONS, kind: 'sentinel', durable: true })
    const own = { tcp: true, config, password: PASSWORD }
    const primary = await start({ ...own, args: ['--masterauth', PASSWORD] })
    const replica = await start({
      ...own,
      args: ['--masterauth', PASSWORD, '--replicaof', '127.0.0.1', String(primary.port)],
    })
    const { stdout } = await runCli([
      'redis-conf',
      '--for',
      'sentinel',
      '--sentinel',
      '--master-name',
      'shop',
    ])
    expect(stdout).toBe(sentinelConf({ masterName: 'shop', tls: false }))
    const sentinel = stdout
      .replace('127.0.0.1 6379', `127.0.0.1 ${primary.port}`)
      .replace('# requirepass …', `requirepass ${PASSWORD}`)
      .replace('# sentinel auth-pass shop …', `sentinel auth-pass shop ${PASSWORD}`)
    const sentinels = await Promise.all(
      [0, 1, 2].map(() => start({ tcp: true, sentinel, password: PASSWORD })),
    )
    await until(async () => (await replica.cli('INFO', 'replication')).includes('link_status:up'))
    const redis = {
      sentinels: sentinels.map(({ port }) => `127.0.0.1:${port}`),
      masterName: 'shop',
      sentinelAccess: { password: PASSWORD },
    }
    await signUp({ ...redis, password: PASSWORD }, [primary, replica])
    // They take a while to find each other.
    await until(async () => (await found({ ...redis, ...ops }, true)).length === 0)
    expect(await primary.cli('CONFIG', 'GET', 'min-replicas-to-write')).toContain('1')
  })

  it('a Cluster starts with it, and doctor has nothing to say', async () => {
    const config = redisConf({ ...OPTIONS, kind: 'cluster' })
    const cluster = await startCluster({ masters: 3, replicas: 1, config, password: PASSWORD })
    ends.push(() => cluster.stop())
    await signUp({ cluster: cluster.addresses, password: PASSWORD }, cluster.nodes)
    const redis = { cluster: cluster.addresses, ...ops }
    await expect.poll(() => found(redis, false), { timeout: 10_000 }).toEqual([])
  })

  it('a node of a Cluster starts with it', async () => {
    const server = await start({ tcp: true, config: redisConf({ ...OPTIONS, kind: 'cluster' }) })
    await server.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await until(async () => (await server.cli('CLUSTER', 'INFO')).includes('cluster_state:ok'))
    const redis = { cluster: [`127.0.0.1:${server.port}`] }
    await signUp(redis, [server])
    expect(await found({ ...redis, ...ops }, false)).toEqual([
      ...['clu.replica', 'repl.count', 'sec.open'],
    ])
  })

  it('has certificates where TLS is asked for, and no plain port', () => {
    const lines = redisConf({ ...OPTIONS, kind: 'cluster', tls: true }).split('\n')
    expect(lines).toEqual(
      expect.arrayContaining(['port 0', 'tls-port 6379', 'tls-cluster yes', 'tls-replication yes']),
    )
    expect(sentinelConf({ masterName: 'm', tls: true })).toContain('tls-port 26379')
  })

  it('grows with the machine and the applications', () => {
    const value = (name: string, options: Partial<ConfOptions>) =>
      new RegExp(`^${name} (.*)$`, 'm').exec(redisConf({ ...OPTIONS, ...options }))?.[1]
    expect(value('maxmemory', { memory: 16 * GIB })).toBe('11468mb')
    expect(value('maxclients', { processes: 20 })).toBe('1000')
    expect(value('maxclients', { processes: 2_000 })).toBe('12200')
    // What their near caches can hold, as far as there can be so many sessions.
    expect(value('tracking-table-max-keys', { memory: 16 * GIB })).toBe('2000000')
    expect(value('tracking-table-max-keys', { memory: 16 * GIB, processes: 500 })).toBe('11468000')
    expect(value('tracking-table-max-keys', { processes: 1 })).toBe('1000000')
    expect(value('notify-keyspace-events', {})).toBe('""')
  })

  it('refuses what it cannot work with', async () => {
    for (const args of [
      [],
      ['--memory', '1mb'],
      ['--memory', 'much'],
      ['--memory', '1gb', '--processes', '0'],
      ['--for', 'fun', '--memory', '1gb'],
    ]) {
      expect(await runCli(['redis-conf', ...args])).toMatchObject({ code: 2, stdout: '' })
    }
  })
})
