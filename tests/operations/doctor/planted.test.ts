// What real servers are found with, beside what remedies.test.ts has mended: how much is said, and what is not found.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { afterEach, describe, expect, it } from 'vitest'
import { createSessions } from '../../../src/create-sessions.ts'
import type { FleetServer } from '../../../src/engines/redis/fleet.ts'
import type { Finding } from '../../../src/operations/doctor/finding.ts'
import { applyFix } from '../../../src/operations/doctor/fix.ts'
import { MemoryHistory } from '../../../src/operations/doctor/history.ts'
import { librariesOf } from '../../../src/operations/doctor/libraries.ts'
import {
  type RedisServer,
  type RedisServerOptions,
  seenByServer,
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
    const kept = await start({ config: 'appendonly yes\n' })
    const [other] = await found('mem.limit', kept.url)
    expect(await applyFix(kept.url, other as Finding, 5_000)).toMatchObject([
      { isSet: true, isKept: true },
    ])
    await kept.restart()
    expect(await found('mem.limit', kept.url)).toEqual([])
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
})

describe('replication', () => {
  it('has no replica, and starts with what it had: a choice, unless nothing may be lost', async () => {
    const { url } = await started('--appendonly', 'yes')
    expect(await found('repl.count', url)).toMatchObject([{ severity: 'info' }])
    expect(await found('repl.count', url, { durable: true })).toMatchObject([{ severity: 'warn' }])
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

  it('has no huge pages, or keeps them off', async () => {
    const path = '/sys/kernel/mm/transparent_hugepage/enabled'
    const { url } = await started('--disable-thp', 'no')
    expect(await found('sys.thp', url, withFile(path, 'always madvise [never]'))).toEqual([])
    const mended = await started('--disable-thp', 'yes')
    expect(await found('sys.thp', mended.url, withFile(path, '[always] madvise never'))).toEqual([])
  })
})

describe('security', () => {
  it('has a user default who cannot read the append-only file: logins are lost with a restart', async () => {
    const path = serverFolder()
    ends.push(() => rmSync(path, { recursive: true, force: true }))
    const users = join(path, 'users.acl')
    const admin = `user adm on >${PASSWORD} ~* &* +@all`
    // On, for it is the tests' own way in.
    writeFileSync(users, `user default on nopass ~* &* +@all -set -hset\n${admin}\n`)
    const server = await start({
      config: `appendonly yes\nappendfsync always\naclfile ${seenByServer(users)}\n`,
    })
    const redis = { socket: server.socketPath, username: 'adm', password: PASSWORD }
    const principals = async () => {
      const sessions = createSessions({ redis, secrets: [SECRET] })
      const names = await Promise.all(
        tokens.map(async (token) => (await sessions.open(token, { fresh: true })).principal),
      )
      await sessions.close()
      return names
    }
    const tokens: string[] = []
    const signInAndOut = async () => {
      const sessions = createSessions({ redis, secrets: [SECRET] })
      for (const name of ['ada', 'bob']) tokens.push(await signIn(sessions, { n: 1 }, name))
      const session = await sessions.open(tokens.at(-1))
      session.set('n', 2)
      await session.commit()
      await session.logout()
      await sessions.close()
    }
    await signInAndOut()
    const [finding] = await found('persist.user', redis)
    expect(finding).toMatchObject({ severity: 'error' })
    expect(finding?.seen).toMatch(/who may not use set, hset$/)
    await server.restart()
    expect(await principals()).not.toEqual(['ada', undefined])
    const [command] = /ACL SETUSER default off [^`]*/.exec(finding?.fix.join('\n') ?? '') ?? []
    await server.cli(...String(command).replace(' off ', ' on ').split(' '))
    await server.cli('ACL', 'SAVE')
    expect(await found('persist.user', redis)).toEqual([])
    tokens.length = 0
    await signInAndOut()
    await server.restart()
    expect(await principals()).toEqual(['ada', undefined])
  })

  it('has a user of another prefix', async () => {
    const server = await started()
    const user = ['app', 'on', `>${PASSWORD}`, '~sj:*', '&*', '+@all']
    await server.cli('ACL', 'SETUSER', ...user)
    const at = { socket: server.socketPath, username: 'app', password: PASSWORD }
    expect(await found('sec.acl', at)).toEqual([])
    expect(await found('sec.acl', at, { prefix: 'other' })).toMatchObject([{ severity: 'error' }])
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
