import type { AuditLog } from './audit-log.ts'
import type { Confirmation } from './durability.ts'

/**
 * The one contract between sessions and storage. An engine stores opaque records: all it knows of
 * their bytes is where the stamp stands, and what a trail looks like. Every engine passes the suite in `sojourn/testing`.
 *
 * A session that is gone can never come back: only `create` and `rotate` bring a record into being.
 */

/**
 * Public name of a session: 3 characters of partition tag, 22 of hash (base64url of 16 bytes).
 * All keys of one partition, and of one principal, live in one Redis slot.
 */
export type SessionId = string

/**
 * The 8 bytes from 2 on of a record: revision and the first half of its nonce. Compare-and-set runs on it.
 * The random half tells two records of the same revision apart, which a failover that lost writes
 * can bring about.
 */
export type Stamp = Uint8Array

const STAMP_OFFSET = 2
const STAMP_LENGTH = 8

export function stampOf(record: Uint8Array): Stamp {
  return record.subarray(STAMP_OFFSET, STAMP_OFFSET + STAMP_LENGTH)
}

/**
 * Whether the bytes are what is left at an id that was given up, instead of a session's record: of
 * version 1 (byte 0), with the highest flag (byte 1).
 */
export function isTrail(record: Uint8Array): boolean {
  return record[0] === 1 && (record[1] ?? 0) >= 0x80
}

export interface Stored {
  readonly record: Uint8Array
  /** Remaining lifetime, milliseconds. */
  readonly ttl: number
}

/** A record that an engine holds in this process. The same object for as long as the record is the same. */
export interface Held {
  readonly record: Uint8Array
  /** When it ends if nobody comes, by the engine's clock, milliseconds since the epoch. Moves with a touch. */
  readonly expiresAt: number
  /** What `remember` was given for this record. Goes when the record goes. */
  readonly opened: unknown
}

/** Whose session it is, as the engine needs it to keep the principal's index. */
export interface Owner {
  /** 22 characters (base64url of 16 bytes): one-way name of the principal; same partition as the id. */
  readonly tag: string
  /**
   * Sealed but for its head: `descriptorHead` reads what an engine needs of it, and nothing else of it
   * means anything to an engine.
   */
  readonly descriptor: Uint8Array
  /** Milliseconds until the absolute deadline: the index lives at least that long. */
  readonly ttl: number
}

/** The clear part of a descriptor: version (1 byte), then these. */
export interface DescriptorHead {
  /** 6 bytes from 1 on, unsigned, big endian: milliseconds since the epoch. */
  readonly createdAt: number
  /** 6 bytes from 7 on: the idle timeout, milliseconds. */
  readonly idleTimeout: number
  /** 4 bytes from 13 on, as a number: sessions of one kind have the same; 0: of no kind. */
  readonly kind: number
}

/** Zeros for what a shorter one lacks. */
export function descriptorHead(descriptor: Uint8Array): DescriptorHead {
  const head = Buffer.alloc(17)
  head.set(descriptor.subarray(0, 17))
  return {
    createdAt: head.readUIntBE(1, 6),
    idleTimeout: head.readUIntBE(7, 6),
    kind: head.readUInt32BE(13),
  }
}

/** What happens at the limit: the oldest makes room, the longest unused does, or the new one is refused. */
export type LimitPolicy = 'evict-oldest' | 'evict-idle' | 'reject'

/** How many sessions a principal may have, and what happens to one more. */
export interface Limit {
  /** Of all of them, 1 to 1,000. */
  readonly max: number
  /** Of those that are of the same kind as the new one, by their descriptors. 1 or more. */
  readonly maxOfKind?: number
  /** `evict-idle` goes by idle timeout (descriptor) minus remaining lifetime. */
  readonly policy: LimitPolicy
  /**
   * The same principal's session that ends with this login: it neither counts nor makes room, nor
   * does its successor where it has been rotated meanwhile and left a forward.
   */
  readonly replaces?: SessionId
}

export type CreateResult =
  | { readonly status: 'created'; readonly evicted: readonly SessionId[] }
  /** A record stands under that id already; nothing was written. */
  | { readonly status: 'exists' }
  /** A limit is reached, that of the kind or that of all, and its policy is `reject`; nothing was written. */
  | { readonly status: 'rejected'; readonly limit: 'kind' | 'all' }

export type WriteResult =
  | { readonly status: 'done' }
  /** The stored stamp is another one; nothing was written. Carries what is stored. */
  | { readonly status: 'conflict'; readonly stored: Stored }
  /** There is no record under that id; nothing was written. */
  | { readonly status: 'gone' }

export type DestroyResult =
  /** With `spareTrail` carries the record that has been ended. */
  | { readonly status: 'done'; readonly ended?: Uint8Array }
  | Exclude<WriteResult, { status: 'done' }>

/** What is left at an id that is given up: a forward to the successor, or a marker. */
export interface Trail {
  readonly record: Uint8Array
  /** Lifetime, milliseconds. */
  readonly ttl: number
}

export interface ConfirmOptions {
  /**
   * Told how lasting the write is, once it is done, by an engine that can wait for that. Without it the
   * write waits all the same where the engine has been told that all are to.
   */
  readonly confirmation?: Confirmation | undefined
}

