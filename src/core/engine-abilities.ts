import type { AuditLog } from './audit-log.ts'
import type { Engine, Held, ListedSession, Owner, SessionId, Stored } from './engine.ts'

/** What engines may offer beside the contract of `Engine`; who needs one asks whether it is there. */

/** Optional ability: of a principal's very many sessions some are read, and the others counted. */
export interface PartialLists {
  /** @returns `sessions`: at most so many, the oldest of them first; `total`: about how many there are */
  some(
    partition: string,
    ownerTag: string,
    most: number,
  ): Promise<{ readonly sessions: readonly ListedSession[]; readonly total: number }>
}

export function hasPartialLists(engine: Engine): engine is Engine & PartialLists {
  return 'some' in engine
}

/**
 * Optional ability: the engine holds records in this process and keeps them true. What it gives at
 * once was in the store at some time within the last `maxStaleness`.
 */
export interface NearReads {
  /** How many records it holds at most. */
  readonly mostHeld: number

  /** The record, if it is at hand. No I/O. @param now what the engine's `now()` says */
  peek(id: SessionId, now: number): Held | undefined

  /**
   * Whether `peek` would give the same. A quick look at what it has given before: `false` does not say that
   * it would not.
   */
  holds(id: SessionId, held: Held, now: number): boolean

  /**
   * The record as it was when the store has last answered, if that was at most so long ago, and it has not
   * expired since. For while the store does not answer. Counts as no hit.
   * @param grace milliseconds
   */
  peekLate(id: SessionId, now: number, grace: number): Held | undefined

  /** The record as it is held, true or not. Counts as no hit. */
  held(id: SessionId): Held | undefined

  /**
   * Keeps with a held record what was made of it.
   * @param bytes what that takes in memory, estimated
   */
  remember(id: SessionId, held: Held, opened: unknown, bytes: number): void

  /**
   * Calls `listener` whenever what is stored at the id may have changed or ended since it was last
   * read through this engine, by whomever. It may be called without need, and must not throw.
   * @returns a function that ends it
   */
  watch(id: SessionId, listener: () => void): () => void

  readonly nearCache: NearCacheStats
}

/** Optional ability: the engine has connections, and knows how they are. */
export interface Connections {
  readonly connections: ConnectionStats
}

/** Of this process to the servers that have the sessions: one, or each primary of a Cluster. */
export interface ConnectionStats {
  readonly servers: number
  readonly connected: number
  /**
   * Those that have not answered for a whole deadline, and to which there is no connection: what is asked of them
   * fails at once, without waiting.
   */
  readonly broken: number
}

export function hasConnections(engine: Engine): engine is Engine & Connections {
  return 'connections' in engine
}

export interface NearCacheStats {
  /**
   * `on`: reads are answered from memory. `connecting`: there is no connection at the moment. `off`: not
   * wanted, or the server does not offer it; every read goes to the store.
   */
  readonly state: 'on' | 'connecting' | 'off'
  /** Why it is off. */
  readonly reason: string | undefined
  readonly entries: number
  /** What the entries take in memory, estimated. */
  readonly bytes: number
  readonly hits: number
  /** Reads that asked the store, or waited for another's answer. */
  readonly misses: number
  /** Messages of the store that something has changed. */
  readonly invalidations: number
  /** Entries that had to leave because the cache was full. */
  readonly evictions: number
  /**
   * Milliseconds since the question that the store has answered last: no entry served now is older
   * news than that. Undefined before the first answer.
   */
  readonly age: number | undefined
}

export function hasNearReads(engine: Engine): engine is Engine & NearReads {
  return 'peek' in engine
}

/** A session whose time was over. */
export interface Expired {
  readonly id: SessionId
  /** Whose it was, where that is still known. */
  readonly owner: Pick<Owner, 'tag' | 'descriptor'> | undefined
}

/** Optional ability: the engine tells when sessions expire. */
export interface ExpiryEvents {
  /**
   * `off`: it does not. `notify`: every instance tells of what it hears of, in time or never, and takes
   * some trails for sessions. `reliable`: each one is told of by one instance that has a listener, again
   * when that has not done with it, so at least once.
   */
  readonly expiry: 'off' | 'notify' | 'reliable'

