import { OptionError } from '../../core/errors.ts'
import { encodedRecordBytes, indexBytes, recordBytes, tableBytes } from './memory.ts'

export interface PlanOptions {
  /** Who have a live session. */
  readonly users: number
  readonly sessionsPerUser: number
  /** Of the attributes of one session, as JSON, bytes. */
  readonly payload: number
  /** What one takes as stored, if that is known: `sojourn ls` shows it. Bytes. */
  readonly record?: number | undefined
  /** Milliseconds. */
  readonly idleTimeout: number
  /** Requests a second, of all nodes together. */
  readonly requests: number
  /** Of them, those that change their session. */
  readonly writes: number
  /** Processes of applications. */
  readonly processes: number
  /** Other processes that hold a session when it is written: 0 where a client keeps to one. */
  readonly holders: number
  /** Of one server's machine, bytes. */
  readonly machine: number
}

/** One figure, and how it comes about. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: 'bytes' | 'bytes/s' | 'cores' | 'servers' | 'connections' | '/s' | 'keys'
  /** With the numbers put in. */
  readonly formula: string
}

export interface Plan {
  readonly sessions: number
  readonly figures: readonly Figure[]
  /** What is worth knowing beside the figures. */
  readonly notes: readonly string[]
}

/**
 * Measured, `npm run bench:growth` and `bench:micro`, Redis 7.0 on one core: docs/performance.md. The server's own
 * time, microseconds, and bytes that it sends.
 */
const COST = {
  heartbeat: { cpu: 168.7, sent: 135 },
  write: { cpu: 55.4, sent: 18 },
  /** Each other process that holds a session that is written: it is told, and reads it again. */
  push: { cpu: 12.5, sent: 395 },
  /** A read that is not in the near cache. */
  miss: { cpu: 4, sent: 60 },
}
/** Beside the record: the command's words, keys and stamps. Bytes. */
const COMMAND_BYTES = 250
/** Of a machine, for sessions. The rest: copies while it saves, buffers, the system. */
const USABLE = 0.7
/** Of a core: above it answers wait for each other. */
const BUSY = 0.5
/** Renewed when this part of the idle timeout has passed. */
const TOUCH_AFTER = 0.1
/** Of the memory, that is copied while it saves: pages that are written meanwhile. */
const COPIED = 0.3
const CONNECTIONS = 3
/** Primaries: with fewer no majority is left when one is lost. */
const LEAST_CLUSTER = 3
/** Memory of the allocator that is not in use. */
const FRAGMENTATION = 1.1
/** Bytes of a key that one process holds, and of each further one: Redis 7.0, 200,000 keys of sessions, 1 to 4 connections. */
export const TRACKED = { key: 136, further: 56 } as const