export interface CommitOptions extends ConfirmOptions {
  /** A session of nobody may end sooner than it was to so far: matters to who tells of its expiry. */
  readonly sooner?: boolean
}

export interface RotateOptions extends ConfirmOptions {
  /** Left at the former id. */
  readonly trail?: Trail
  readonly owner?: Owner
}

export interface RevokeOptions extends ConfirmOptions {
  /** The session that is spared. */
  readonly except?: SessionId | undefined
  /** Told of those that each step has ended, also where a later one fails. */
  readonly ended?: (ids: readonly SessionId[]) => void
}

export interface DestroyOptions extends ConfirmOptions {
  /**
   * Removes the session's index entry as well. Without it a principal's session may be told of as
   * expired.
   */
  readonly ownerTag?: string
  /** Only if this stamp is stored. */
  readonly base?: Stamp
  /** Any record, whoever has written it meanwhile, but no trail: that is answered as a conflict. */
  readonly spareTrail?: boolean
  /** Left at the id instead of nothing, if there was a record. */
  readonly trail?: Trail
}

export interface ListedSession {
  readonly id: SessionId
  readonly descriptor: Uint8Array
  /** Remaining lifetime of the session's record, milliseconds. */
  readonly ttl: number
}

export interface LoadOptions {
  /** Never an answer to somebody's earlier question. */
  readonly fresh?: boolean
}

/**
 * All lifetimes are whole milliseconds ≥ 1. Every method is atomic on its own but where it says
 * otherwise, and rejects with `StoreUnavailableError` or `StoreRefusedError` only.
 */
export interface Engine {
  /** For messages and statistics: `memory`, `redis`. */
  readonly name: string

  /** The time by which this engine decides about deadlines, whole milliseconds since the epoch. */
  now(): number

  /** Resolves when the engine can serve; rejects when it cannot within its deadline. */
  ready(): Promise<void>

  /**
   * The record and its remaining lifetime, or nothing when it does not exist or has expired. The
   * lifetime may already be that of a write that comes right after the record was read. Calls for
   * one id may share an answer, unless `fresh`: that one has been asked for after the call.
   */
  load(id: SessionId, options?: LoadOptions): Promise<Stored | undefined>

  /**
   * Stores a new record. With an owner it also enters it in the principal's index, removes dead
   * entries (of a large index some at each call) and enforces the limit, in the same step. Where there
   * are far more sessions than the limit, some may be evicted before.
   */
  create(
    id: SessionId,
    record: Uint8Array,
    ttl: number,
    owner?: Owner,
    limit?: Limit,
    options?: ConfirmOptions,
  ): Promise<CreateResult>

  /**
   * Replaces the record and its lifetime if the stored stamp is `base`.
   * @param ttl `undefined`: the lifetime stays as it is
   */
  commit(
    id: SessionId,
    base: Stamp,
    record: Uint8Array,
    ttl: number | undefined,
    options?: CommitOptions,
  ): Promise<WriteResult>

  /** Sets the lifetime if the stored stamp is `base`; the record stays as it is. */
  touch(id: SessionId, base: Stamp, ttl: number): Promise<WriteResult>

  /**
   * If the stamp at `from` is `base`: stores `record` at `to` (same partition), and leaves `trail`
   * at `from`, or nothing. With an owner the index entry moves too (an entry that is missing is
   * made). An id that exists at `to` is answered like a conflict at `from`: it cannot happen with
   * random tokens.
   */
  rotate(
    from: SessionId,
    base: Stamp,
    to: SessionId,
    record: Uint8Array,
    ttl: number,
    options?: RotateOptions,
  ): Promise<WriteResult>

  /**
   * The successor that a forward at `id` leads to has been used: from now on the forward leads on until
   * `until` at the latest (bytes 41 to 46, unsigned, big endian; never later than before), and says so
   * (byte 47: 1). Its lifetime stays. Nothing happens where no forward stands, or one that was settled before.
   * @param until milliseconds since the epoch
   */
  settle(id: SessionId, until: number): Promise<void>

  /**
   * Removes the record. `gone` when there was none: the index entry is removed all the same. Who leaves a
   * trail of a principal's session names the owner, or the trail is listed as a session.
   */
  destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyResult>

  /**
   * The principal's live sessions, oldest first. `partition` is the tag's own, 3 characters. Of more
   * than 500 an engine may read page after page: one that is rotated meanwhile may then be missing, or
   * listed under both ids.
   */
  list(partition: string, ownerTag: string): Promise<ListedSession[]>

  /**
   * Ends all of a principal's sessions but `except`, and answers with the ids that were live. One that
   * was rotated and has left a forward stands for its successor. Of more than 500 an engine may end
   * some at a time; in the last step it ends all that are there, so that none survives that was there
   * when it was called.
   */
  revokeAll(partition: string, ownerTag: string, options?: RevokeOptions): Promise<SessionId[]>

  /** Ends connections and timers. Calls under way reject; further calls reject. Idempotent. */
  close(): Promise<void>
}

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

export function hasRegions(engine: Engine): engine is Engine & Regions {
  return 'regionForNew' in engine
}

/** Optional ability: the engine keeps an audit. */
export interface Audits {
  readonly audit: AuditLog
}

export function hasAudit(engine: Engine): engine is Engine & Audits {
  return 'audit' in engine
}
