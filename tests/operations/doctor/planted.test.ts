// Each misconfiguration is started for real, found, and gone when the remedy has been applied.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createClient } from '@redis/client'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/clock.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import type { FleetServer } from '../../../src/engines/redis/fleet.ts'
import type { RedisSource } from '../../../src/engines/redis/options.ts'
import type { GatherOptions } from '../../../src/operations/doctor/facts.ts'
import type { Finding } from '../../../src/operations/doctor/finding.ts'
import { applyFix } from '../../../src/operations/doctor/fix.ts'
import { MemoryHistory } from '../../../src/operations/doctor/history.ts'
import { librariesOf } from '../../../src/operations/doctor/libraries.ts'
import { startProxy } from '../../support/proxy.ts'
import {
  freePort,
  type RedisServer,
  type RedisServerOptions,
  serverFolder,
  startRedis,
} from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { until } from '../../support/until.ts'
import { found, WINDOW } from './found.ts'

const PASSWORD = 'Canary77'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  ends.push(() => server.stop())
  return server
}

const started = (...args: string[]) => start({ args })

/** It is found, what the finding would set is set, and then it is not found. @returns its severity */
async function mendedBySetting(
  id: string,
  redis: RedisSource,
  options: Partial<GatherOptions> = {},
): Promise<Finding['severity']> {
  const [finding, ...others] = await found(id, redis, options)
  expect(others).toEqual([])
  if (finding?.setting === undefined) throw new Error(`${id} has no setting`)
  const { name, value } = finding.setting
  expect(finding.fix.join('\n')).toContain(`CONFIG SET ${name} ${value === '' ? "''" : value}`)
  const applied = await applyFix(redis, finding, 5_000)
  expect(applied.map(({ isSet }) => isSet)).toEqual([true])
  expect(await found(id, redis, options)).toEqual([])
  return finding.severity
}

async function connected(server: RedisServer) {
  const client = createClient({ ...server.admin, socket: { path: server.socketPath, tls: false } })
  client.on('error', () => undefined)
  await client.connect()
  ends.push(() => client.isOpen && client.destroy())
  return client
}

async function fill(server: RedisServer, bytes: number): Promise<void> {
  await server.cli(
    'EVAL',
    `for i = 1, ${bytes / 10_000} do redis.call('SET', 'x' .. i .. math.random(), string.rep('x', 9900), 'EX', 100) end`,
    '0',
  )
}

