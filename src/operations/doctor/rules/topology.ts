import type { Facts, ServerFacts } from '../facts.ts'
import {
  ALLOW,
  type Finding,
  numberOf,
  perServer,
  type Rule,
  SENTINEL,
  unknown,
} from '../finding.ts'
import { cli, clusterCli } from '../remedy.ts'

const LEAST_SENTINELS = 3
/** Milliseconds without an answer after which a Sentinel begins to think of a failover. */
const SLOW_TO_NOTICE = 30_000

export const topologyRules: readonly Rule[] = [
  {
    id: 'top.away',
    group: 'Topology',
    well: 'every server that belongs to it answers',
    check: (facts) =>
      facts.servers.flatMap(({ name, role, problem }): Finding[] => {
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
              // To forget a primary is to give up its sessions, and whoever could take its place.
              ...(role === 'primary' ? [] : forgetting(facts)),
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
    id: 'sen.quorum',
    group: 'Topology',
    well: 'the Sentinels can make a failover',
    check: perServer(SENTINEL, (server) => {
      const { sentinel } = server
      if (sentinel === undefined) return unknown('whether there are enough of them', ALLOW.sentinel)
      if (sentinel.quorum.startsWith('OK')) return undefined
      return {
        severity: 'error',
        seen: `CKQUORUM says ${sentinel.quorum}`,
        why: 'when the primary is lost nothing takes its place',
        fix: [
          'start the Sentinels that are missing',
          `or lower the quorum, at every Sentinel: \`${cli(server)} SENTINEL SET ${nameIn(server)} quorum <n>\``,
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
      return {
        severity: 'info',
        seen: `down-after-milliseconds is ${after.toLocaleString('en')}`,
        why: 'for so long nobody can sign in or out when the primary is lost',
        fix: [`\`${cli(server)} SENTINEL SET ${nameIn(server)} down-after-milliseconds 5000\``],
      }
    }),
  },
]

/** What the Sentinels call the primary. */
const nameIn = ({ sentinel }: ServerFacts): string => sentinel?.master.get('name') ?? '<primary>'

/** Of one that does not come back: those that still name it. */
function forgetting({ kind, servers }: Facts): string[] {
  const any = servers.find(
    ({ role, problem }) => problem === undefined && (kind === 'cluster' || role === 'sentinel'),
  )
  if (any === undefined) return []
  if (kind === 'cluster') {
    return [
      `if it is gone for good: \`${clusterCli(any, 'call')} CLUSTER FORGET <its id>\`, which \`${cli(any)} CLUSTER NODES\` shows`,
    ]
  }
  return [
    `if it is gone for good, at one Sentinel after the other, 30 seconds apart: \`SENTINEL RESET ${nameIn(any)}\``,
  ]
}
