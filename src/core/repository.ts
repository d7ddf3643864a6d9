import { applyDelta, type Delta } from './attributes.ts'
import { equalBytes } from './crypto.ts'
import {
  hasNearReads,
  type NearReads,
  type Owner,
  type SessionId,
  type Stamp,
  type Stored,
  stampOf,
  type WriteResult,
} from './engine.ts'
import { SessionConflictError, StoreUnavailableError } from './errors.ts'
import type { EventHub, SessionEvents } from './events.ts'
import { Generations } from './generations.ts'
import { addressOf, deviceOf, type Meta, withPersistent } from './meta.ts'
import type { Settings } from './options.ts'
import { sealDescriptor } from './principal.ts'
import { rebase } from './rebase.ts'
import {
  encodeRecordSized,
  isTrail,
  nextRevision,
  openRecord,
  type RecordHeader,
  type SizedRecord,
} from './record.ts'
import { migrateData, validateData } from './schema.ts'
import { createToken, type Token } from './token.ts'
import { makeForward, readTrail } from './trail.ts'
import { Turns } from './turns.ts'
import { freezeValue } from './values.ts'
import { Watches } from './watches.ts'

/** A session as it stands in the store, opened. */
export interface Live {
  readonly token: Token
  readonly stamp: Stamp
  readonly header: RecordHeader
  readonly meta: Meta
  /** Shared by all requests that read the same record: what is handed out is frozen, or a copy. */
  readonly attributes: () => ReadonlyMap<string, unknown>
  /** Moves with each touch where the engine holds the record. */
  readonly lease: Lease
}

export interface Lease {
  /** When the store lets it go if nobody comes, milliseconds since the epoch by the engine's clock. */
  readonly expiresAt: number
}

/** What a repository has made of a record that the engine holds. */
interface Memo {
  readonly by: Repository
  readonly live: Live
}

export interface Lifetime {
  /** Milliseconds. */
  readonly idleTimeout?: number | undefined
  /** Milliseconds since the epoch. */
  readonly deadline?: number | undefined
  readonly persistent?: boolean | undefined
}

/** What a request wants stored. */
export interface Change {
  readonly delta: Delta
  readonly lifetime?: Lifetime | undefined
  /** Stamps of this request's writes whose outcome is unknown; grows here when another one is. */
  readonly unknown?: Stamp[]
}

export type Loaded =
  | { readonly status: 'live'; readonly live: Live }
  | { readonly status: 'none'; readonly reason: SessionEvents['rejected']['reason'] }

export type EndReason = 'ended' | 'superseded'

export type Written =
  | { readonly status: 'live'; readonly live: Live; readonly rebased: boolean }
  | { readonly status: 'ended'; readonly reason: EndReason }

/** After so many conflicts in a row a commit gives up. */
export const MOST_ATTEMPTS = 32
/** From this attempt on writers step out of each other's way, for random and growing milliseconds. */
const BACK_OFF_AFTER = 4
const LONGEST_PAUSE = 64
/** Rotations within one grace make a chain of forwards; a longer one is not followed. */
const MOST_FORWARDS = 8
/**
 * What an opened session takes in memory: itself with token and header, and its attributes, which are
 * larger as objects than encoded. Measured (docs/decisions/0016).
 */
const MEMO_BYTES = 1_000
const OBJECT_FACTOR = 3.5
/** Tokens that have opened a session lately: to verify one anew costs ten times a look at a record. */
const MOST_TOKENS = 100_000

/** Sessions in and out of the engine: opening, encoding, compare-and-set with rebase. */
export class Repository {
  readonly settings: Settings
  readonly watches: Watches
  readonly #events: EventHub
  readonly #near: NearReads | undefined
  readonly #tokens = new Generations<Token>({ maxCount: MOST_TOKENS })
  readonly #turns = new Turns<Written>()
  readonly #touching = new Set<SessionId>()

  constructor(settings: Settings, events: EventHub) {
    this.settings = settings
    this.watches = new Watches(settings.engine)
    this.#events = events
    this.#near = hasNearReads(settings.engine) ? settings.engine : undefined
  }

  /** The session of a token that has opened one before, if its record is at hand. No I/O. */
  glance(text: string): Live | undefined {
    const token = this.#tokens.get(text)
    return token && this.#peek(token)
  }