describe('memory', () => {
  it.each([
    ['allkeys-lru', 'error'],
    ['allkeys-random', 'error'],
    ['volatile-random', 'error'],
    ['volatile-lfu', 'error'],
    ['volatile-lru', 'warn'],
  ] as const)('drops what it should not: %s', async (policy, severity) => {
    const { url } = await started('--maxmemory-policy', policy)
    expect(await mendedBySetting('mem.policy', url)).toBe(severity)
  })

  it('has no limit', async () => {
    const { url } = await started()
    expect(await mendedBySetting('mem.limit', url)).toBe('error')
  })

  it.each([
    ['0::/system.slice/redis.service', '/sys/fs/cgroup/system.slice/memory.max'],
    ['0::/', '/sys/fs/cgroup/memory.max'],
    ['4:memory:/docker/1f\n0::/', '/sys/fs/cgroup/memory/docker/1f/memory.limit_in_bytes'],
    ['4:memory:/docker/1f\n0::/', '/sys/fs/cgroup/memory/memory.limit_in_bytes'],
  ])('has no limit, in a container that has one: %s', async (groups, file) => {
    const { url } = await started()
    const files: Record<string, string> = {
      '/proc/meminfo': 'MemTotal:       16000000 kB',
      [file]: '1048576000\n',
    }
    const readFile = (path: string) =>
      path.endsWith('/comm')
        ? 'redis-server'
        : path.endsWith('/cgroup') && path.startsWith('/proc/')
          ? groups
          : files[path]
    expect(await found('mem.limit', url, { readFile })).toMatchObject([
      { setting: { name: 'maxmemory', value: '700mb' } },
    ])
  })

  it('is told why a setting does not outlast a restart', async () => {
    const { url } = await started()
    const [finding] = await found('mem.limit', url)
    expect(await applyFix(url, finding as Finding, 5_000)).toMatchObject([
      { isSet: true, isKept: false, problem: expect.stringContaining('started without a file') },
    ])
  })

  it('is nearly full, and is full', async () => {
    const server = await started('--maxmemory', '20mb')
    await fill(server, 15_000_000)
    expect(await found('mem.used', server.url)).toMatchObject([{ severity: 'warn' }])
    await fill(server, 3_000_000)
    expect(await found('mem.used', server.url)).toMatchObject([{ severity: 'error' }])
    await server.cli('CONFIG', 'SET', 'maxmemory', '100mb')
    expect(await found('mem.used', server.url)).toEqual([])
  })

  it('grows within a moment: says nothing of days', async () => {
    const server = await started('--maxmemory', '100mb')
    const grown = setTimeout(() => void fill(server, 5_000_000), WINDOW / 2)
    ends.push(() => clearTimeout(grown))
    expect(await found('mem.used', server.url, { window: 400 })).toEqual([])
    expect(/used_memory_dataset:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1]).toMatch(
      /^5\d{6}$/,
    )
  })

  it('fills up within days: says when, at the growth since former looks', async () => {
    const server = await started('--maxmemory', '100mb')
    await fill(server, 20_000_000)
    const used = Number(/used_memory_dataset:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1])
    const folder = serverFolder()
    ends.push(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'state', 'memory.json')
    const now = Date.now()
    const look = async (history: MemoryHistory) => {
      const findings = await found('mem.used', server.url, { history })
      expect(history.save()).toBeUndefined()
      return findings
    }
    // The first look notes what there is, and says nothing yet.
    expect(await look(new MemoryHistory(path))).toEqual([])
    const name = server.socketPath
    const past = new MemoryHistory(path)
    expect(past.of(name)).toMatchObject([{ used: expect.closeTo(used, -6) }])
    // 8 MB a day, with a wave that is larger than that.
    const written = new MemoryHistory(join(folder, 'made.json'))
    for (let hour = 6 * 24; hour > 0; hour--) {
      const wave = 6_000_000 * Math.sin((hour / 24) * 2 * Math.PI)
      written.add(name, { at: now - hour * 3_600_000, used: used - hour * 333_000 + wave })
    }
    const [finding] = await look(written)
    expect(finding?.severity).toBe('warn')
    expect(finding?.seen).toMatch(/at the growth of the last 6 days it is full in (9|10|11) days$/)
    // It was noted, and stays so.
    expect(new MemoryHistory(join(folder, 'made.json')).of(name)).toHaveLength(145)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1gb')
    expect(await look(written)).toEqual([])
    writeFileSync(path, '{"version":1,"servers":{"x":[[1],"y"]')
    expect(await look(new MemoryHistory(path))).toEqual([])
  })

  it('drops sessions at this moment', async () => {
    const server = await started('--maxmemory', '4mb', '--maxmemory-policy', 'volatile-ttl')
    const pushed = setInterval(() => void fill(server, 500_000), 20)
    ends.push(() => clearInterval(pushed))
    await until(async () => /evicted_keys:[1-9]/.test(await server.cli('INFO', 'stats')))
    expect(await found('mem.evicted', server.url)).toMatchObject([{ severity: 'error' }])
    clearInterval(pushed)
    await server.cli('CONFIG', 'SET', 'maxmemory', '100mb')
    // It is over, and told of: the server has started a moment ago.
    await until(async () => (await found('mem.evicted', server.url))[0]?.severity === 'warn')
    const [finding] = await found('mem.evicted', server.url)
    expect(finding?.seen).toMatch(/^[\d,]+ keys evicted since its start 1 min ago$/)
    expect(finding?.fix.join()).toContain('`CONFIG RESETSTAT`')
    // By a file, of a server that runs for long: run after run, for a day.
    const folder = serverFolder()
    ends.push(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'memory.json')
    const before = new MemoryHistory(path)
    const now = Date.now()
    before.add(server.socketPath, { at: now - 30 * 3_600_000, used: 1, evicted: 0 })
    expect(before.save()).toBeUndefined()
    const seen = async (ago: number) => {
      const history = new MemoryHistory(path)
      const clock = { now: () => now + ago, monotonic: () => performance.now() }
      const findings = await found('mem.evicted', server.url, { history, clock })
      history.save()
      return findings.map(({ severity, seen: what }) => `${severity}: ${what}`)
    }
    expect(await seen(0)).toEqual([
      expect.stringMatching(/^warn: [\d,]+ keys evicted since the look 30 h ago$/),
    ])
    expect(await seen(60_000)).toEqual([expect.stringMatching(/^warn: .* seen last 1 min ago$/)])
    expect(await seen(23 * 3_600_000)).toEqual([
      expect.stringMatching(/^warn: .* seen last 23 h ago$/),
    ])
    expect(await seen(25 * 3_600_000)).toEqual([
      expect.stringMatching(/^info: .* none since the look 2 h ago$/),
    ])
    await server.cli('CONFIG', 'RESETSTAT')
    expect(await found('mem.evicted', server.url)).toEqual([])
  })

  it('is taken by what clients have not read', async () => {
    const server = await started(
      '--maxmemory',
      '20mb',
      '--client-output-buffer-limit',
      'normal 0 0 0',
    )
    await server.cli('SET', 'large', 'x'.repeat(1_000_000))
    const reader = connect({ path: server.socketPath })
    await once(reader, 'connect')
    ends.push(() => reader.destroy())
    reader.pause()
    reader.write('GET large\r\n'.repeat(8))
    await until(
      async () =>
        Number(/mem_clients_normal:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1]) >
        2_500_000,
    )
    expect(await found('mem.clients', server.url)).toMatchObject([{ severity: 'warn' }])
    reader.destroy()
    await until(async () => (await found('mem.clients', server.url)).length === 0)
  })
})