/** @throws OptionError */
export function plan(options: PlanOptions): Plan {
  check(options)
  const { users, sessionsPerUser, payload, requests, writes, processes, holders, machine } = options
  const { idleTimeout } = options
  const sessions = users * sessionsPerUser
  const keys = sessions + users
  const record = options.record ?? encodedRecordBytes(payload)
  const one = recordBytes(record)
  const index = indexBytes(sessionsPerUser)
  const table = tableBytes(keys)
  const used = sessions * one + users * index + keys * table
  const memory = used * FRAGMENTATION
  const touches = Math.min(
    requests * (1 - writes),
    sessions / ((idleTimeout / 1_000) * TOUCH_AFTER),
  )
  const stored = requests * writes + touches
  const cpu =
    (processes * COST.heartbeat.cpu + stored * (COST.write.cpu + holders * COST.push.cpu)) / 1e6
  const sent =
    processes * COST.heartbeat.sent + stored * (COST.write.sent + holders * COST.push.sent)
  const received = stored * (record + COMMAND_BYTES)
  const byMemory = Math.ceil(memory / (machine * USABLE))
  const byCpu = Math.ceil(cpu / BUSY)
  const least = Math.max(byMemory, byCpu, 1)
  const servers = least === 1 ? 1 : Math.max(least, LEAST_CLUSTER)
  const tracked = Math.min(sessions, stored * (idleTimeout / 1_000)) * (holders + 1)
  const figures: Figure[] = [
    figure(
      'memory of the sessions',
      used,
      'bytes',
      `${n(sessions)} × ${n(one)} + ${n(users)} × ${n(index)} + ${n(keys)} keys × ${n(table)}`,
    ),
    figure(
      'memory of the servers',
      memory,
      'bytes',
      `the above × ${FRAGMENTATION} that the allocator has beside`,
    ),
    figure(
      'primaries',
      servers,
      'servers',
      `${n(byMemory)} by memory (${n(USABLE * 100)} % of a machine), ${n(byCpu)} by processor (${n(BUSY * 100)} % of a core)` +
        (servers > least ? `; a Cluster has ${LEAST_CLUSTER} at least` : ''),
    ),
    figure(
      'processor of Redis',
      cpu,
      'cores',
      `(${n(processes)} × ${COST.heartbeat.cpu} + ${n(stored)}/s × (${COST.write.cpu} + ${n(holders)} × ${COST.push.cpu})) µs`,
    ),
    figure(
      'writes',
      stored,
      '/s',
      `${n(requests)}/s × ${writes} + ${n(touches)}/s that renew the idle timeout, at most once in ${n((idleTimeout / 1_000) * TOUCH_AFTER)} s a session`,
    ),
    figure(
      'to the servers',
      received,
      'bytes/s',
      `${n(stored)}/s × (${n(record)} + ${COMMAND_BYTES})`,
    ),
    figure(
      'from the servers',
      sent,
      'bytes/s',
      `${n(processes)} × ${COST.heartbeat.sent} + ${n(stored)}/s × (${COST.write.sent} + ${n(holders)} × ${COST.push.sent})`,
    ),
    figure(
      'invalidations',
      stored * holders,
      '/s',
      `${n(stored)}/s × ${n(holders)} other processes that hold the session`,
    ),
    figure(
      'connections a server',
      processes * CONNECTIONS,
      'connections',
      `${n(processes)} × ${CONNECTIONS}; as many again during a rolling restart`,
    ),
    figure(
      'keys tracked',
      tracked,
      'keys',
      `what near caches hold; tracking-table-max-keys above it; ${TRACKED.key} bytes each, and ${TRACKED.further} for each further process that holds it`,
    ),
    figure(
      'append-only file',
      received,
      'bytes/s',
      'what is written; the file is rewritten when it has doubled',
    ),
    figure(
      'copied while it saves',
      (memory / servers) * COPIED,
      'bytes',
      `${n(COPIED * 100)} % of one server's ${n(memory / servers)}, within the part that is left free`,
    ),
  ]
  return { sessions, figures, notes: notesOf(options, servers) }
}

function notesOf({ idleTimeout, holders, processes }: PlanOptions, servers: number): string[] {
  const notes = [
    servers === 1
      ? 'one primary with a replica, and three Sentinels: a lost one is replaced within seconds'
      : `a Cluster of ${servers} primaries, a replica each: one that is lost is replaced by its own replica, the others have no more to do`,
    'a replica needs as much memory as its primary',
  ]
  if (holders > 0) {
    notes.push(
      'a balancer that keeps a client to one process saves the invalidations and the reads after them',
    )
  }
  if (processes >= 100)
    notes.push('maxclients and the limit of open files must be above twice the connections')
  if (idleTimeout > 86_400_000)
    notes.push('long idle timeouts keep sessions that nobody uses: `sojourn advise` says how many')
  return notes
}

function check(options: PlanOptions): void {
  for (const [name, value] of Object.entries(options) as [string, number | undefined][]) {
    const least =
      name === 'holders' || name === 'requests' || name === 'writes' || name === 'payload'
        ? 0
        : Number.MIN_VALUE
    if (value !== undefined && (!Number.isFinite(value) || value < least)) {
      throw new OptionError(name, `takes a number${least === 0 ? ' from 0' : ' above 0'}`)
    }
  }
  if (options.writes > 1) throw new OptionError('writes', 'takes a part of the requests, 0 to 1')
  if (options.holders >= options.processes) {
    throw new OptionError('holders', 'are other processes: fewer than there are')
  }
}

function figure(name: string, value: number, unit: Figure['unit'], formula: string): Figure {
  return { name, value, unit, formula }
}

const n = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 })
