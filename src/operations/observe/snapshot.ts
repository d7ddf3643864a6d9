/** What an observer sees at one moment: for `stats`, `top`, the console, and whoever wants its JSON. */

import type { FleetServer } from '../../engines/redis/fleet.ts'

/** Numbers of what cannot be seen are undefined, never 0. Rates are per second, over the time since the look before. */
export interface Snapshot {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly prefix: string
  readonly servers: readonly ServerState[]
  readonly sessions: SessionsState
  readonly commands: readonly CommandState[]
  readonly reports: ReportsState
  /** Of the applications that report: those that have been heard so far. All of them where `reports` is `heard`. */
  readonly nodes: readonly NodeState[]
  /** What all of them report, together; undefined before each of them has reported twice: rates are of two. */
  readonly application: ApplicationState | undefined
  readonly events: EventsState
}

/**
 * Whether those that report have been heard by now. `awaited`: they report every two seconds, and it has not been listened
 * for so long; `refused`: the observer's user may not hear them.
 */
export type ReportsState = 'awaited' | 'heard' | 'refused'

export interface ServerState {
  readonly name: string
  readonly role: FleetServer['role']
  /** Why nothing is known of it; undefined: it answers. */
  readonly problem: string | undefined
  readonly version: string | undefined
  /** Seconds. */
  readonly uptime: number | undefined
  readonly usedMemory: number | undefined
  /** Undefined where there is no limit. */
  readonly maxMemory: number | undefined
  readonly memoryPolicy: string | undefined
  readonly keys: number | undefined
  readonly clients: number | undefined
  readonly opsPerSecond: number | undefined
  /** Of one processor, 0 to 1 and above with I/O threads. */
  readonly cpu: number | undefined
  /** Since its start. */
  readonly evictedKeys: number | undefined
  readonly evictedPerSecond: number | undefined
  readonly expiredPerSecond: number | undefined
  readonly inputBytesPerSecond: number | undefined
  readonly outputBytesPerSecond: number | undefined
  /** Of a replica: how much of the primary's writes it has not yet. */
  readonly lagBytes: number | undefined
  /** Of a replica: its primary, and whether it is connected to it. */
  readonly primary: string | undefined
  readonly linked: boolean | undefined
  /** Of a Cluster's primary. */
  readonly slots: number | undefined
}

export interface SessionsState {
  /** Live sessions: the keys of all primaries times the part of them that are sessions, by the sample. */
  readonly active: number | undefined
  /** Whether `active` was counted, not estimated. */
  readonly exact: boolean
  readonly signedInShare: number | undefined
  /** How many sessions the sample holds. */
  readonly sampled: number
  readonly averageBytes: number | undefined
  /** What is left of them if nobody comes. */
  readonly ttl: Histogram
  /** Since they were made. */
  readonly age: Histogram
  /** Bytes, as stored. */
  readonly size: Histogram
  /** Largest first, where the secrets are at hand; at most 20. */
  readonly attributes: readonly AttributeState[]
}

export interface Histogram {
  /** Upper bounds, ascending; milliseconds or bytes. The last bucket has none. */
  readonly bounds: readonly number[]
  /** One more than there are bounds; of the sample. */
  readonly counts: readonly number[]
}

export interface AttributeState {
  readonly name: string
  /** In which part of the sampled sessions it is. */
  readonly present: number
  readonly averageBytes: number
  readonly largestBytes: number
  /** Of all that attributes take. */
  readonly share: number
}

/** A command at the servers, of all primaries together. Milliseconds. */
export interface CommandState {
  readonly name: string
  readonly perSecond: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  /** 0 to 1. */
  readonly failed: number
}

/** A process of an application. */
export interface NodeState {
  readonly id: string
  /** As the application names it: by default its host. */
  readonly name: string
  /** Of this library. */
  readonly version: string
  readonly pid: number
  readonly startedAt: number
  /** Milliseconds since its last report. */
  readonly age: number
  readonly state: ApplicationState
}

/** Rates over the last report's time. */
export interface ApplicationState {
  readonly operations: readonly OperationState[]
  /** By method. */
  readonly created: Readonly<Record<string, number>>
  /** By reason. */
  readonly ended: Readonly<Record<string, number>>
  readonly rejected: Readonly<Record<string, number>>
  readonly conflictsPerSecond: number
  readonly errorsPerSecond: number
  readonly outagesPerSecond: number
  readonly cache: CacheState | undefined
}

/** What applications asked of the store. Milliseconds, waits included. */
export interface OperationState {
  readonly name: string
  readonly perSecond: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly failed: number
}

export interface CacheState {
  readonly hitsPerSecond: number
  readonly missesPerSecond: number
  readonly invalidationsPerSecond: number
  readonly entries: number
  readonly bytes: number
  /** How many of the near caches are on; as many as there are where all is well. */
  readonly on: number
  readonly count: number
}

export interface EventsState {
  /** Whether an audit is kept: without one `perSecond` tells nothing. */
  readonly kept: boolean
  /** More came than was read: `perSecond` is of a part of the time. */
  readonly about: boolean
  /** By name, over what was read of the last 10 seconds; undefined: nothing of them was. */
  readonly perSecond: Readonly<Record<string, number>> | undefined
}