describe('persistence', () => {
  it('writes nothing to disk', async () => {
    const { url } = await started()
    expect(await mendedBySetting('persist.any', url)).toBe('warn')
  })

  it('has snapshots only, where sign-outs must survive', async () => {
    const { url } = await started('--save', '3600 1')
    expect(await found('persist.any', url)).toEqual([])
    expect(await mendedBySetting('persist.any', url, { durable: true })).toBe('error')
  })

  it('cannot make a snapshot', async () => {
    const server = await started('--save', '3600 1')
    const inTheWay = join(dirname(server.socketPath), 'dump.rdb')
    mkdirSync(inTheWay)
    const saved = async (status: string) => {
      await server.cli('BGSAVE')
      await until(async () => {
        const info = await server.cli('INFO', 'persistence')
        return (
          info.includes(`rdb_last_bgsave_status:${status}`) &&
          info.includes('rdb_bgsave_in_progress:0')
        )
      })
    }
    await saved('err')
    expect(await found('persist.rdb', server.url)).toMatchObject([{ severity: 'error' }])
    rmSync(inTheWay, { recursive: true })
    await saved('ok')
    expect(await found('persist.rdb', server.url)).toEqual([])
  })

  it('cannot rewrite its append-only file', async () => {
    const server = await started('--appendonly', 'yes')
    const folder = join(dirname(server.socketPath), 'appendonlydir')
    const rewritten = async (status: string) => {
      await server.cli('BGREWRITEAOF').catch(() => undefined)
      await until(async () =>
        (await server.cli('INFO', 'persistence')).includes(`aof_last_bgrewrite_status:${status}`),
      )
    }
    renameSync(folder, `${folder}.away`)
    writeFileSync(folder, '')
    await rewritten('err')
    expect(await found('persist.aof', server.url)).toMatchObject([{ severity: 'error' }])
    rmSync(folder)
    renameSync(`${folder}.away`, folder)
    await rewritten('ok')
    expect(await found('persist.aof', server.url)).toEqual([])
  })

  it('waits for the disk with each write', async () => {
    const server = await started('--appendonly', 'yes', '--appendfsync', 'always')
    const [finding] = await found('persist.always', server.url)
    expect(finding).toMatchObject({ severity: 'info' })
    expect(finding?.fix[0]).toContain('CONFIG SET appendfsync everysec')
    await server.cli('CONFIG', 'SET', 'appendfsync', 'everysec')
    expect(await found('persist.always', server.url)).toEqual([])
  })
})

