import type { Facts, ServerFacts } from '../facts.ts'
import {
  ALLOW,
  counted,
  type Finding,
  grownBy,
  numberOf,
  PRIMARY,
  percent,
  perServer,
  type Rule,
  settingOf,
  unknown,
  unknownOfAll,
} from '../finding.ts'
import { LOOPBACK } from '../host.ts'
import { cli, clusterCli, set } from '../remedy.ts'

const SLOTS = 16_384
/** As many times what a primary with its fair part has. */
const UNEVEN = 1.5
/** Fewer say nothing. */
const ENOUGH_KEYS = 10_000
/** Of all keys, in one of the slots: sessions have a thousandth in each of theirs. */
const CROWDED = 0.05
/** Of a server's thread: above it answers wait for each other. */
const BUSY = 0.5
/** Milliseconds without an answer after which the others begin to think of a failover. */
const SLOW_TO_NOTICE = 30_000

export const clusterRules: readonly Rule[] = [
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
      if (state === 'ok' && failed === 0 && assigned === SLOTS) return undefined
      return {
        severity: 'error',
        seen:
          assigned < SLOTS
            ? `${SLOTS - assigned} of 16,384 slots are nobody's`
            : `cluster_state is ${state}, ${counted(failed, 'slot has', 'slots have')} failed`,
        why: 'sessions in these slots cannot be read or made, and with cluster-require-full-coverage none at all',
        fix: [
          `\`${clusterCli(server, 'check')}\` shows which; a primary that is away first: its sessions come back with it`,
          `then \`${clusterCli(server, 'fix')}\` gives what is nobody's to one that is there`,
        ],
      }
    }),
  },
  {
    id: 'clu.replica',
    group: 'Topology',
    well: 'the Cluster goes on without any one of its servers',
    check: ({ kind, servers }) => {
      if (kind !== 'cluster') return []
      const primaries = primariesOf(servers)
      const any = servers.find(({ problem }) => problem === undefined)
      if (primaries.length >= 3 || any === undefined) return []
      const empty = servers.filter(({ role }) => role === 'primary').length - primaries.length
      return [
        {
          severity: 'warn',
          seen:
            `there ${primaries.length === 1 ? 'is' : 'are'} ${counted(primaries.length, 'primary', 'primaries')}` +
            (empty === 0
              ? ''
              : `, and ${empty} without slots, which ${empty === 1 ? 'has' : 'have'} no vote`),
          servers: primaries.map(({ name }) => name),
          why: 'a failover needs the vote of most of the primaries: with fewer than three one that is lost takes the Cluster with it',
          fix: [
            ...(primaries.length + empty >= 3
              ? []
              : [`start another node, and \`${clusterCli(any, 'add-node <its host:port>')}\``]),
            `when every node knows every other (CLUSTER NODES), slots for those that have none: \`${clusterCli(any, 'rebalance')} --cluster-use-empty-masters\``,
          ],
        },
      ]
    },
  },
  {
    id: 'clu.zone',
    group: 'Topology',
    well: 'no machine takes a primary and its replicas, or most of the primaries, along',
    check: ({ kind, servers }) => {
      if (kind !== 'cluster') return []
      const byMachine = gatheredIn(servers, isBehindOne(servers) ? ADDRESS : MACHINE)
      const known = new Set(byMachine.flatMap((finding) => finding.servers))
      // A machine is in a zone: that both are there goes without saying.
      const byZone = gatheredIn(servers, ZONE).filter(
        (finding) => !finding.servers.every((name) => known.has(name)),
      )
      return [...byMachine, ...byZone]
    },
  },
  {
    id: 'clu.even',
    group: 'Topology',
    well: 'sessions lie evenly',
    check: ({ kind, servers }) => {
      if (kind !== 'cluster') return []
      const answering = primariesOf(servers).filter(({ problem }) => problem === undefined)
      if (answering.some(({ info }) => info.size === 0)) {
        return unknownOfAll('how many keys it has', ALLOW.info)
      }
      const primaries = answering.map((server) => ({ server, keys: keysOf(server.info) }))
      const all = primaries.reduce((sum, { keys }) => sum + keys, 0)
      const fair = all / primaries.length
      const full = primaries.filter(({ keys }) => all >= ENOUGH_KEYS && keys > fair * UNEVEN)
      return full.map(({ server, keys }) => ({
        severity: 'warn' as const,
        seen: `it has ${keys.toLocaleString('en')} of ${all.toLocaleString('en')} keys, a fair part would be ${Math.round(fair).toLocaleString('en')}`,
        servers: [server.name],
        why: 'it is full while the others have room',
        fix: [
          `\`${clusterCli(server, 'rebalance')}\`: sessions are 1,024 partitions that lie evenly over the slots`,
        ],
      }))
    },
  },
  {
    id: 'clu.hot',
    group: 'Topology',
    well: 'none does the work of the others',
    check: ({ kind, servers, window }) => {
      if (kind !== 'cluster') return []
      const answering = primariesOf(servers).filter(({ problem }) => problem === undefined)
      const busy = answering.map((server) => ({ server, part: busyPartOf(server, window) }))
      if (busy.some(({ part }) => part === undefined)) {
        return unknownOfAll('how busy it is', ALLOW.info)
      }
      const fair = busy.reduce((sum, { part = 0 }) => sum + part, 0) / busy.length
      return busy.flatMap(({ server, part = 0 }): Finding[] => {
        if (part < BUSY || part <= fair * UNEVEN) return []
        return [
          {
            severity: 'warn',
            seen: `its thread is busy for ${percent(part)} of the time, that of one with a fair part would be for ${percent(fair)}`,
            servers: [server.name],
            why: 'its sessions wait for each other while the others idle; from 100 % on they time out',
            fix: [
              busiest(server),
              `where it has more slots than the others (clu.even): \`${clusterCli(server, 'rebalance')}\``,
              `or a command that takes long: \`${cli(server)} SLOWLOG GET 10\``,
            ],
          },
        ]
      })
    },
  },
  {
    id: 'clu.tags',
    group: 'Topology',
    well: 'no slot has far more keys than the others',
    check: ({ kind, servers, keys }) => {
      if (kind !== 'cluster') return []
      const answering = primariesOf(servers).filter(({ problem }) => problem === undefined)
      if (keys?.fullSlots === undefined || answering.some(({ info }) => info.size === 0)) {
        return unknownOfAll(
          'which slots its keys are in',
          `${ALLOW.slots} ${ALLOW.keys} ${ALLOW.info}`,
        )
      }
      const all = answering.reduce((sum, { info }) => sum + keysOf(info), 0)
      return keys.fullSlots.flatMap(({ server, slot, keys: count }): Finding[] => {
        const at = answering.find(({ name }) => name === server)
        if (at === undefined || all < ENOUGH_KEYS || count <= all * CROWDED) return []
        return [
          {
            severity: 'warn',
            seen: `slot ${slot} has ${count.toLocaleString('en')} of ${all.toLocaleString('en')} keys, ${percent(count / all)}`,
            servers: [server],
            why: 'a slot is of one server: no other can take a part of it, however many there are',
            fix: [
              `\`${cli(at)} CLUSTER GETKEYSINSLOT ${slot} 10\` shows whose they are`,
              'if not of the sessions: names with more hash tags than one `{…}`, or another deployment for them',
              'if of one user: `maxSessions` (docs/principals.md); all of a user is in one slot',
            ],
          },
        ]
      })
    },
  },
  {
    id: 'clu.slow',
    group: 'Topology',
    well: 'a lost primary is noticed in time',
    check: perServer(PRIMARY, (server, { kind }) => {
      if (kind !== 'cluster') return undefined
      const timeout = settingOf(server, 'cluster-node-timeout')
      if (timeout === undefined) return unknown('its cluster-node-timeout', ALLOW.config)
      if (timeout < SLOW_TO_NOTICE) return undefined
      return {
        severity: 'info',
        seen: `cluster-node-timeout is ${timeout.toLocaleString('en')}`,
        why: 'for so long requests with its sessions fail when a primary is lost',
        fix: set(server, 'cluster-node-timeout', '5000'),
        setting: { name: 'cluster-node-timeout', value: '5000' },
      }
    }),
  },
]

