import type { SessionId } from '../../core/engine.ts'
import type { Confirming } from './confirmer.ts'
import type { Link, LinkOptions } from './link.ts'
import type { Near } from './near.ts'
import type { NearCache } from './near-cache.ts'
import type { TrackedLink, TrackedLinkOptions } from './tracked-link.ts'

/** A server that can be asked, and what is known near of its records. */
export interface Place extends Pick<TrackedLink, 'call'> {
  readonly near: Near
}

export interface TopologyOptions
  extends Omit<TrackedLinkOptions, 'route' | 'time' | 'watchers' | 'onUp' | 'onDown'> {
  /** How long a write waits for replicas or for the disk, milliseconds; undefined: by which it is. */
  readonly confirmTimeout: number | undefined
  /**
   * Told when a server is connected, anew or for the first time, before it is asked anything else.
   * @param has whether a session would be there
   */
  readonly connected?: (place: Place, has: (id: SessionId) => boolean) => void
}

export interface WorkOptions {
  /**
   * It looks at keys that it does not name, all in the partition: it must have all of them, or wait.
   * Without it, it may be done at another server that has those which it names.
   */
  readonly allKeys?: boolean
  /**
   * On a connection beside the tracked one, for what is not on a request's path: the server would track for
   * the near cache whatever is looked at, and requests would wait behind it.
   */
  readonly beside?: boolean
  /** Its writes wait for replicas or for the disk, on a connection of their own. */
  readonly confirming?: Confirming | undefined
}

/** What a further connection differs in. */
export type ExtraOptions = Pick<LinkOptions, 'open' | 'prepare'> &
  Partial<Pick<LinkOptions, 'commandTimeout'>>

/** Which servers there are, and which of them has what: one server, the primary of Sentinels, a Cluster. */
export interface Topology {
  /** Milliseconds since the epoch, by the clock of the servers. */
  now(): number

  /** What is known near of the records of a partition. @param at the partition, or an id in it */
  nearOf(at: string): NearCache

  /** Whether the keys of one command must all be of one partition. */
  readonly isSharded: boolean

  /** Of all servers. */
  readonly nears: Iterable<NearCache>

  /** To each server that has sessions, the connection that requests take. */
  readonly links: Iterable<Pick<TrackedLink, 'isConnected' | 'isBroken'>>

  /** Runs `work` where the partition is; again, where it turns out to have moved meanwhile. */
  at<T>(at: string, work: (place: Place) => Promise<T>, options?: WorkOptions): Promise<T>

  /** A partition of each server. */
  servers(): Promise<string[]>

  /**
   * @param listener told when `servers` would answer otherwise
   * @returns a function that ends it
   */
  onChange(listener: () => void): () => void

  /** A further connection to where the partition is, for what blocks or must not be tracked. */
  connect(at: string, options?: ExtraOptions): Link

  /** Idempotent. */
  close(): void
}

/** Of several servers, which are named here for those who go through one after the other. */
export interface ShardedTopology extends Topology {
  readonly isSharded: true

  /** @returns `host port` of who is thought to have the partition */
  serverOf(at: string): Promise<string>

  /** A further connection to this server, whatever it has. @param server as `serverOf` names it */
  connectTo(server: string): Link
}

export function isSharded(topology: Topology): topology is ShardedTopology {
  return topology.isSharded
}