describe('replication', () => {
  async function pair(...args: string[]) {
    const primary = await start({ tcp: true, args: ['--repl-diskless-sync-delay', '0', ...args] })
    const replica = await start({
      tcp: true,
      args: ['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0'],
    })
    await until(async () =>
      (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
    )
    return { primary, replica }
  }

  it('has no replica', async () => {
    const primary = await start({ tcp: true })
    expect(await found('repl.count', primary.url)).toMatchObject([{ severity: 'warn' }])
    await start({ tcp: true, args: ['--replicaof', '127.0.0.1', String(primary.port)] })
    await until(async () => (await found('repl.count', primary.url)).length === 0)
  })

  it('has no replica, and starts with what it had: a choice, unless nothing may be lost', async () => {
    const { url } = await started('--appendonly', 'yes')
    expect(await found('repl.count', url)).toMatchObject([{ severity: 'info' }])
    expect(await found('repl.count', url, { durable: true })).toMatchObject([{ severity: 'warn' }])
  })

  it('has a replica that is behind', async () => {
    const primary = await start({
      tcp: true,
      args: ['--repl-diskless-sync-delay', '0', '--client-output-buffer-limit', 'replica 0 0 0'],
    })
    const proxy = await startProxy(primary.socketPath)
    ends.push(() => proxy.stop())
    const replica = await start({
      tcp: true,
      // By the proxy it would be told of as one at the primary's socket.
      args: [
        ...['--replicaof', '127.0.0.1', new URL(proxy.url).port],
        ...['--replica-announce-ip', '127.0.0.1'],
      ],
    })
    await until(async () =>
      (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
    )
    const lag = async () => found('repl.lag', primary.url)
    expect(await lag()).toEqual([])
    proxy.hold()
    await fill(primary, 3_000_000)
    expect(await lag()).toMatchObject([
      { severity: 'warn', servers: [`127.0.0.1:${replica.port}`] },
    ])
    proxy.release()
    await until(async () => (await lag()).length === 0)
  })

  it('has a replica that is not connected', async () => {
    const { primary, replica } = await pair()
    // To a port at which nobody is.
    const away = { host: '127.0.0.1', port: replica.port as number }
    await replica.cli('REPLICAOF', '127.0.0.1', String(await freePort()))
    expect(await found('repl.link', away)).toMatchObject([
      { severity: 'error', servers: [`127.0.0.1:${replica.port}`] },
    ])
    await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
    await until(async () => (await found('repl.link', away)).length === 0)
    expect(await found('top.replica', away)).toMatchObject([{ severity: 'error' }])
    expect(await found('top.replica', primary.url)).toEqual([])
  })

  it('keeps too little for a replica that was away', async () => {
    const { primary } = await pair('--repl-backlog-size', '16kb')
    const written = setInterval(() => void primary.cli('SET', 'a', 'x'.repeat(1_000)), 10)
    ends.push(() => clearInterval(written))
    const [finding] = await found('repl.backlog', primary.url)
    expect(finding).toMatchObject({ severity: 'warn', setting: { name: 'repl-backlog-size' } })
    if (finding === undefined) return
    await applyFix(primary.url, finding, 5_000)
    // As much again may come in the next window.
    await primary.cli('CONFIG', 'SET', 'repl-backlog-size', '100mb')
    expect(await found('repl.backlog', primary.url)).toEqual([])
  })

  it('copies everything anew', async () => {
    const { primary } = await pair()
    const late = setTimeout(
      () => void start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] }),
      WINDOW / 2,
    )
    ends.push(() => clearTimeout(late))
    expect(await found('repl.full', primary.url, { window: 1_500 })).toMatchObject([
      { severity: 'warn' },
    ])
    expect(await found('repl.full', primary.url)).toEqual([])
  })

  it('takes writes when it is cut off', async () => {
    const { primary } = await pair()
    expect(await found('repl.min', primary.url)).toMatchObject([{ severity: 'info' }])
    expect(await found('repl.min', primary.url, { durable: true })).toMatchObject([
      { severity: 'warn' },
    ])
    await primary.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
    expect(await found('repl.min', primary.url)).toEqual([])
  })
})