  /**
   * Follows forwards: the token of the answer may be a successor of the one asked for.
   * @param fresh from the store, whatever is at hand
   */
  async load(token: Token, fresh = false): Promise<Loaded> {
    const held = fresh ? undefined : this.#peek(token)
    if (held !== undefined) {
      this.#tokens.set(token.text, token)
      return { status: 'live', live: held }
    }
    const stored = await this.settings.engine.load(token.id, { fresh })
    const loaded = await this.follow(token, stored, fresh)
    if (loaded.status === 'none') {
      this.#events.emit('rejected', { id: token.id, reason: loaded.reason })
    } else if (loaded.live.token.id === token.id) {
      this.#tokens.set(token.text, token)
    }
    return loaded
  }

  #peek(token: Token): Live | undefined {
    if (this.#near === undefined) return undefined
    const now = this.settings.engine.now()
    const held = this.#near.peek(token.id, now)
    if (held === undefined) return undefined
    const memo = held.opened as Memo | undefined
    if (memo?.by === this) return memo.live.header.deadline > now ? memo.live : undefined
    // A forward leads to another record; a record that does not open is reported by `load`.
    if (isTrail(held.record)) return undefined
    const stored = { record: held.record, ttl: held.expiresAt - now }
    const opened = this.#open(token, stored, () => undefined)
    return opened.status === 'live' ? opened.live : undefined
  }

