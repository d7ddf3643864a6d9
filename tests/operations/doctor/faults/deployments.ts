/** Of several servers, and of the way to them. */
import { PARTITIONS, partitionTag, slotOf } from '../../../../src/core/partitions.ts'
import { makeCertificate } from '../../../support/certificate.ts'
import { startCluster } from '../../../support/cluster.ts'
import { freePort, seenByServer, startRedis } from '../../../support/redis-server.ts'
import { MASTER_NAME, type Sentineled, startSentinels } from '../../../support/sentinels.ts'
import { until } from '../../../support/until.ts'
import {
  conf,
  type Ends,
  type Fault,
  folder,
  going,
  linked,
  PASSWORD,
  type Planted,
  pair,
  QUICK,
  single,
  start,
} from './fault.ts'

/** Who is away is not waited for as long as usual. */
export const HASTY = { commandTimeout: 500 } as const

const replication: readonly Fault[] = [
  {
    ...{ rule: 'repl.count', severity: 'warn', name: 'has no replica' },
    plant: async (ends) => {
      const planted = await single(ends, [...QUICK, 'appendonly no', 'save 3600 1'], { tcp: true })
      const configure = async (lines: readonly string[]) => {
        await linked(await start(ends, { tcp: true, config: conf(lines) }))
      }
      return { ...planted, redis: planted.server.url, configure }
    },
  },
  {
    ...{ rule: 'repl.backlog', severity: 'warn' },
    name: 'keeps too little for a replica that was away',
    plant: async (ends) => {
      const planted = await pair(ends, ['repl-backlog-size 16kb'])
      going(ends, 10, () => planted.primary.cli('SET', 'sj:{000}:x', 'x'.repeat(1_000), 'EX', '9'))
      return { ...planted, options: { window: 400 } }
    },
  },
  {
    ...{ rule: 'repl.min', severity: 'info', name: 'takes writes when it is cut off' },
    plant: (ends) => pair(ends),
  },
  {
    ...{ rule: 'repl.min', severity: 'warn' },
    name: 'takes writes when it is cut off, which must not be lost',
    plant: async (ends) => ({ ...(await pair(ends)), options: { durable: true } }),
  },
  {
    ...{ rule: 'sec.acl', severity: 'error', name: 'has a replica that does not know the user' },
    plant: async (ends) => ({
      ...(await pair(ends, ['user app on nopass ~sj:* &* +@all'])),
      options: { user: 'app' },
    }),
  },
]

const secure: readonly Fault[] = [
  {
    ...{ rule: 'sec.tls', severity: 'warn', name: 'is reached over the network in clear' },
    plant: async (ends) => {
      const { key, cert, ca } = makeCertificate(folder(ends), 100)
      const planted = await single(ends, [], { tcp: true, password: PASSWORD })
      const tlsPort = await freePort()
      // Also an address of this machine, which does not look like one.
      const at = { host: '0.0.0.0', password: PASSWORD }
      const fills = {
        ...{ '<its certificate>': seenByServer(cert), '<its key>': seenByServer(key) },
        ...{ '<whom it trusts>': seenByServer(cert), 6380: String(tlsPort) },
      }
      const tls = { ca, servername: 'localhost' }
      return {
        ...planted,
        redis: { ...at, port: planted.server.port as number },
        // Its URL and its plain port are the application's and for later.
        ...{ fills, lines: /tls-port/ },
        mended: { redis: { ...at, port: tlsPort, tls } },
      }
    },
  },
  {
    ...{ rule: 'sec.cert', severity: 'warn', name: 'has a certificate that ends soon' },
    seen: /^its certificate ends in 9 days$/,
    also: ['sec.verify warn'],
    plant: async (ends) => {
      const at = folder(ends)
      const { key, cert } = makeCertificate(at, 10)
      const port = await freePort()
      const files = [
        ...[`tls-port ${port}`, `tls-cert-file ${seenByServer(cert)}`, 'tls-auth-clients no'],
        ...[`tls-key-file ${seenByServer(key)}`, `tls-ca-cert-file ${seenByServer(cert)}`],
      ]
      return {
        ...(await single(ends, files, { password: PASSWORD })),
        redis: { host: '127.0.0.1', port, password: PASSWORD, tls: { rejectUnauthorized: false } },
        first: () => makeCertificate(at, 100),
        fills: { '<the same path>': seenByServer(cert) },
      }
    },
  },
]