describe('clients', () => {
  async function connected(server: RedisServer, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const socket = connect({ path: server.socketPath })
      socket.on('error', () => undefined)
      ends.push(() => socket.destroy())
      await once(socket, 'connect')
    }
  }

  it('has hardly room for more', async () => {
    const server = await started('--maxclients', '20')
    await connected(server, 15)
    expect(await mendedBySetting('cli.max', server.url)).toBe('warn')
  })

  it('turns clients away', async () => {
    const server = await started('--maxclients', '6')
    await connected(server, 3)
    const more = setTimeout(() => void connected(server, 6), WINDOW / 2)
    ends.push(() => clearTimeout(more))
    expect(await found('cli.reject', server.url)).toMatchObject([{ severity: 'error' }])
    await server.cli('CONFIG', 'SET', 'maxclients', '1000')
    expect(await found('cli.reject', server.url)).toEqual([])
  })

  it('ends quiet connections', async () => {
    const { url } = await started('--timeout', '10')
    expect(await mendedBySetting('cli.idle', url)).toBe('warn')
  })

  it('forgets what near caches have', async () => {
    const server = await started('--tracking-table-max-keys', '5')
    const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
    ends.push(() => sessions.close())
    for (let i = 0; i < 5; i++) {
      const token = await signIn(sessions, { i }, `user-${i}`)
      await sessions.open(token)
    }
    await until(async () => /tracking_total_keys:[45]/.test(await server.cli('INFO', 'stats')))
    const [finding] = await found('track.table', server.url)
    // All keys that there are, and half as many again: not a multiple of what it is.
    const keys = Number(await server.cli('DBSIZE'))
    expect(finding?.setting?.value).toBe(String(Math.ceil(keys * 1.5)))
    expect(await mendedBySetting('track.table', server.url)).toBe('warn')
  })
})

describe('latency', () => {
  it('answers slowly', async () => {
    const server = await start()
    const proxy = await startProxy(server.socketPath)
    ends.push(() => proxy.stop())
    proxy.delay(15)
    expect(await found('lat.rtt', proxy.url)).toMatchObject([{ severity: 'warn' }])
    expect(await found('lat.rtt', server.url)).toEqual([])
  })

  it('does not note slow commands', async () => {
    const { url } = await started('--slowlog-log-slower-than', '-1')
    expect(await mendedBySetting('lat.monitor', url)).toBe('info')
  })

  it('has slow commands', async () => {
    const server = await started()
    await server.cli(
      'EVAL',
      'local t = redis.call("TIME") local e = t[1] * 1e6 + t[2] + 20000 repeat local n = redis.call("TIME") until n[1] * 1e6 + n[2] > e',
      '0',
    )
    expect(await found('lat.slow', server.url)).toMatchObject([{ severity: 'info' }])
    await server.cli('SLOWLOG', 'RESET')
    expect(await found('lat.slow', server.url)).toEqual([])
  })
})

