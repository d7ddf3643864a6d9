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