const ofSentinels = (): string => conf([], { kind: 'sentinel', durable: true })

interface Watched extends Planted {
  readonly sentinels: Sentineled['sentinels']
}

async function watched(ends: Ends, replicas: number): Promise<Watched> {
  const set = await startSentinels({ replicas, config: ofSentinels(), password: PASSWORD })
  ends.push(() => set.stop())
  const redis = {
    ...{ sentinels: set.addresses, masterName: MASTER_NAME },
    sentinelAccess: { password: PASSWORD },
  }
  return { redis, servers: set.servers, sentinels: set.sentinels }
}

const sharedEnds: Ends = []
let sharedCluster: ReturnType<typeof clustered> | undefined
let sharedSet: ReturnType<typeof watched> | undefined
/** For faults that leave them as they were, once they are mended. */
const three = () => (sharedCluster ??= clustered(sharedEnds, { masters: 3 }))
export const pairOfSentinels = (): Promise<Watched> => (sharedSet ??= watched(sharedEnds, 1))

export async function endShared(): Promise<void> {
  for (const end of sharedEnds.splice(0)) await end()
}

const sentinels: readonly Fault[] = [
  {
    ...{
      rule: 'sen.quorum',
      severity: 'error',
      name: 'are too few to agree',
      also: ['sen.count warn'],
    },
    plant: async (ends) => {
      const { primary } = await pair(ends, ['min-replicas-to-write 1'])
      const sentinel = `sentinel monitor mymaster 127.0.0.1 ${primary.port} 2\n`
      const alone = await start(ends, { tcp: true, sentinel, password: PASSWORD })
      const redis = {
        sentinels: [`127.0.0.1:${alone.port}`],
        sentinelAccess: { password: PASSWORD },
      }
      const fills = { '<n>': '1' }
      return { redis, servers: [alone], fills, lines: /lower the quorum/ }
    },
  },
  {
    ...{ rule: 'top.away', severity: 'warn', name: 'name a Sentinel that is gone for good' },
    also: ['sen.count warn'],
    plant: async (ends) => {
      const { primary } = await pair(ends, ['min-replicas-to-write 1'])
      const sentinel = `sentinel monitor mymaster 127.0.0.1 ${primary.port} 1\n`
      const [one, other] = await Promise.all(
        [0, 1].map(() => start(ends, { tcp: true, sentinel, password: PASSWORD })),
      )
      await until(
        async () =>
          (await one?.cli('SENTINEL', 'SENTINELS', 'mymaster'))?.includes(`${other?.port}`) ??
          false,
      )
      await other?.kill()
      return {
        servers: one === undefined ? [] : [one],
        redis: {
          sentinels: [`127.0.0.1:${one?.port}`],
          sentinelAccess: { password: PASSWORD },
        },
        options: HASTY,
        lines: /gone for good/,
      }
    },
  },
  {
    ...{ rule: 'sen.slow', severity: 'info', name: 'notice a lost primary late' },
    plant: async () => {
      const planted = await pairOfSentinels()
      for (const one of planted.sentinels) {
        await one.cli('SENTINEL', 'SET', MASTER_NAME, 'down-after-milliseconds', '60000')
      }
      return planted
    },
  },
  {
    ...{ rule: 'repl.count', severity: 'warn', name: 'have no replica to promote' },
    // Which is why it takes no writes.
    also: ['top.writes error'],
    plant: async (ends) => {
      const planted = await watched(ends, 0)
      const configure = async (lines: readonly string[]) => {
        const config = conf(lines, { kind: 'sentinel', durable: true })
        await linked(await start(ends, { tcp: true, config }))
      }
      return { ...planted, configure }
    },
  },
]