describe('machine', () => {
  /** As this machine's files, but for what is said here. */
  const withFile = (path: string, text: string) => ({
    readFile: (asked: string) => {
      if (asked === path) return text
      try {
        return readFileSync(asked, 'latin1')
      } catch {
        return undefined
      }
    },
  })

  it('has huge pages', async () => {
    const path = '/sys/kernel/mm/transparent_hugepage/enabled'
    const { url } = await started('--disable-thp', 'no')
    expect(await found('sys.thp', url, withFile(path, '[always] madvise never'))).toMatchObject([
      { severity: 'warn' },
    ])
    expect(await found('sys.thp', url, withFile(path, 'always madvise [never]'))).toEqual([])
    const mended = await started('--disable-thp', 'yes')
    expect(await found('sys.thp', mended.url, withFile(path, '[always] madvise never'))).toEqual([])
  })

  it('may refuse a fork', async () => {
    const path = '/proc/sys/vm/overcommit_memory'
    const { url } = await started('--appendonly', 'yes')
    expect(await found('sys.overcommit', url, withFile(path, '0\n'))).toMatchObject([
      { severity: 'warn' },
    ])
    expect(await found('sys.overcommit', url, withFile(path, '1\n'))).toEqual([])
  })

  it('has another time', async () => {
    const { url } = await started()
    const clock: Clock = { now: () => Date.now() - 3_000, monotonic: () => performance.now() }
    expect(await found('sys.clock', url, { clock })).toMatchObject([
      { severity: 'error', seen: expect.stringContaining('3.0 s ahead') },
    ])
    expect(await found('sys.clock', url)).toEqual([])
  })
})