  /**
   * @param listener what it promises is waited for; where it fails `reliable` tells of the session again
   * @param failed told of what goes wrong meanwhile, once for each series of failures
   * @returns a function that ends the subscription
   */
  onExpired(
    listener: (session: Expired) => unknown,
    failed?: (error: unknown) => void,
    options?: ExpiryOptions,
  ): () => void
}

export interface ExpiryOptions {
  /**
   * Asked each time: with `reliable`, whether other listeners are to be told rather, of this instance or of
   * others, and this one only where there are none.
   */
  readonly yields?: () => boolean
}

export function hasExpiryEvents(engine: Engine): engine is Engine & ExpiryEvents {
  return 'onExpired' in engine
}

/** Optional ability: the engine counts for `sessions.insight()`, and samples. Not on a request's path. */
export interface Insights {
  /** Adds to the counters of today (UTC, by the engine's clock). @param counts by a counter's number */
  addGaps(counts: ReadonlyMap<number, number>): Promise<void>

  /** Sums of the counters of the last so many days, today among them. @param days at most 14 */
  gaps(days: number): Promise<ReadonlyMap<number, number>>

  /** Lifetimes of sessions that were chosen without regard to them. @param most how many, 0 or more */
  sampleTtls(most: number): Promise<InsightSample>
}

export interface InsightSample {
  /** Remaining lifetimes, milliseconds. */
  readonly ttls: readonly number[]
  /** Whether those are all sessions that there are. */
  readonly complete: boolean
}

export function hasInsights(engine: Engine): engine is Engine & Insights {
  return 'sampleTtls' in engine
}

export interface ScannedRecord extends Stored {
  readonly id: SessionId
}

/** Optional ability: the engine goes through all sessions that there are. Not on a request's path. */
export interface Listing {
  /**
   * Page after page, each what one step has found, which may be nothing; trails left out. What is there from the beginning to the end comes once at least; what
   * comes or goes meanwhile may be missing or come all the same.
   */
  scan(): AsyncIterable<readonly ScannedRecord[]>
}

export function hasListing(engine: Engine): engine is Engine & Listing {
  return 'scan' in engine
}

/** Optional ability: the engine counts, for all processes, what a client may do only so often. */
export interface Permits {
  /**
   * Counts one more, unless there are as many within the window that ends now.
   * @param partition where the counter is; the same for the same name
   * @param name 22 characters of base64url
   * @param per milliseconds
   * @returns 0, or after how many milliseconds there is room again: then nothing is counted
   */
  permit(partition: string, name: string, max: number, per: number): Promise<number>
}

export function hasPermits(engine: Engine): engine is Engine & Permits {
  return 'permit' in engine
}

/** Optional ability: processes tell whoever listens of themselves. Nothing is kept. Not on a request's path. */
export interface Reports {
  /** To all who listen at the moment. */
  publishReport(text: string): Promise<void>

  /**
   * @param listener told of what any process publishes under the same prefix; of anybody who may publish there
   * @param failed told where it is refused
   * @param asks told before each question whether the server is still there, for who leaves that out of what it counts
   * @returns a function that ends it
   */
  onReport(
    listener: (text: string) => void,
    failed?: (error: unknown) => void,
    asks?: () => void,
  ): () => void
}

export function hasReports(engine: Engine): engine is Engine & Reports {
  return 'publishReport' in engine
}

/** Optional ability: each session is in one of several regions, which its id says. */
export interface Regions {
  /**
   * Where a new session goes.
   * @param name the region that is wanted; undefined: that of this process
   * @returns its number, or that of another one if it is to take no more
   * @throws OptionError for a name that is not known
   */
  regionForNew(name?: string): number

  /** One that cannot be reached from here; undefined: all can. */
  readonly beyond: string | undefined

  /** Of the session's region. */
  auditOf(id: SessionId): AuditLog
}

/** @param engine may be what an application gives for one: `createSessions` refuses it */
export function hasRegions(engine: Engine): engine is Engine & Regions {
  return engine instanceof Object && 'regionForNew' in engine
}

/** Optional ability: the engine keeps an audit. */
export interface Audits {
  readonly audit: AuditLog
}

export function hasAudit(engine: Engine): engine is Engine & Audits {
  return 'audit' in engine
}
