/** Of one server. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createSessions } from '../../../../src/create-sessions.ts'
import type { RedisServer } from '../../../support/redis-server.ts'
import { SECRET, signIn } from '../../../support/requests.ts'
import { until } from '../../../support/until.ts'
import { connections, type Fault, fill, going, PASSWORD, single, WINDOW } from './fault.ts'

const persisting = async (server: RedisServer, what: RegExp): Promise<void> =>
  until(async () => what.test(await server.cli('INFO', 'persistence')))

async function saved(server: RedisServer, status: string): Promise<void> {
  await server.cli('BGSAVE')
  await persisting(
    server,
    new RegExp(`rdb_bgsave_in_progress:0[^]*rdb_last_bgsave_status:${status}`),
  )
}

/** Something is where the snapshot goes. @returns takes it away */
async function unsavable(server: RedisServer): Promise<() => void> {
  const inTheWay = join(dirname(server.socketPath), 'dump.rdb')
  mkdirSync(inTheWay)
  await saved(server, 'err')
  return () => rmSync(inTheWay, { recursive: true })
}

const policy = (name: string, severity: Fault['severity']): Fault => ({
  ...{ rule: 'mem.policy', name: `drops what it should not: ${name}`, severity },
  plant: (ends) => single(ends, [`maxmemory-policy ${name}`]),
})

const lines = (
  rule: string,
  severity: Fault['severity'],
  name: string,
  of: readonly string[],
  also: readonly string[] = [],
): Fault => ({ rule, severity, name, also, plant: (ends) => single(ends, of) })

const memory: readonly Fault[] = [
  policy('allkeys-lru', 'error'),
  policy('allkeys-random', 'error'),
  policy('volatile-random', 'error'),
  policy('volatile-lfu', 'error'),
  policy('volatile-lru', 'warn'),
  lines('mem.limit', 'error', 'has no limit', ['maxmemory 0']),
  {
    ...{ rule: 'mem.evicted', severity: 'warn', name: 'has dropped sessions before' },
    plant: async (ends) => {
      const planted = await single(ends, ['maxmemory 20mb', 'maxmemory-clients 0'])
      await fill(planted.server, 25_000_000)
      await until(async () => /evicted_keys:[1-9]/.test(await planted.server.cli('INFO', 'stats')))
      // More memory it has been given already.
      await planted.server.cli('CONFIG', 'SET', 'maxmemory', '100mb')
      return planted
    },
  },
  {
    ...{ rule: 'mem.clients', severity: 'warn', name: 'is taken by what clients have not read' },
    plant: async (ends) => {
      const planted = await single(ends, [
        ...['maxmemory 20mb', 'maxmemory-clients 0', 'client-output-buffer-limit normal 0 0 0'],
      ])
      const { server } = planted
      await server.cli('SET', 'sj:{000}:x:large', 'x'.repeat(1_000_000))
      const reader = connect({ path: server.socketPath })
      reader.on('error', () => undefined)
      ends.push(() => reader.destroy())
      reader.pause()
      reader.write('GET sj:{000}:x:large\r\n'.repeat(8))
      await until(
        async () =>
          Number(/mem_clients_normal:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1]) >
          2_500_000,
      )
      return planted
    },
  },
]