describe('security', () => {
  it('lets everybody in', async () => {
    const server = await started()
    expect(await found('sec.open', server.url)).toMatchObject([{ severity: 'info' }])
    await server.cli('CONFIG', 'SET', 'requirepass', PASSWORD)
    expect(await found('sec.open', { socket: server.socketPath, password: PASSWORD })).toEqual([])
  })

  it('is asked as one who may do everything', async () => {
    const server = await start({ password: PASSWORD })
    const at = { socket: server.socketPath, password: PASSWORD }
    expect(await found('sec.auth', at)).toMatchObject([{ severity: 'info' }])
    await server.cli('ACL', 'SETUSER', 'ops', 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
    expect(await found('sec.auth', { ...at, username: 'ops' })).toEqual([])
  })

  it('has a user who lacks a right', async () => {
    const server = await started()
    await server.cli(
      'ACL',
      'SETUSER',
      'app',
      'on',
      `>${PASSWORD}`,
      '~sj:*',
      '&*',
      '+@all',
      '-evalsha',
      '-hgetall',
    )
    const at = { socket: server.socketPath, username: 'app', password: PASSWORD }
    const [finding] = await found('sec.acl', at)
    expect(finding).toMatchObject({
      severity: 'error',
      seen: 'the user app may not use hgetall, evalsha',
    })
    await server.cli('ACL', 'SETUSER', 'app', '+hgetall', '+evalsha')
    expect(await found('sec.acl', at)).toEqual([])
    // The prefix is another one.
    expect(await found('sec.acl', at, { prefix: 'other' })).toMatchObject([{ severity: 'error' }])
  })

  it('has a user who has no near cache', async () => {
    const server = await started()
    await server.cli('ACL', 'SETUSER', 'app', 'on', 'nopass', '~sj:*', '+@all', '-client|tracking')
    expect(await found('sec.acl', server.url, { user: 'app' })).toMatchObject([
      { severity: 'warn', seen: 'the user app may not use client|tracking' },
    ])
    await server.cli('ACL', 'SETUSER', 'app', '+client|tracking')
    expect(await found('sec.acl', server.url, { user: 'app' })).toEqual([])
  })

  it('has no such user, or has turned it off', async () => {
    const server = await started()
    expect(await found('sec.acl', server.url, { user: 'nosuch' })).toMatchObject([
      { severity: 'error', seen: 'there is no user nosuch' },
    ])
    await server.cli('ACL', 'SETUSER', 'nosuch', 'off', 'nopass', '~sj:*', '+@all')
    const [finding] = await found('sec.acl', server.url, { user: 'nosuch' })
    expect(finding).toMatchObject({ severity: 'error', seen: 'the user nosuch is off' })
    expect(finding?.fix).toEqual(['`ACL SETUSER nosuch on`'])
    await server.cli('ACL', 'SETUSER', 'nosuch', 'on')
    expect(await found('sec.acl', server.url, { user: 'nosuch' })).toEqual([])
  })

  it('has a replica that does not know the user', async () => {
    const primary = await start({ tcp: true, args: ['--repl-diskless-sync-delay', '0'] })
    const replica = await start({
      tcp: true,
      args: ['--replicaof', '127.0.0.1', String(primary.port)],
    })
    const app = ['ACL', 'SETUSER', 'app', 'on', 'nopass', '~sj:*', '+@all']
    await primary.cli(...app)
    await until(async () => (await primary.cli('INFO', 'replication')).includes('state=online'))
    const seen = () => found('sec.acl', primary.url, { user: 'app' })
    expect(await seen()).toMatchObject([
      { severity: 'error', servers: [`127.0.0.1:${replica.port}`] },
    ])
    await replica.cli(...app)
    expect(await seen()).toEqual([])
  })

  it('has refused somebody', async () => {
    const server = await start({ password: PASSWORD })
    const at = { socket: server.socketPath, password: PASSWORD }
    expect(await found('sec.acllog', at)).toEqual([])
    await server.cli('AUTH', 'mallory', 'guess').catch(() => undefined)
    const [finding] = await found('sec.acllog', at)
    expect(finding?.seen).toBe(
      '1 refusal within the last hour, the last one of mallory: a wrong password',
    )
    await server.cli('ACL', 'LOG', 'RESET')
    expect(await found('sec.acllog', at)).toEqual([])
  })

  it('has a certificate that ends soon', async () => {
    const folder = serverFolder()
    ends.push(() => rmSync(folder, { recursive: true, force: true }))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const made = (days: number) => {
      const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost']
      return spawnSync('openssl', [
        'req',
        ...kind,
        '-days',
        String(days),
        '-keyout',
        key,
        '-out',
        cert,
      ]).status
    }
    expect(made(10)).toBe(0)
    const port = await freePort()
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert]
    const server = await started('--tls-port', String(port), ...files, '--tls-auth-clients', 'no')
    const at = { host: '127.0.0.1', port, tls: { rejectUnauthorized: false } }
    expect(await found('sec.cert', at)).toMatchObject([
      { severity: 'warn', seen: 'its certificate ends in 9 days' },
    ])
    expect(await found('sec.tls', at)).toEqual([])
    expect(await found('sec.verify', at)).toMatchObject([{ severity: 'warn' }])
    const known = { host: 'localhost', port, tls: { ca: readFileSync(cert) } }
    expect(await found('sec.verify', known)).toEqual([])
    expect(made(100)).toBe(0)
    await server.cli('CONFIG', 'SET', 'tls-cert-file', cert)
    expect(await found('sec.cert', at)).toEqual([])
  })
})