/** Those that have sessions, and a vote. */
const primariesOf = (servers: Facts['servers']): ServerFacts[] =>
  servers.filter(({ role, slots }) => role === 'primary' && slots !== 0)

/** Of all databases: a Cluster has one. */
function keysOf(info: ReadonlyMap<string, string>): number {
  return Number(/keys=(\d+)/.exec(info.get('db0') ?? '')?.[1] ?? 0)
}

interface PlaceKind {
  readonly severity: Finding['severity']
  /** @returns nothing where it is not told */
  readonly of: (server: ServerFacts) => string | undefined
  readonly fix: string
}

/** By what they call themselves: how they are reached from here may be by tunnels. Of the loopback it is what was seen to run here. */
const MACHINE: PlaceKind = {
  severity: 'warn',
  of: ({ announced, host }) => {
    if (host !== undefined) return 'this machine'
    return announced === undefined || LOOPBACK.test(announced)
      ? undefined
      : `the machine ${announced}`
  },
  fix: 'on another machine',
}

const ADDRESS: PlaceKind = {
  ...MACHINE,
  severity: 'info',
  of: ({ announced }) => `one machine, or what leads to several: ${announced}`,
}

/** Managed services, and networks behind NAT, have one address for all of their machines. */
function isBehindOne(servers: Facts['servers']): boolean {
  const places = new Set(servers.map(MACHINE.of))
  const [place] = places
  return places.size === 1 && place !== undefined && servers.every(({ host }) => host === undefined)
}