const writes: readonly Fault[] = [
  lines('top.writes', 'error', 'has fewer replicas than it must', ['min-replicas-to-write 1']),
  {
    ...{ rule: 'top.writes', severity: 'error', name: 'cannot make a snapshot' },
    also: ['persist.rdb error'],
    plant: async (ends) => {
      const planted = await single(ends, ['save 3600 1'])
      return { ...planted, first: await unsavable(planted.server), lines: /BGSAVE/ }
    },
  },
  {
    ...{
      rule: 'top.writes',
      severity: 'error',
      name: 'must take writes before a snapshot succeeds',
    },
    also: ['persist.rdb error'],
    plant: async (ends) => {
      const planted = await single(ends, ['save 3600 1'])
      await unsavable(planted.server)
      return { ...planted, lines: /stop-writes-on-bgsave-error/ }
    },
  },
  {
    ...{ rule: 'top.writes', severity: 'error', name: 'has no room, and drops nothing' },
    also: ['mem.used error'],
    plant: async (ends) => {
      const planted = await single(ends, [
        ...['maxmemory 20mb', 'maxmemory-clients 0', 'maxmemory-policy noeviction'],
      ])
      await fill(planted.server, 25_000_000).catch(() => undefined)
      going(ends, 5, () => fill(planted.server, 20_000))
      return { ...planted, lines: /drop what ends soonest/ }
    },
  },
]

const persistence: readonly Fault[] = [
  lines('persist.any', 'warn', 'writes nothing to disk', ['appendonly no'], ['repl.count warn']),
  {
    ...{ rule: 'persist.any', severity: 'error' },
    ...{ name: 'has snapshots only, where sign-outs must survive', also: ['repl.count warn'] },
    plant: async (ends) => ({
      ...(await single(ends, ['appendonly no', 'save 3600 1'])),
      options: { durable: true },
    }),
  },
  {
    ...{ rule: 'persist.rdb', severity: 'error', name: 'cannot make a snapshot' },
    plant: async (ends) => {
      const planted = await single(ends, ['save 3600 1', 'stop-writes-on-bgsave-error no'])
      return { ...planted, first: await unsavable(planted.server) }
    },
  },
  {
    ...{ rule: 'persist.aof', severity: 'error', name: 'cannot rewrite its append-only file' },
    plant: async (ends) => {
      const planted = await single(ends, [])
      const { server } = planted
      const folder = join(dirname(server.socketPath), 'appendonlydir')
      renameSync(folder, `${folder}.away`)
      writeFileSync(folder, '')
      await server.cli('BGREWRITEAOF').catch(() => undefined)
      await persisting(server, /aof_last_bgrewrite_status:err/)
      const first = () => {
        rmSync(folder)
        renameSync(`${folder}.away`, folder)
      }
      return { ...planted, first }
    },
  },
  lines('persist.always', 'info', 'waits for the disk with each write', ['appendfsync always']),
]

const clients: readonly Fault[] = [
  {
    ...{ rule: 'cli.max', severity: 'warn', name: 'has hardly room for more' },
    plant: async (ends) => {
      const planted = await single(ends, ['maxclients 20'])
      const sockets = await connections(planted.server, 15)
      ends.push(() => sockets.map((socket) => socket.destroy()))
      return planted
    },
  },
  {
    ...{
      rule: 'cli.reject',
      severity: 'error',
      name: 'turns clients away',
      also: ['cli.max warn'],
    },
    plant: async (ends) => {
      const planted = await single(ends, ['maxclients 10'])
      const during = () => {
        // When doctor is in.
        const opened: Promise<void>[] = []
        const end = new AbortController()
        const late = setTimeout(() => {
          opened.push(
            connections(planted.server, 12).then((sockets) => {
              const close = () => sockets.map((socket) => socket.destroy())
              if (end.signal.aborted) close()
              else end.signal.addEventListener('abort', close)
            }),
          )
        }, WINDOW / 2)
        return () => {
          clearTimeout(late)
          end.abort()
          return Promise.all(opened)
        }
      }
      return { ...planted, during }
    },
  },
  lines('cli.idle', 'warn', 'ends quiet connections', ['timeout 10']),
  {
    ...{ rule: 'track.table', severity: 'warn', name: 'forgets what near caches have' },
    plant: async (ends) => {
      const planted = await single(ends, ['tracking-table-max-keys 5'])
      const { server } = planted
      const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
      ends.push(() => sessions.close())
      for (let i = 0; i < 5; i++) await sessions.open(await signIn(sessions, { i }, `user-${i}`))
      await until(async () => /tracking_total_keys:[45]/.test(await server.cli('INFO', 'stats')))
      return planted
    },
  },
]

