import {
  ALLOW,
  counted,
  type Finding,
  numberOf,
  PRIMARY,
  perServer,
  type Rule,
  SENTINEL,
  settingOf,
  unknown,
  unknownOfAll,
} from '../finding.ts'
import { cli, set } from '../remedy.ts'

const LEAST_SENTINELS = 3
/** Of the keys of a master that has its fair part. */
const UNEVEN = 1.5
/** Fewer say nothing. */
const ENOUGH_KEYS = 10_000
/** Milliseconds without an answer after which a Sentinel begins to think of a failover. */
const SLOW_TO_NOTICE = 30_000

export const topologyRules: readonly Rule[] = [
  {
    id: 'top.away',
    group: 'Topology',
    well: 'every server that belongs to it answers',
    check: ({ servers }) =>
      servers.flatMap(({ name, role, problem }): Finding[] => {
        if (problem === undefined) return []
        return [
          {
            severity: role === 'primary' ? 'error' : 'warn',
            seen: `the ${role} does not answer: ${problem.message}`,
            servers: [name],
            why:
              role === 'primary'
                ? 'requests with its sessions fail'
                : role === 'replica'
                  ? 'it cannot take over'
                  : 'it does not vote: fewer may be left than a failover needs',
            fix: [
              'start it, or look at the network between here and there',
              'if it is gone for good: `SENTINEL RESET`, or `CLUSTER FORGET`',
            ],
          },
        ]
      }),
  },
  {
    id: 'top.replica',
    group: 'Topology',
    well: 'the address is that of the primary',
    check: ({ kind, servers }) => {
      const [first] = servers
      if (kind !== 'single' || first?.role !== 'replica') return []
      return [
        {
          severity: 'error',
          seen: 'the address leads to a replica',
          servers: [first.name],
          why: 'it takes no writes: nobody can sign in or out (READONLY)',
          fix: [
            "give the primary's address",
            'or Sentinels, which know it also after a failover: `redis: { sentinels: […] }` (docs/redis.md)',
          ],
        },
      ]
    },
  },
  {
    id: 'clu.state',
    group: 'Topology',
    well: 'every slot is served',
    check: perServer(PRIMARY, (server, { kind }) => {
      if (kind !== 'cluster') return undefined
      const state = server.cluster?.get('cluster_state')
      if (server.cluster === undefined || state === undefined)
        return unknown('the state of the Cluster', ALLOW.cluster)
      const failed = numberOf(server.cluster, 'cluster_slots_fail') ?? 0
      const assigned = numberOf(server.cluster, 'cluster_slots_assigned') ?? 0
      if (state === 'ok' && failed === 0 && assigned === 16_384) return undefined
      return {
        severity: 'error',
        seen:
          assigned < 16_384
            ? `${16_384 - assigned} of 16,384 slots are nobody's`
            : `cluster_state is ${state}, ${counted(failed, 'slot has', 'slots have')} failed`,
        why: 'sessions in these slots cannot be read or made, and with cluster-require-full-coverage none at all',
        fix: [`\`redis-cli --cluster check ${server.name}\`, then \`--cluster fix\``],
      }
    }),
  },
  {
    id: 'clu.replica',
    group: 'Topology',
    well: 'the Cluster goes on without any one of its servers',
    check: ({ kind, servers }) => {
      if (kind !== 'cluster') return []
      const masters = servers.filter(({ role }) => role === 'primary')
      if (masters.length >= 3) return []
      return [
        {
          severity: 'warn',
          seen: `there ${masters.length === 1 ? 'is' : 'are'} ${counted(masters.length, 'master')}`,
          servers: masters.map(({ name }) => name),
          why: 'a failover needs the vote of most of the masters: with fewer than three one that is lost takes the Cluster with it',
          fix: [
            '`redis-cli --cluster add-node`, then `--cluster rebalance --cluster-use-empty-masters`',
          ],
        },
      ]
    },
  },
  {
    id: 'clu.even',
    group: 'Topology',
    well: 'sessions lie evenly',
    check: ({ kind, servers }) => {
      if (kind !== 'cluster') return []
      const answering = servers.filter(
        ({ role, problem }) => role === 'primary' && problem === undefined,
      )
      if (answering.some(({ info }) => info.size === 0)) {
        return unknownOfAll('how many keys it has', ALLOW.info)
      }
      const masters = answering.map(({ name, info }) => ({ name, keys: keysOf(info) }))
      const all = masters.reduce((sum, { keys }) => sum + keys, 0)
      const fair = all / masters.length
      const full = masters.filter(({ keys }) => all >= ENOUGH_KEYS && keys > fair * UNEVEN)
      return full.map(({ name, keys }) => ({
        severity: 'warn' as const,
        seen: `it has ${keys.toLocaleString('en')} of ${all.toLocaleString('en')} keys, a fair part would be ${Math.round(fair).toLocaleString('en')}`,
        servers: [name],
        why: 'it is full while the others have room',
        fix: [
          '`redis-cli --cluster rebalance`: sessions are 1,024 partitions that lie evenly over the slots',
        ],
      }))
    },
  },
  {
    id: 'sen.quorum',
    group: 'Topology',
    well: 'the Sentinels can make a failover',
    check: perServer(SENTINEL, ({ sentinel }) => {
      if (sentinel === undefined) return unknown('whether there are enough of them', ALLOW.sentinel)
      if (sentinel.quorum.startsWith('OK')) return undefined
      return {
        severity: 'error',
        seen: `CKQUORUM says ${sentinel.quorum}`,
        why: 'when the primary is lost nothing takes its place',
        fix: [
          'start the Sentinels that are missing',
          'or lower the quorum: `SENTINEL SET <primary> quorum <n>`',
        ],
      }
    }),
  },
  {
    id: 'sen.count',
    group: 'Topology',
    well: 'enough Sentinels',
    check: ({ kind, servers }) => {
      const sentinels = servers.filter(({ role }) => role === 'sentinel')
      if (kind !== 'sentinel' || sentinels.length >= LEAST_SENTINELS) return []
      return [
        {
          severity: 'warn',
          seen: `there ${sentinels.length === 1 ? 'is 1 Sentinel' : `are ${sentinels.length} Sentinels`}`,
          servers: sentinels.map(({ name }) => name),
          why: 'a failover needs most of them: with two, one that is lost is enough that there is none',
          fix: ['three, on machines of their own or of the applications'],
        },
      ]
    },
  },
  {
    id: 'sen.slow',
    group: 'Topology',
    well: 'a lost primary is noticed in time',
    check: perServer(SENTINEL, (server) => {
      const master = server.sentinel?.master
      const after = master && numberOf(master, 'down-after-milliseconds')
      if (after === undefined) return unknown('its down-after-milliseconds', ALLOW.sentinel)
      if (after < SLOW_TO_NOTICE) return undefined
      const name = master?.get('name') ?? 'mymaster'
      return {
        severity: 'info',
        seen: `down-after-milliseconds is ${after.toLocaleString('en')}`,
        why: 'for so long nobody can sign in or out when the primary is lost',
        fix: [`\`${cli(server)} SENTINEL SET ${name} down-after-milliseconds 5000\``],
      }
    }),
  },
  {
    id: 'clu.slow',
    group: 'Topology',
    well: 'a lost master is noticed in time',
    check: perServer(PRIMARY, (server, { kind }) => {
      if (kind !== 'cluster') return undefined
      const timeout = settingOf(server, 'cluster-node-timeout')
      if (timeout === undefined) return unknown('its cluster-node-timeout', ALLOW.config)
      if (timeout < SLOW_TO_NOTICE) return undefined
      return {
        severity: 'info',
        seen: `cluster-node-timeout is ${timeout.toLocaleString('en')}`,
        why: 'for so long requests with its sessions fail when a master is lost',
        fix: set(server, 'cluster-node-timeout', '5000'),
        setting: { name: 'cluster-node-timeout', value: '5000' },
      }
    }),
  },
]

/** Of all databases: a Cluster has one. */
function keysOf(info: ReadonlyMap<string, string>): number {
  return Number(/keys=(\d+)/.exec(info.get('db0') ?? '')?.[1] ?? 0)
}