/** `availability-zone` of Valkey 8. */
const ZONE: PlaceKind = {
  severity: 'info',
  of: ({ info }) => {
    const zone = info.get('availability_zone')
    return zone === undefined || zone === '' ? undefined : `the zone ${zone}`
  },
  fix: 'in another zone',
}

/** Primaries that are in one place with all their replicas, and places with so many that the rest could not vote. */
function gatheredIn(servers: Facts['servers'], { severity, of, fix }: PlaceKind): Finding[] {
  const primaries = primariesOf(servers)
  const alone = new Map<string, string[]>()
  const all = new Map<string, string[]>()
  const note = (places: Map<string, string[]>, place: string, { name }: ServerFacts): void => {
    places.set(place, [...(places.get(place) ?? []), name])
  }
  for (const primary of primaries) {
    const place = of(primary)
    if (place === undefined) continue
    note(all, place, primary)
    const replicas = servers.filter((server) => server.primary === primary.name)
    if (replicas.length > 0 && replicas.every((replica) => of(replica) === place)) {
      note(alone, place, primary)
    }
  }
  const quorum = Math.floor(primaries.length / 2) + 1
  return [
    ...[...alone].map(([place, names]) => ({
      severity,
      seen: `it and all its replicas are in one place, ${place}`,
      servers: names,
      why: 'when that is lost so are its slots, with all sessions in them: there is nobody to take over',
      fix: [
        `a replica of it ${fix}: \`redis-cli --cluster add-node … --cluster-slave\` (see repl.count)`,
      ],
    })),
    ...[...all].flatMap(([place, names]) =>
      primaries.length < 3 || primaries.length - names.length >= quorum
        ? []
        : [
            {
              severity,
              seen: `${names.length} of ${primaries.length} primaries are in one place, ${place}`,
              servers: names,
              why: 'when that is lost too few are left to vote: no replica takes over, and the Cluster stops',
              fix: [`\`CLUSTER FAILOVER\` at a replica ${fix}, or primaries in three places`],
            },
          ],
    ),
  ]
}

/** Of the window, that its thread was at work; its other threads only read and write for it. */
function busyPartOf(server: ServerFacts, window: number): number | undefined {
  const [user, system] = ['user', 'sys'].map(
    (of) => grownBy(server, `used_cpu_${of}_main_thread`) ?? grownBy(server, `used_cpu_${of}`),
  )
  return user === undefined || system === undefined ? undefined : (user + system) / (window / 1_000)
}

function busiest({ busySlots }: ServerFacts): string {
  const told = busySlots?.filter(({ seconds }) => seconds > 0) ?? []
  if (told.length === 0) {
    return '`CLUSTER SLOT-STATS ORDERBY CPU-USEC LIMIT 3 DESC` says which slots it is, with `cluster-slot-stats-enabled yes` (Redis 8.2, Valkey 8)'
  }
  const slots = told.map(({ slot, seconds }) => `${slot} (${Math.round(seconds)} s)`).join(', ')
  return `most of its time went to the slots ${slots}: \`CLUSTER GETKEYSINSLOT ${told[0]?.slot} 10\` shows whose`
}
