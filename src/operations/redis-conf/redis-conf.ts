import { OptionError } from '../../core/errors.ts'
import { REPLICA_RULES, SENTINEL_RULES } from '../acl/permissions.ts'
import { TRACKED } from '../plan/plan.ts'

export type ConfKind = 'single' | 'sentinel' | 'cluster'

export interface ConfOptions {
  /** What the server is part of. */
  readonly kind: ConfKind
  /** Bytes of the machine, or of the container. */
  readonly memory: number
  /** Processes of applications: each has a near cache and some connections. */
  readonly processes: number
  /** Sign-outs and changes must survive the loss of a server. */
  readonly durable: boolean
  /** As the option of `createSessions`. */
  readonly expiry: 'off' | 'notify' | 'reliable'
  readonly tls: boolean
}

export interface SentinelConfOptions {
  readonly masterName: string
  readonly tls: boolean
}

const MIB = 1_048_576
/** The rest of the machine is for copies while it saves, for buffers, and for the system. */
const USABLE = 0.7
const LEAST_MEMORY = 64 * MIB
/** The tracked connection, the one beside, the one that waits; and of a rolling restart both generations. */
const CONNECTIONS = 6
/** Tools, replicas, whoever is on call. */
const OTHERS = 200
/** Entries of a near cache that is left at its default. */
const NEAR_ENTRIES = 100_000
/** Sessions take a KiB each, or more: so many there can be. */
const SESSIONS_A_MIB = 1_000
/** Of memory, for replicas that were away. */
const BACKLOG_PART = 1 / 64

/**
 * The configuration of a server for sessions, with the reason of each line.
 * @throws OptionError
 */