async function clustered(
  ends: Ends,
  options: Parameters<typeof startCluster>[0],
): Promise<Planted & { readonly cluster: Awaited<ReturnType<typeof startCluster>> }> {
  const cluster = await startCluster({ config: conf([], { kind: 'cluster' }), ...options })
  ends.push(() => cluster.stop())
  return { cluster, servers: cluster.nodes, redis: { cluster: cluster.addresses } }
}

/** An empty node of a Cluster, not yet of this one. `at`: as `redis-cli` is told of it, with the port of its bus */
async function node(ends: Ends) {
  const bus = String(await freePort())
  const config = conf([], { kind: 'cluster' })
  const server = await startRedis({
    ...{ tcp: true, config },
    args: ['--cluster-port', bus, '--repl-diskless-sync-delay', '0'],
  })
  ends.push(() => server.stop())
  return { server, at: `127.0.0.1:${server.port}@${bus}` }
}

const clusters: readonly Fault[] = [
  {
    ...{ rule: 'clu.state', severity: 'error', name: 'has slots that are nobody’s' },
    also: ['repl.count warn'],
    plant: async () => {
      const planted = await three()
      const { nodes } = planted.cluster
      // The former owner's word may still be on its way.
      const told = async () => {
        for (const each of nodes) await each.cli('CLUSTER', 'DELSLOTS', '5').catch(() => undefined)
        const infos = await Promise.all(nodes.map((each) => each.cli('CLUSTER', 'INFO')))
        return infos.every((info) => info.includes('cluster_slots_assigned:16383'))
      }
      await until(async () => (await told()) && (await told()))
      return planted
    },
  },
  {
    ...{ rule: 'clu.slow', severity: 'info', name: 'notices a lost primary late' },
    also: ['repl.count warn'],
    plant: async () => {
      const planted = await three()
      for (const each of planted.cluster.nodes) {
        await each.cli('CONFIG', 'SET', 'cluster-node-timeout', '60000')
      }
      return planted
    },
  },
  {
    ...{ rule: 'clu.replica', severity: 'warn', name: 'has too few primaries' },
    also: ['repl.count warn'],
    plant: async (ends) => {
      const planted = await clustered(ends, { masters: 2 })
      const added = await node(ends)
      const nodes = [...planted.servers, added.server]
      const known = (text: string) => text.match(/ connected/g)?.length === nodes.length
      const between = () =>
        until(async () => {
          const told = await Promise.all(nodes.map((each) => each.cli('CLUSTER', 'NODES')))
          return told.every(known)
        })
      return { ...planted, between, fills: { '<its host:port>': added.at } }
    },
  },
  {
    ...{ rule: 'clu.even', severity: 'warn', name: 'has most sessions at one' },
    also: ['repl.count warn'],
    plant: async (ends) => {
      const shares = [6_400, 3_328, 3_328, 3_328] as const
      const planted = await clustered(ends, { masters: shares.length, shares })
      const text = "for i = 1, 12 do redis.call('SET', KEYS[1] .. i, 'v', 'EX', 100) end"
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const tag = partitionTag(partition)
        const at = slotOf(tag) - shares[0]
        const server = planted.servers[at < 0 ? 0 : 1 + Math.floor(at / shares[1])]
        await server?.cli('EVAL', text, '1', `sj:{${tag}}:x:`)
      }
      return planted
    },
  },
  {
    ...{ rule: 'repl.count', severity: 'warn', name: 'has no replica' },
    also: ['clu.replica warn'],
    plant: async (ends) => {
      const planted = await clustered(ends, { masters: 1 })
      return { ...planted, fills: { '<its host:port>': (await node(ends)).at } }
    },
  },
]

export const OF_SEVERAL_SERVERS: readonly Fault[] = [
  ...[...replication, ...secure, ...sentinels, ...clusters],
]
