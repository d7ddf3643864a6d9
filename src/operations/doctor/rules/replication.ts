import type { Facts, ServerFacts } from '../facts.ts'
import {
  ALLOW,
  bytes,
  counted,
  grownBy,
  numberOf,
  PRIMARY,
  perServer,
  REPLICA,
  type Rule,
  unknown,
} from '../finding.ts'
import { cli, clusterCli, fits, freeIn, set } from '../remedy.ts'

/** Bytes, and seconds without a word. */
const FAR_BEHIND = 1_048_576
const LONG_SILENT = 10
/** Seconds of writes that a replica may miss and still go on where it was. */
const BACKLOG_SECONDS = 60

export const replicationRules: readonly Rule[] = [
  {
    id: 'repl.count',
    group: 'Replication',
    well: 'there is a replica to go on with',
    check: perServer(PRIMARY, (server, { kind, wants }) => {
      const count = numberOf(server.info, 'connected_slaves')
      if (count === undefined) return unknown('its replicas')
      if (count > 0 || server.slots === 0) return undefined
      // One that starts with what it had is a choice; no server of Sentinels or of a Cluster is meant to be alone.
      const isChosen = kind === 'single' && !wants.durable && server.info.get('aof_enabled') === '1'
      return {
        severity: isChosen ? 'info' : 'warn',
        seen: 'it has no replica',
        why: 'when its machine is lost, so are its sessions: everybody who has one there is signed out',
        fix: replicaFor(server, kind),
      }
    }),
  },
  {
    id: 'repl.link',
    group: 'Replication',
    well: 'replicas are connected',
    check: perServer(REPLICA, (server) => {
      const link = server.info.get('master_link_status')
      if (link === undefined) return unknown('whether it is connected to its primary')
      const silent = numberOf(server.info, 'master_last_io_seconds_ago') ?? 0
      if (link === 'up' && silent <= LONG_SILENT) return undefined
      const isCopying = server.info.get('master_sync_in_progress') === '1'
      return {
        severity: isCopying || link === 'up' ? 'warn' : 'error',
        seen: isCopying
          ? 'it is copying everything from its primary'
          : link === 'up'
            ? `it has heard nothing from its primary for ${silent} s`
            : 'it is not connected to its primary',
        why: 'what it misses is lost if it takes over: sign-outs are undone, logins are gone',
        fix: [
          "its log says why; often masterauth or masteruser is not the primary's password or user",
        ],
      }
    }),
  },
  {
    id: 'repl.lag',
    group: 'Replication',
    well: 'replicas keep up',
    check: (facts) => {
      const primaries = facts.servers.filter(({ role }) => role === 'primary')
      return perServer(REPLICA, (server) => {
        const ahead = primaries.find((primary) => isOf(server, primary))
        const now = ahead && lagOf(server.info, ahead.info)
        if (now === undefined) return unknown('how far it is behind its primary')
        // What is on its way is no lag: it was behind at the begin of the window too.
        const behind = Math.min(now, lagOf(server.before, ahead?.before ?? new Map()) ?? now)
        if (behind <= FAR_BEHIND) return undefined
        return {
          severity: 'warn',
          seen: `it is ${bytes(behind)} behind its primary`,
          why: 'what it misses is lost if it takes over',
          fix: [
            'more network or a faster machine for it, or fewer writes: `touchAfter`',
            "or `durability: 'replicated'`, which waits for it (docs/reliability.md)",
          ],
        }
      })(facts)
    },
  },
  {
    id: 'repl.backlog',
    group: 'Replication',
    well: 'a replica that was away for a minute goes on where it was',
    check: perServer(PRIMARY, (server, { window }) => {
      const replicas = numberOf(server.info, 'connected_slaves')
      if (replicas === 0) return undefined
      const size = numberOf(server.info, 'repl_backlog_size')
      const written = grownBy(server, 'master_repl_offset')
      if (replicas === undefined || size === undefined || written === undefined)
        return unknown('how much it keeps for its replicas')
      const needed = (written / window) * 1_000 * BACKLOG_SECONDS
      if (size >= needed) return undefined
      const value = String(2 ** Math.ceil(Math.log2(needed)))
      // It counts against maxmemory.
      const takes = Number(value) - size
      const isAffordable = fits(server, takes)
      return {
        severity: 'warn',
        seen: `it keeps ${bytes(size)} for replicas that were away, less than ${BACKLOG_SECONDS} s of writes (${bytes(needed)})`,
        why: 'after a short break the replica copies everything anew, and the primary forks for it',
        fix: [
          ...(isAffordable
            ? []
            : [
                `more memory first: of ${bytes(freeIn(server))} that are free it takes ${bytes(takes)}`,
              ]),
          ...set(server, 'repl-backlog-size', value),
        ],
        setting: isAffordable ? { name: 'repl-backlog-size', value } : undefined,
      }
    }),
  },
  {
    id: 'repl.full',
    group: 'Replication',
    well: 'no replica copies everything anew',
    check: perServer(PRIMARY, (server, { window }) => {
      const copies = grownBy(server, 'sync_full')
      if (copies === undefined) return unknown('how its replicas copy')
      if (copies === 0) return undefined
      return {
        severity: 'warn',
        seen: `${counted(copies, 'replica')} began to copy everything within ${Math.round(window / 1_000)} s`,
        why: 'the primary forks for each, and the replica has nothing until it is done',
        fix: [
          'a larger repl-backlog-size, and `client-output-buffer-limit replica` that is not reached: its log says which',
        ],
      }
    }),
  },
  {
    id: 'repl.min',
    group: 'Replication',
    well: 'a primary that is cut off takes no writes',
    check: perServer(PRIMARY, (server, { wants, kind }) => {
      const replicas = numberOf(server.info, 'connected_slaves')
      // A Cluster's primary that is cut off from the others stops by itself.
      if (kind === 'cluster' || replicas === 0) return undefined
      const least = server.config?.get('min-replicas-to-write')
      if (replicas === undefined || least === undefined) {
        return unknown('its min-replicas-to-write', `${ALLOW.info} ${ALLOW.config}`)
      }
      if (least !== '0') return undefined
      return {
        severity: wants.durable ? 'warn' : 'info',
        seen: 'min-replicas-to-write is 0',
        why: 'a primary that is cut off from its Sentinels goes on taking sign-outs that are lost when it comes back',
        fix: [
          ...set(server, 'min-replicas-to-write', '1'),
          ...set(server, 'min-replicas-max-lag', '5'),
        ],
      }
    }),
  },
]