  /** What this process has last read or written of the session. */
  #known(token: Token): Live | undefined {
    const memo = this.#near?.held(token.id)?.opened as Memo | undefined
    return memo?.by === this ? memo.live : undefined
  }

  /** The session that a record stands for, kept with the record where the engine holds it. */
  #remember(live: Live, payloadBytes: number): Live {
    const { id } = live.token
    const held = this.#near?.held(id)
    if (held === undefined || !equalBytes(stampOf(held.record), live.stamp)) return live
    const { token, stamp, header, meta, attributes } = live
    const memo: Memo = { by: this, live: { token, stamp, header, meta, attributes, lease: held } }
    this.#near?.remember(id, held, memo, MEMO_BYTES + payloadBytes * OBJECT_FACTOR)
    return memo.live
  }

  /** Milliseconds until the record ends if nobody comes; 0 or less when its deadline has passed. */
  timeToLive(header: RecordHeader): number {
    return Math.min(header.idleTimeout, header.deadline - this.settings.engine.now())
  }

  /**
   * A promise only where a schema is asked.
   * @throws AttributeError, SessionTooLargeError, SchemaError; nothing is written then
   */
  #encode(
    token: Token,
    header: RecordHeader,
    attributes: ReadonlyMap<string, unknown>,
    meta: Meta,
  ): SizedRecord | Promise<SizedRecord> {
    const { keyring, record, schema } = this.settings
    const encode = (): SizedRecord =>
      encodeRecordSized(header, { attributes, meta }, { keyring, id: token.id, token }, record)
    return schema.validate === undefined ? encode() : validateData(schema, attributes).then(encode)
  }

  /** Stores a new session. */
  async create(
    token: Token,
    header: RecordHeader,
    attributes: ReadonlyMap<string, unknown>,
    meta: Meta,
  ): Promise<Live> {
    const encoded = await this.#encode(token, header, attributes, meta)
    const ttl = this.timeToLive(header)
    const owner = this.#ownerOf(token.id, header, meta)
    const created = await this.settings.engine.create(token.id, encoded.record, ttl, owner)
    // 192 random bits do not come twice, and no limit is asked for.
    if (created.status !== 'created') throw new TypeError(`create was answered ${created.status}`)
    this.#tokens.set(token.text, token)
    return this.#written(token, header, meta, encoded, ttl)
  }

  /**
   * The session that a record just written stands for.
   * @param known its attributes, where the application holds no object that is in them
   */
  #written(
    token: Token,
    header: RecordHeader,
    meta: Meta,
    { record, payloadBytes }: SizedRecord,
    ttl: number,
    known?: ReadonlyMap<string, unknown>,
  ): Live {
    let attributes = known
    const live: Live = {
      token,
      stamp: stampOf(record),
      header,
      meta,
      // Decoded when asked for, and from the bytes: the application goes on changing its own objects.
      attributes: () => (attributes ??= this.#reopen(token, record)),
      lease: { expiresAt: this.settings.engine.now() + ttl },
    }
    return this.#remember(live, payloadBytes)
  }

  /**
   * Stores a change by compare-and-set. On conflict the change is rebased on what is stored and
   * tried again. With `rotation` the session gets a new token in the same step.
   * @throws SessionConflictError after 32 conflicts, and AttributeError, SessionTooLargeError, SchemaError,
   * StoreUnavailableError, StoreRefusedError
   */
  store(from: Live, change: Change, rotation?: { grace: number }): Promise<Written> {
    return this.#turns.take(from.token.id, (latest) => {
      const known = latest?.status === 'live' ? latest.live : this.#known(from.token)
      return this.#store(from, known, change, rotation)
    })
  }

  /** @param known what this process knows to be stored by now */
  async #store(
    from: Live,
    known: Live | undefined,
    change: Change,
    rotation: { grace: number } | undefined,
  ): Promise<Written> {
    const { engine, keyring, merges } = this.settings
    let live = from
    let { delta } = change
    let rotate = rotation
    const rebaseOn = (theirs: Live): void => {
      this.#events.emit('conflict', { id: live.token.id })
      // Rotated by another request meanwhile: both go on with the one successor, for two of them would
      // leave the browser with the one whose answer comes last.
      const isMoved = theirs.token.id !== live.token.id
      if (isMoved && change.lifetime === undefined) rotate = undefined
      // An own write whose answer was lost holds the changes already: to merge them again would count
      // them twice.
      const isOwn = change.unknown?.some((stamp) => equalBytes(stamp, theirs.stamp)) === true
      if (!isOwn) delta = rebase(delta, live.attributes(), theirs.attributes(), merges)
      live = theirs
    }
    let isRebased = known !== undefined && !equalBytes(known.stamp, from.stamp)
    if (known !== undefined && isRebased) rebaseOn(known)
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const header = this.#nextHeader(live.header, change.lifetime)
      const ttl = this.timeToLive(header)
      if (ttl < 1) {
        // Its deadline has passed, or the application has just set it to a time that has.
        await this.destroy(live)
        return { status: 'ended', reason: 'ended' }
      }
      const persistent = change.lifetime?.persistent
      const meta = persistent === undefined ? live.meta : withPersistent(live.meta, persistent)
      const attributes = applyDelta(live.attributes(), delta)
      const token = rotate === undefined ? live.token : createToken(keyring, live.token.partition)
      const encoding = this.#encode(token, header, attributes, meta)
      const encoded = encoding instanceof Promise ? await encoding : encoding
      const { record } = encoded
      let result: WriteResult
      try {
        result = await (rotate === undefined
          ? engine.commit(token.id, live.stamp, record, ttl)
          : engine.rotate(live.token.id, live.stamp, token.id, record, ttl, {
              trail: { record: makeForward(keyring, live.token, token), ttl: rotate.grace },
              ...this.#owned(token.id, header, meta),
            }))
      } catch (error) {
        const isUnknown = error instanceof StoreUnavailableError && error.indeterminate
        if (isUnknown) change.unknown?.push(stampOf(record))
        throw error
      }
      if (result.status === 'done') {
        this.#tokens.set(token.text, token)
        const attributesKnown = holdsObjects(delta) ? undefined : attributes
        const written = this.#written(token, header, meta, encoded, ttl, attributesKnown)
        return { status: 'live', live: written, rebased: isRebased }
      }
      if (result.status === 'gone') return { status: 'ended', reason: 'ended' }
      const theirs = await this.follow(live.token, result.stored)
      if (theirs.status === 'none') return ended(theirs.reason)
      isRebased = true
      rebaseOn(theirs.live)
      await backOff(attempt)
    }
    throw new SessionConflictError(MOST_ATTEMPTS)
  }

  /**
   * Ends a session, wherever a rotation under way may have moved it: a sign-out that reaches only
   * the former id would leave the successor alive.
   * @returns `gone` when it had ended before, `superseded` when a login had replaced it
   */
  async destroy(from: Live): Promise<'done' | 'gone' | 'superseded'> {
    const { engine } = this.settings
    let live = from
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const { ownerTag } = live.header
      const owned = ownerTag === undefined ? {} : { ownerTag }
      const result = await engine.destroy(live.token.id, { base: live.stamp, ...owned })
      if (result.status !== 'conflict') return result.status
      const theirs = await this.follow(live.token, result.stored)
      if (theirs.status === 'none') {
        // The marker stays: it keeps late requests from overwriting the cookie of the login.
        if (theirs.reason === 'superseded') return 'superseded'
        // Nothing that opens: whatever it is goes.
        const rest = await engine.destroy(live.token.id, owned)
        return rest.status === 'done' ? 'done' : 'gone'
      }
      live = theirs.live
      await backOff(attempt)
    }
    throw new SessionConflictError(MOST_ATTEMPTS)
  }

  /**
   * Renews the idle timeout. A session that has been changed meanwhile has been renewed by that, and
   * one that is being touched by another request need not be touched twice.
   */
  async touch(live: Live): Promise<void> {
    const { id } = live.token
    const ttl = this.timeToLive(live.header)
    if (ttl < 1 || this.#touching.has(id)) return
    this.#touching.add(id)
    try {
      await this.settings.engine.touch(id, live.stamp, ttl)
    } finally {
      this.#touching.delete(id)
    }
  }

  /** The owner as the engine's index needs it; empty for a session of nobody. */
  #ownerOf(id: SessionId, header: RecordHeader, meta: Meta): Owner | undefined {
    const { keyring, engine } = this.settings
    if (header.ownerTag === undefined) return undefined
    const descriptor = sealDescriptor(keyring, header.ownerTag, id, {
      createdAt: header.createdAt,
      deadline: header.deadline,
      idleTimeout: header.idleTimeout,
      device: deviceOf(meta),
      address: addressOf(meta),
    })
    const ttl = Math.max(1, header.deadline - engine.now())
    return { tag: header.ownerTag, descriptor, ttl }
  }

  /** Opens what is stored at a token's id, or what a forward there leads to. */
  async follow(asked: Token, found: Stored | undefined, fresh = false): Promise<Loaded> {
    let token = asked
    let stored = found
    for (let hops = 0; hops <= MOST_FORWARDS; hops++) {
      if (stored === undefined) return { status: 'none', reason: 'absent' }
      if (!isTrail(stored.record)) return this.#open(token, stored)
      const trail = readTrail(this.settings.keyring, token, stored.record)
      if (trail.kind === 'superseded') return { status: 'none', reason: 'superseded' }
      if (trail.kind === 'unreadable') return { status: 'none', reason: 'damaged' }
      token = trail.token
      stored = await this.settings.engine.load(token.id, { fresh })
    }
    return { status: 'none', reason: 'absent' }
  }

  #open(token: Token, stored: Stored, report = this.#reportMigration): Loaded {
    const { engine, keyring, schema } = this.settings
    const context = { keyring, id: token.id, token }
    const opened = openRecord(stored.record, context)
    if (opened.status === 'rejected') return { status: 'none', reason: opened.reason }
    const { header, meta } = opened
    if (header.deadline <= engine.now()) return { status: 'none', reason: 'absent' }
    let attributes: Map<string, unknown> | undefined
    try {
      attributes = migrateData(schema, opened.attributes, header.schema)
    } catch (error) {
      report(error)
    }
    if (attributes === undefined) return { status: 'none', reason: 'schema' }
    const current = attributes
    const live: Live = {
      token,
      stamp: stampOf(stored.record),
      header,
      meta,
      attributes: () => current,
      lease: { expiresAt: engine.now() + stored.ttl },
    }
    // What a migration makes may hold objects that requests cannot share: then it is made anew for each.
    const isShared = current === opened.attributes || [...current.values()].every(freezeValue)
    return { status: 'live', live: isShared ? this.#remember(live, opened.payloadBytes) : live }
  }

  readonly #reportMigration = (error: unknown): void => {
    this.#events.emit('error', { operation: 'migrate', error })
  }

  #nextHeader(header: RecordHeader, lifetime: Lifetime = {}): RecordHeader {
    // Named one by one: a spread costs ten times as much.
    return {
      createdAt: header.createdAt,
      ownerTag: header.ownerTag,
      revision: nextRevision(header.revision),
      idleTimeout: lifetime.idleTimeout ?? header.idleTimeout,
      deadline: lifetime.deadline ?? header.deadline,
      // Data of a newer node keeps its version, or the newer node would migrate it twice.
      schema: Math.max(header.schema, this.settings.schema.version),
    }
  }

  #owned(id: SessionId, header: RecordHeader, meta: Meta): { owner?: Owner } {
    const owner = this.#ownerOf(id, header, meta)
    return owner === undefined ? {} : { owner }
  }

  #reopen(token: Token, record: Uint8Array): ReadonlyMap<string, unknown> {
    const context = { keyring: this.settings.keyring, id: token.id, token }
    const opened = openRecord(record, context)
    if (opened.status !== 'open') throw new TypeError(`own record does not open: ${opened.reason}`)
    return opened.attributes
  }
}

/** Whether the application may hold on to a value that it has set, and change it in place. */
function holdsObjects(delta: Delta): boolean {
  for (const { value } of delta.values())
    if (typeof value === 'object' && value !== null) return true
  return false
}

function ended(reason: SessionEvents['rejected']['reason']): {
  status: 'ended'
  reason: EndReason
} {
  return { status: 'ended', reason: reason === 'superseded' ? 'superseded' : 'ended' }
}

/** Waits a few random milliseconds once the first attempts have failed. */
export async function backOff(attempt: number): Promise<void> {
  if (attempt < BACK_OFF_AFTER) return
  const ms = Math.random() * Math.min(2 ** (attempt - BACK_OFF_AFTER), LONGEST_PAUSE)
  await new Promise((resolve) => setTimeout(resolve, ms))
}