describe('versions', () => {
  it('of Sojourn differ between nodes', async (context) => {
    const server = await started()
    const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
    ends.push(() => sessions.close())
    await sessions.ready()
    expect(await found('lib.drift', server.url)).toEqual([])
    const old = await connected(server)
    const isTold = await old.sendCommand(['CLIENT', 'SETINFO', 'LIB-NAME', 'sojourn']).then(
      () => true,
      () => false,
    )
    context.skip(!isTold, 'this server is not told which versions are connected: Redis 7.2 is')
    await old.sendCommand(['CLIENT', 'SETINFO', 'LIB-VER', '0.0.9'])
    const [finding] = await found('lib.drift', server.url)
    expect(finding?.severity).toBe('warn')
    // One that is tracked, one that counts, at most: that of doctor is none of them.
    expect(finding?.seen).toMatch(/^1 connection of 0\.1\.\d+, 1 connection of 0\.0\.9$/)
    await old.close()
    await until(async () => (await found('lib.drift', server.url)).length === 0)
  })

  it('are read from CLIENT LIST: who asks, and other libraries, do not count', async () => {
    const line = (rest: string) =>
      `id=3 addr=10.0.0.1:5 name=sojourn flags=N db=0 ${rest} io-thread=0`
    const list = [
      line('cmd=get user=app resp=3 lib-name=sojourn lib-ver=0.1.0'),
      line('cmd=get user=app resp=3 lib-name=sojourn lib-ver=0.2.0'),
      line('cmd=ping user=app resp=3 lib-name=sojourn lib-ver=0.2.0'),
      line('cmd=client|list user=ops resp=3 lib-name=sojourn lib-ver=0.3.0').replace(
        'name=sojourn',
        'name=sojourn:ops',
      ),
      line('cmd=get user=app resp=3 lib-name=node-redis lib-ver=5.0.0'),
      line('cmd=get user=app resp=3 lib-name=sojourn lib-ver='),
      line('cmd=get user=app resp=3'),
      '',
    ].join('\n')
    const answering = { ask: async () => list } as unknown as FleetServer
    expect([...(await librariesOf(answering))]).toEqual([
      ['0.1.0', 1],
      ['0.2.0', 2],
    ])
  })
})

describe('keys', () => {
  it('tells of nothing that expires, though it is listened for', async () => {
    const { url } = await started()
    expect(await found('key.notify', url)).toEqual([])
    expect(await mendedBySetting('key.notify', url, { expiry: 'notify' })).toBe('error')
  })

  it('tells of every command', async () => {
    const server = await started('--notify-keyspace-events', 'KEA')
    expect(await found('key.notify', server.url)).toMatchObject([{ severity: 'warn' }])
    await server.cli('CONFIG', 'SET', 'notify-keyspace-events', '')
    expect(await found('key.notify', server.url)).toEqual([])
  })

  it('has a session that never ends', async () => {
    const server = await started()
    const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
    ends.push(() => sessions.close())
    await signIn(sessions, { n: 1 }, 'ada')
    const [key] = (await server.cli('KEYS', 'sj:*:s:*')).split('\n') as [string]
    expect(await found('key.ttl', server.url)).toEqual([])
    await server.cli('PERSIST', key)
    expect(await found('key.ttl', server.url)).toMatchObject([{ severity: 'error' }])
    await server.cli('PEXPIRE', key, '60000')
    expect(await found('key.ttl', server.url)).toEqual([])
  })

  it('has a large session, and a user with thousands', async () => {
    const server = await started()
    await server.cli('SET', 'sj:{000}:s:0123456789012345678901', 'x'.repeat(200_000), 'EX', '100')
    await server.cli(
      'EVAL',
      `for i = 1, 5001 do redis.call('HSET', KEYS[1], 'f' .. i, 'v') end`,
      '1',
      'sj:{000}:p:0123456789012345678901',
    )
    expect(await found('key.big', server.url)).toMatchObject([{ severity: 'warn' }])
    expect(await found('key.index', server.url)).toMatchObject([{ severity: 'warn' }])
    await server.cli('FLUSHALL')
    expect(await found('key.big', server.url)).toEqual([])
    expect(await found('key.index', server.url)).toEqual([])
  })

  it('holds what is no session', async () => {
    const server = await started()
    await server.cli('EVAL', `for i = 1, 300 do redis.call('SET', 'cache:' .. i, 'v') end`, '0')
    expect(await found('key.foreign', server.url)).toMatchObject([{ severity: 'warn' }])
    expect(await found('key.foreign', server.url, { prefix: 'other' })).toHaveLength(1)
    await server.cli('FLUSHALL')
    expect(await found('key.foreign', server.url)).toEqual([])
  })
})
