/** What no command of a remedy mends: it is found, and gone when somebody has done what the remedy says in words. */
import type { Clock } from '../../../../src/core/clock.ts'
import { createSessions } from '../../../../src/create-sessions.ts'
import { makeCertificate } from '../../../support/certificate.ts'
import { startProxy } from '../../../support/proxy.ts'
import { freePort, type RedisServer, seenByServer } from '../../../support/redis-server.ts'
import { SECRET, signIn } from '../../../support/requests.ts'
import { until } from '../../../support/until.ts'
import { HASTY, pairOfSentinels } from './deployments.ts'
import {
  type ByHand,
  conf,
  type Ends,
  fill,
  folder,
  linked,
  PASSWORD,
  pair,
  QUICK,
  single,
  start,
} from './fault.ts'

const ITS_MACHINE = 'is of the machine'
const THE_APPLICATION = 'is in the application'

const servers: readonly ByHand[] = [
  {
    ...{ rule: 'mem.used', severity: 'warn', name: 'is nearly full' },
    ...{ reason: 'how much memory there is, is of the machine', says: /give it more memory/ },
    plant: async (ends) => {
      const { server, redis } = await single(ends, ['maxmemory 20mb'])
      await fill(server, 15_000_000)
      return { redis, mend: () => server.cli('CONFIG', 'SET', 'maxmemory', '100mb') }
    },
  },
  {
    ...{ rule: 'mem.used', severity: 'error', name: 'is full' },
    ...{ reason: 'how much memory there is, is of the machine', says: /give it more memory/ },
    plant: async (ends) => {
      const { server, redis } = await single(ends, ['maxmemory 20mb'])
      await fill(server, 18_500_000)
      return { redis, mend: () => server.cli('CONFIG', 'SET', 'maxmemory', '100mb') }
    },
  },
  {
    ...{ rule: 'lat.rtt', severity: 'warn', name: 'is far away' },
    ...{ reason: 'it is where it is', says: /run the nodes where the server is/ },
    plant: async (ends) => {
      const { server, redis } = await single(ends, [])
      const proxy = await startProxy(server.socketPath)
      ends.push(() => proxy.stop())
      proxy.delay(8)
      return { redis: proxy.url, mended: { redis } }
    },
  },
  {
    ...{ rule: 'sys.overcommit', severity: 'warn' },
    name: 'may be refused a fork, by planted files of the machine',
    ...{ reason: ITS_MACHINE, says: /`sysctl vm\.overcommit_memory=1`/ },
    plant: async (ends) => {
      const { redis } = await single(ends, [])
      const with_ = (value: string) => ({ readFile: machine(/overcommit_memory$/, value) })
      return { redis, options: with_('0\n'), mended: { redis, options: with_('1\n') } }
    },
  },
  {
    ...{ rule: 'sys.clock', severity: 'error', name: 'has another time', seen: /3\.0 s ahead/ },
    ...{ reason: ITS_MACHINE, says: /does not follow its time server/ },
    plant: async (ends) => {
      const { redis } = await single(ends, [])
      const clock: Clock = { now: () => Date.now() - 3_000, monotonic: () => performance.now() }
      return { redis, options: { clock }, mended: { redis } }
    },
  },
  {
    ...{ rule: 'ver.least', severity: 'error' },
    name: 'is too old, by a server whose answers are changed on their way',
    ...{ reason: 'another release is another program', says: /update the server/ },
    plant: async (ends) => {
      const { server } = await single(ends, [])
      const proxy = await startProxy(server.socketPath)
      ends.push(() => proxy.stop())
      proxy.answers(older)
      return { redis: proxy.url, mend: () => proxy.answers() }
    },
  },
]

/** Files of a machine on which the server runs, but only this one. */
const machine = (name: RegExp, text: string) => (path: string) =>
  path.endsWith('/comm') ? 'redis-server' : name.test(path) ? text : undefined

/** Another release than there is here, of as many characters. */
const older = (text: string): string =>
  text.replace(
    /((?:redis|valkey)_version:)(\d+\.\d+)/g,
    (_, name: string, version: string) => `${name}${'6.0'.padEnd(version.length, '0')}`,
  )