const latency: readonly Fault[] = [
  lines('lat.monitor', 'info', 'does not note slow commands', ['slowlog-log-slower-than -1']),
  {
    ...{ rule: 'lat.slow', severity: 'info', name: 'has slow commands' },
    plant: async (ends) => {
      // Of a busy machine's own nothing is noted.
      const planted = await single(ends, ['slowlog-log-slower-than 100000'])
      await planted.server.cli(
        'EVAL',
        'local t = redis.call("TIME") local e = t[1] * 1e6 + t[2] + 120000 repeat local n = redis.call("TIME") until n[1] * 1e6 + n[2] > e',
        '0',
      )
      return planted
    },
  },
  {
    ...{
      rule: 'sys.thp',
      severity: 'warn',
      name: 'lets huge pages be, on a machine that has them',
    },
    plant: async (ends) => {
      const readFile = (path: string) =>
        path.endsWith('/comm')
          ? 'redis-server'
          : path.endsWith('/transparent_hugepage/enabled')
            ? '[always] madvise never'
            : undefined
      return { ...(await single(ends, ['disable-thp no'])), options: { readFile } }
    },
  },
]

const user = (rules: string): string => `user app on nopass ~sj:* &* +@all ${rules}`
const acl = (
  severity: Fault['severity'],
  name: string,
  of: readonly string[],
  asked: string,
  seen: RegExp,
): Fault => ({
  ...{ rule: 'sec.acl', severity, name, seen },
  plant: async (ends) => ({ ...(await single(ends, of)), options: { user: asked } }),
})

const security: readonly Fault[] = [
  {
    ...{ rule: 'sec.auth', severity: 'info', name: 'is asked as one who may do everything' },
    plant: async (ends) => {
      const planted = await single(ends, [], { password: PASSWORD })
      const { redis } = planted
      return { ...planted, mended: { redis, options: { user: 'app' } } }
    },
  },
  acl(
    'error',
    'has a user who lacks rights',
    [user('-evalsha -hgetall')],
    'app',
    /^the user app may not use hgetall, evalsha$/,
  ),
  acl(
    'warn',
    'has a user who has no near cache',
    [user('-client|tracking')],
    'app',
    /^the user app may not use client.tracking$/,
  ),
  acl('error', 'has no such user', [], 'nosuch', /^there is no user nosuch$/),
  acl(
    'error',
    'has turned the user off',
    ['user gone off nopass ~sj:* &* +@all'],
    'gone',
    /^the user gone is off$/,
  ),
  {
    ...{ rule: 'sec.selectors', severity: 'warn', name: 'has a user with a selector' },
    seen: /^the user app has 1 selector: \(\+@all ~\*\)$/,
    plant: async (ends) => ({
      ...(await single(ends, [`${user('')} (~* +@all)`])),
      options: { user: 'app' },
    }),
  },
  {
    ...{ rule: 'sec.acllog', severity: 'warn', name: 'has refused somebody' },
    seen: /^1 refusal within the last hour, the last one of mallory: a wrong password$/,
    plant: async (ends) => {
      const planted = await single(ends, [])
      await planted.server.cli('AUTH', 'mallory', 'guess').catch(() => undefined)
      return planted
    },
  },
]

const keys: readonly Fault[] = [
  {
    ...{ rule: 'key.notify', severity: 'error' },
    name: 'tells of nothing that expires, though it is listened for',
    plant: async (ends) => ({ ...(await single(ends, [])), options: { expiry: 'notify' } }),
  },
  lines('key.notify', 'warn', 'tells of every command', ['notify-keyspace-events KEA']),
]

export const OF_ONE_SERVER: readonly Fault[] = [
  ...[...memory, ...writes, ...persistence, ...clients, ...latency, ...security, ...keys],
]