export function redisConf(options: ConfOptions): string {
  const { kind, memory, processes, durable, expiry, tls } = options
  if (memory < LEAST_MEMORY) throw new OptionError('memory', 'takes 64mb at least')
  if (!Number.isInteger(processes) || processes < 1) {
    throw new OptionError('processes', 'takes a whole number from 1')
  }
  const limit = Math.floor((memory * USABLE) / MIB)
  const backlog = Math.max(1, Math.floor((memory * BACKLOG_PART) / MIB))
  const clients = Math.max(1_000, processes * CONNECTIONS + OTHERS)
  const tracked = Math.max(1_000_000, Math.min(processes * NEAR_ENTRIES, limit * SESSIONS_A_MIB))
  const hasReplicas = kind !== 'single' || durable
  const parts: readonly (readonly string[])[] = [
    [
      `# A server for sessions, ${KINDS[kind]}. Printed by \`sojourn redis-conf\`; docs/redis.md has more.`,
    ],
    [
      '# --- Where it listens',
      '# Put the address of the private network here. Never the one of the internet.',
      'bind 127.0.0.1 -::1',
      'protected-mode yes',
      ...(tls
        ? [
            '# No plain port: ids of sessions and the password would go over the network in clear.',
            'port 0',
            'tls-port 6379',
            'tls-cert-file /etc/redis/server.crt',
            'tls-key-file /etc/redis/server.key',
            'tls-ca-cert-file /etc/redis/ca.crt',
            '# Clients show a password; `yes` asks them for a certificate too.',
            'tls-auth-clients no',
            ...(hasReplicas ? ['tls-replication yes'] : []),
            ...(kind === 'cluster' ? ['tls-cluster yes'] : []),
          ]
        : ['port 6379']),
    ],
    [
      '# --- Who may do what',
      '# `sojourn acl --file` prints the lines: the application, and whoever is on call. Then the user default is off,',
      '# `user default off ~* &* +@all` in the aclfile: without its rights a restart passes over what scripts have written.',
      '# aclfile /etc/redis/users.acl',
      ...(hasReplicas
        ? [
            `# Replicas sign in too: on every server, and in its aclfile \`user replica on >… ${REPLICA_RULES.join(' ')}\`.`,
            '# masteruser replica',
            '# masterauth …',
          ]
        : []),
    ],
    [
      '# --- Memory',
      `# 70 % of ${size(memory)}: the rest is for copies while it saves, for buffers, and for the system.`,
      `maxmemory ${limit}mb`,
      '# Full, it drops what ends soonest. noeviction would refuse logins instead; allkeys-* may drop the lists by which',
      '# all sessions of a user are ended.',
      'maxmemory-policy volatile-ttl',
      '# Clients that do not read their answers are cut off before they take the memory of sessions.',
      'maxmemory-clients 5%',
      "# A user's list of sessions in one piece: 80 bytes less a session.",
      'hash-max-listpack-value 256',
      '# What is dropped or has ended is taken apart beside the requests.',
      'lazyfree-lazy-eviction yes',
      'lazyfree-lazy-expire yes',
      'lazyfree-lazy-server-del yes',
    ],
    [
      '# --- Disk',
      '# A process that ends loses nothing; a machine that loses power loses the last second, two at worst: who signed in',
      "# then is signed out, who signed out is in again. Where one logout must not be lost: durability: 'disk'.",
      'appendonly yes',
      'appendfsync everysec',
      '# Rewritten when it has doubled. fsync goes on meanwhile: `yes` would lose up to 30 seconds.',
      'auto-aof-rewrite-percentage 100',
      'auto-aof-rewrite-min-size 64mb',
      'no-appendfsync-on-rewrite no',
      '# No snapshots beside: each forks, and the append-only file begins with one anyway.',
      'save ""',
    ],
    ...(hasReplicas ? [replication(options, backlog)] : []),
    ...(kind === 'cluster' ? [CLUSTER] : []),
    [
      '# --- Clients',
      `# ${processes} processes with up to ${CONNECTIONS} connections each while they are restarted, and ${OTHERS} others. The limit of`,
      '# open files must be above.',
      `maxclients ${clients}`,
      '# Near caches keep quiet connections: they must not be ended for it. A host that has gone is noticed within a minute.',
      'timeout 0',
      'tcp-keepalive 60',
      `# What near caches hold: above this it forgets some, and they drop what is still true. Some ${TRACKED.key} bytes each,`,
      `# and ${TRACKED.further} for each further process that holds it.`,
      `tracking-table-max-keys ${tracked}`,
      expiry === 'notify'
        ? "# For expiry: 'notify'."
        : '# Nobody listens: each would cost time for nothing.',
      `notify-keyspace-events ${expiry === 'notify' ? 'Ex' : '""'}`,
    ],
    [
      '# --- When it is slow',
      '# `SLOWLOG GET` and `LATENCY DOCTOR` have something to say then.',
      'slowlog-log-slower-than 10000',
      'slowlog-max-len 256',
      'latency-monitor-threshold 100',
      '# Huge pages make each write after a fork copy 2 MiB.',
      'disable-thp yes',
    ],
  ]
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function replication({ kind }: ConfOptions, backlog: number): string[] {
  return [
    '# --- Replicas',
    '# A replica that was away goes on where it was, as long as not more than this was written meanwhile.',
    `repl-backlog-size ${backlog}mb`,
    'repl-diskless-sync yes',
    '# A replica that takes long to copy everything is not cut off for it.',
    'client-output-buffer-limit replica 512mb 128mb 120',
    ...(kind === 'cluster'
      ? []
      : [
          ...(kind === 'sentinel'
            ? [
                '# A primary that is cut off takes no writes: what it took would be lost when it comes back. Have two replicas:',
                '# with one, its loss refuses every login until it is back.',
              ]
            : [
                '# By itself it has none. With two or more: 1, so that a primary that is cut off takes no writes.',
              ]),
          `min-replicas-to-write ${kind === 'sentinel' ? 1 : 0}`,
          'min-replicas-max-lag 5',
        ]),
  ]
}

const KINDS: Readonly<Record<ConfKind, string>> = {
  single: 'by itself',
  sentinel: 'with Sentinels',
  cluster: 'a node of a Cluster',
}

const CLUSTER: readonly string[] = [
  '# --- Cluster',
  '# A node of a Cluster. What it knows of the others it keeps in this file, and writes it itself.',
  'cluster-enabled yes',
  'cluster-config-file nodes.conf',
  '# So long a primary must be away before a replica takes its place, milliseconds: requests with its sessions fail meanwhile.',
  'cluster-node-timeout 5000',
  '# When some slots are nobody’s the sessions in the others go on.',
  'cluster-require-full-coverage no',
]

/** The configuration of a Sentinel. @throws OptionError */
export function sentinelConf({ masterName, tls }: SentinelConfOptions): string {
  if (!/^[\w.-]{1,64}$/.test(masterName)) {
    throw new OptionError('masterName', 'takes 1 to 64 letters, digits, and _ . -')
  }
  return [
    '# A Sentinel; three of them, on machines of their own or of the applications. Printed by `sojourn redis-conf`.',
    ...(tls
      ? [
          'port 0',
          'tls-port 26379',
          'tls-cert-file /etc/redis/server.crt',
          'tls-key-file /etc/redis/server.key',
          'tls-ca-cert-file /etc/redis/ca.crt',
          '# As at the servers: `yes` asks applications and the other Sentinels for a certificate too.',
          'tls-auth-clients no',
          'tls-replication yes',
        ]
      : ['port 26379']),
    '# Of this and of all other Sentinels, which sign in to each other by it; applications have it in `sentinelAccess`.',
    '# requirepass …',
    '# The primary at first, and how many Sentinels must agree that it is lost.',
    `sentinel monitor ${masterName} 127.0.0.1 6379 2`,
    '# Who it is at the servers. In their aclfile:',
    `# \`user sentinel on >… ${SENTINEL_RULES.join(' ')}\`.`,
    `# sentinel auth-user ${masterName} sentinel`,
    `# sentinel auth-pass ${masterName} …`,
    '# So long it must be away, milliseconds: nobody can sign in or out meanwhile. Less, and a busy machine looks lost.',
    `sentinel down-after-milliseconds ${masterName} 5000`,
    `sentinel failover-timeout ${masterName} 60000`,
    '# One replica after the other copies from the new primary: the others can still take over.',
    `sentinel parallel-syncs ${masterName} 1`,
    '',
  ].join('\n')
}

function size(count: number): string {
  const gib = count / (1_024 * MIB)
  return gib >= 1 ? `${Number(gib.toFixed(1))} GiB` : `${Math.round(count / MIB)} MiB`
}