const several: readonly ByHand[] = [
  {
    ...{ rule: 'top.replica', severity: 'error', name: 'is asked at a replica' },
    ...{ reason: 'the address is in the application', says: /give the primary's address/ },
    plant: async (ends) => {
      const { primary, replica } = await pair(ends)
      return { redis: replica.url, mended: { redis: primary.url } }
    },
  },
  {
    ...{ rule: 'top.away', severity: 'warn', name: 'misses a replica', seen: /^the replica does/ },
    // It was the only one.
    also: ['repl.count warn', 'top.writes error'],
    ...{ reason: 'whatever started it starts it again', says: /^start it/m },
    plant: async () => {
      const { redis, servers } = await pairOfSentinels()
      const [primary, replica] = servers as [RedisServer, RedisServer]
      await replica.kill()
      await until(async () => (await primary.cli('INFO', 'replication')).includes('slaves:0'))
      return { redis, options: HASTY, mend: () => replica.restart().then(() => linked(replica)) }
    },
  },
  {
    ...{
      rule: 'top.away',
      severity: 'warn',
      name: 'misses a Sentinel',
      seen: /^the sentinel does/,
    },
    ...{ reason: 'whatever started it starts it again', says: /^start it/m },
    plant: async () => {
      const { redis, sentinels } = await pairOfSentinels()
      await sentinels[2]?.kill()
      return { redis, options: HASTY, mend: () => sentinels[2]?.restart() }
    },
  },
  {
    ...{ rule: 'sen.count', severity: 'warn', name: 'has one Sentinel' },
    ...{ reason: 'others are other machines', says: /three, on machines of their own/ },
    plant: async (ends) => {
      const { primary } = await pair(ends, ['min-replicas-to-write 1'])
      const sentinel = `sentinel monitor mymaster 127.0.0.1 ${primary.port} 1\n`
      const more = () => start(ends, { tcp: true, sentinel, password: PASSWORD })
      const sentinels = [`127.0.0.1:${(await more()).port}`]
      const redis = { sentinels, sentinelAccess: { password: PASSWORD } }
      return { redis, mend: () => Promise.all([more(), more()]) }
    },
  },
  {
    ...{ rule: 'repl.link', severity: 'error', name: 'has a replica with a wrong password' },
    also: ['sec.acllog warn', 'top.replica error'],
    ...{
      reason: 'the password is known to whoever is on call',
      says: /often masterauth or masteruser/,
    },
    plant: async (ends) => {
      const secret = { tcp: true, password: PASSWORD }
      const primary = await start(ends, { ...secret, config: conf(QUICK, { durable: true }) })
      const lines = [`replicaof 127.0.0.1 ${primary.port}`, 'masterauth wrong']
      const replica = await start(ends, { ...secret, config: conf(lines, { durable: true }) })
      await until(async () => (await primary.cli('ACL', 'LOG')) !== '')
      return {
        redis: { host: '127.0.0.1', port: replica.port as number, password: PASSWORD },
        mend: () => replica.cli('CONFIG', 'SET', 'masterauth', PASSWORD),
      }
    },
  },
  {
    ...{ rule: 'repl.lag', severity: 'warn', name: 'has a replica that is behind' },
    ...{ reason: 'the network is what it is', says: /more network/ },
    plant: async (ends) => {
      const { primary, proxy } = await apart(ends)
      proxy.hold()
      await fill(primary, 3_000_000)
      return { redis: primary.url, mend: () => proxy.release() }
    },
  },
  {
    ...{ rule: 'repl.full', severity: 'warn', name: 'has a replica that copies everything anew' },
    // As long as it is there.
    passing: ['repl.backlog warn', 'repl.link warn', 'repl.link error'],
    ...{
      reason: 'how much is written while it is away is not seen',
      says: /a larger repl-backlog-size/,
    },
    plant: async (ends) => {
      const { primary, replica } = await pair(ends, ['repl-backlog-size 16kb'])
      const end = new AbortController()
      // It is cut off again and again, and misses more than is kept for it.
      const cut = (async () => {
        while (!end.signal.aborted) {
          await linked(replica)
          const text = 'x'.repeat(100_000)
          await Promise.all([
            primary.cli('CLIENT', 'KILL', 'TYPE', 'replica'),
            primary.cli('SET', 'sj:{000}:x', text, 'EX', '100'),
          ])
        }
      })()
      ends.push(async () => {
        end.abort()
        await cut.catch(() => undefined)
      })
      return {
        ...{ redis: primary.url, options: { window: 1_500 } },
        mend: () => primary.cli('CONFIG', 'SET', 'repl-backlog-size', '64mb'),
      }
    },
  },
  {
    ...{ rule: 'ver.mixed', severity: 'info' },
    name: 'runs several releases, by a replica whose answers are changed on their way',
    also: ['ver.least error'],
    ...{ reason: 'another release is another program', says: /finish the update/ },
    plant: async (ends) => {
      const { primary, proxy } = await announced(ends)
      proxy.answers(older)
      return { redis: primary.url, mend: () => proxy.answers() }
    },
  },
]

/** A replica that reaches its primary by a proxy. */
async function apart(ends: Ends) {
  const lines = [...QUICK, 'client-output-buffer-limit replica 0 0 0']
  const primary = await start(ends, { tcp: true, config: conf(lines, { durable: true }) })
  const proxy = await startProxy(primary.socketPath)
  ends.push(() => proxy.stop())
  // By the proxy it would be told of as one at the primary's socket.
  const follow = [`replicaof 127.0.0.1 ${new URL(proxy.url).port}`, 'replica-announce-ip 127.0.0.1']
  const replica = await start(ends, { tcp: true, config: conf(follow, { durable: true }) })
  await linked(replica)
  return { primary, proxy }
}

/** A replica that is reached by a proxy. */
async function announced(ends: Ends) {
  const { primary, replica } = await pair(ends)
  const proxy = await startProxy(replica.socketPath)
  ends.push(() => proxy.stop())
  const { port } = new URL(proxy.url)
  await replica.cli('CONFIG', 'SET', 'replica-announce-port', port)
  await replica.cli('CLIENT', 'KILL', 'TYPE', 'master')
  await until(async () =>
    (await primary.cli('INFO', 'replication')).includes(`port=${port},state=online`),
  )
  return { primary, proxy }
}

const secure: readonly ByHand[] = [
  {
    ...{ rule: 'sec.verify', severity: 'warn', name: 'may be anybody, for its certificate' },
    ...{ reason: THE_APPLICATION, says: /no `rejectUnauthorized: false`/ },
    plant: async (ends) => {
      const { key, cert, ca } = makeCertificate(folder(ends), 100)
      const port = await freePort()
      const files = [
        ...[`tls-port ${port}`, `tls-cert-file ${seenByServer(cert)}`, 'tls-auth-clients no'],
        ...[`tls-key-file ${seenByServer(key)}`, `tls-ca-cert-file ${seenByServer(cert)}`],
      ]
      await single(ends, files, { password: PASSWORD })
      const at = (tls: object) => ({ host: 'localhost', port, password: PASSWORD, tls })
      return { redis: at({ rejectUnauthorized: false }), mended: { redis: at({ ca }) } }
    },
  },
]

const keys: readonly ByHand[] = [
  {
    ...{ rule: 'key.ttl', severity: 'error', name: 'has a session that never ends' },
    ...{
      reason: 'how long it is to live is in the application',
      says: /`PEXPIRE` of the idle timeout/,
    },
    plant: async (ends) => {
      const { server, redis } = await single(ends, [])
      const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
      ends.push(() => sessions.close())
      await signIn(sessions, { n: 1 }, 'ada')
      const [key] = (await server.cli('KEYS', 'sj:*:s:*')).split('\n') as [string]
      await server.cli('PERSIST', key)
      return { redis, mend: () => server.cli('PEXPIRE', key, '60000') }
    },
  },
  {
    ...{ rule: 'key.big', severity: 'warn', name: 'has a large session' },
    ...{ reason: THE_APPLICATION, says: /keep what is large elsewhere/ },
    plant: async (ends) => {
      const { server, redis } = await single(ends, [])
      const key = 'sj:{000}:s:0123456789012345678901'
      await server.cli('SET', key, 'x'.repeat(200_000), 'EX', '100')
      return { redis, mend: () => server.cli('SET', key, 'x', 'EX', '100') }
    },
  },
  {
    ...{ rule: 'key.index', severity: 'warn', name: 'has a user with thousands of sessions' },
    ...{ reason: THE_APPLICATION, says: /`maxSessions` bounds them/ },
    plant: async (ends) => {
      const { server, redis } = await single(ends, [])
      const key = 'sj:{000}:p:0123456789012345678901'
      const text = "for i = 1, 5001 do redis.call('HSET', KEYS[1], 'f' .. i, 'v') end"
      await server.cli('EVAL', text, '1', key)
      return { redis, mend: () => server.cli('HDEL', key, 'f1') }
    },
  },
  {
    ...{ rule: 'key.foreign', severity: 'warn', name: 'holds what is no session' },
    ...{ reason: THE_APPLICATION, says: /a server of its own for sessions/ },
    plant: async (ends) => {
      const { server, redis } = await single(ends, [])
      await server.cli('EVAL', `for i = 1, 300 do redis.call('SET', 'cache:' .. i, 'v') end`, '0')
      return { redis, mended: { redis: (await single(ends, [])).redis } }
    },
  },
]

export const BY_HAND: readonly ByHand[] = [...servers, ...several, ...secure, ...keys]

/** Rules that no row above is of, and why. */
export const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['persist.user', 'planted.test.ts: with what a restart makes of it'],
  ['sec.open', 'open.test.ts: its remedy is of several steps, each by somebody else'],
  ['clu.zone', 'topologies.test.ts: all that is started here is on one machine'],
  ['clu.hot', 'topologies.test.ts: it is over when nobody works there any more'],
  ['clu.tags', 'topologies.test.ts: whose keys those are, and where they go, is not seen'],
  ['lib.drift', 'planted.test.ts: Redis 7.0 is not told which versions are connected'],
  ['ver.cve', 'made.test.ts: of all releases there is one here'],
  ['mem.frag', 'made.test.ts: no test brings a server to waste 100 MiB'],
  ['mem.swap', 'made.test.ts: nor to be swapped out'],
  ['persist.fork', 'made.test.ts: nor to fork for so long'],
  ['lat.expire', 'made.test.ts: nor to be late with a tenth of its keys'],
  ['cli.buffers', 'made.test.ts: Redis 7.0 does not count it'],
])