function replicaFor(server: ServerFacts, kind: Facts['kind']): string[] {
  const { address } = server.target
  const at = 'path' in address ? '<host> <port>' : `${address.host} ${address.port}`
  if (kind === 'cluster') {
    const id = `$(${cli(server)} CLUSTER MYID)`
    return [
      `start a node on another machine, and \`${clusterCli(server, 'add-node <its host:port>')} --cluster-slave --cluster-master-id "${id}"\``,
      `or \`CLUSTER REPLICATE "${id}"\` at a node of it that has no slots`,
    ]
  }
  const start = `start one on another machine with \`replicaof ${at}\``
  return kind === 'sentinel'
    ? [`${start}: the Sentinels find it by themselves`]
    : [`${start}, and Sentinels that make it the primary`]
}

/** Bytes. The primary was asked first: what was written in between does not count. */
function lagOf(replica: ServerFacts['info'], primary: ServerFacts['info']): number | undefined {
  const own = numberOf(replica, 'slave_repl_offset')
  const theirs = numberOf(primary, 'master_repl_offset')
  return own === undefined || theirs === undefined ? undefined : theirs - own
}

function isOf(replica: ServerFacts, primary: ServerFacts): boolean {
  return (
    replica.info.get('master_replid') !== undefined &&
    replica.info.get('master_replid') === primary.info.get('master_replid')
  )
}
