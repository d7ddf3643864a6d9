import { Adoption } from './adoption.ts'
import { applyDelta, type Delta } from './attributes.ts'
import { equalBytes } from './crypto.ts'
import { Denials } from './denials.ts'
import { publishLifetime } from './diagnostics.ts'
import { Confirmation, type Outcome, type WaitFor } from './durability.ts'
import {
  type CreateResult,
  type Limit,
  type Owner,
  type SessionId,
  type Stamp,
  type Stored,
  stampOf,
  type Trail,
  type WriteResult,
} from './engine.ts'
import { hasRegions } from './engine-abilities.ts'
import { SessionConflictError, SessionLimitError, StoreUnavailableError } from './errors.ts'
import type { EventHub, SessionEvents } from './events.ts'
import { attributeBytes } from './heap.ts'
import { Insight } from './insight.ts'
import type { Key } from './keyring.ts'
import { Leftovers } from './leftovers.ts'
import type { Live } from './live.ts'
import {
  addressOf,
  deviceOf,
  isPersistent,
  kindOf,
  type Meta,
  principalOf,
  withPersistent,
  withTokenKey,
} from './meta.ts'
import type { RegionContext, Settings } from './options.ts'
import { sealDescriptor } from './principal.ts'
import { type Rebase, rebase } from './rebase.ts'
import { encodeRecord, nextRevision, type RecordHeader } from './record.ts'
import { revokeById } from './revoke.ts'
import { type Rotation, Rotations } from './rotations.ts'
import { validateData } from './schema.ts'
import { type KnownAttributes, SessionReader } from './session-reader.ts'
import { createToken, type Token } from './token.ts'
import { Turns } from './turns.ts'
import { ValidationCounts } from './validations.ts'
import { Watches } from './watches.ts'

export interface Lifetime {
  /** Milliseconds. */
  readonly idleTimeout?: number | undefined
  /** Milliseconds since the epoch. */
  readonly deadline?: number | undefined
  readonly persistent?: boolean | undefined
}

/** Whether the session is to end as asked for already. */
export function hasLifetime(live: Live, { idleTimeout, deadline, persistent }: Lifetime): boolean {
  return (
    (idleTimeout === undefined || idleTimeout === live.header.idleTimeout) &&
    (deadline === undefined || deadline === live.header.deadline) &&
    (persistent === undefined || persistent === isPersistent(live.meta))
  )
}

/** What a request wants stored. */
export interface Change {
  readonly delta: Delta
  readonly lifetime?: Lifetime | undefined
  readonly changeMeta?: ((meta: Meta) => Meta) | undefined
  /** Stamps of this request's writes whose outcome is unknown; grows here when another one is. */
  readonly unknown?: Stamp[]
  /** What becomes of the delta where another was first. Default: `rebase`. */
  readonly rebase?: Rebase | undefined
}

export type EndReason = 'ended' | 'superseded'

export type Written =
  | {
      readonly status: 'live'
      readonly live: Live
      readonly rebased: boolean
      /** Where this write has given it its token: the id of before. */
      readonly previousId: SessionId | undefined
      /** A forward has led here whose time is over: see `Loaded`. */
      readonly isOver: boolean
    }
  | { readonly status: 'ended'; readonly reason: EndReason }

export type Destroyed =
  | {
      readonly status: 'done'
      /** Where it ended: a rotation may have moved it. */
      readonly id: SessionId
      /** What it was at its end, if it opens. */
      readonly last: Live | undefined
      readonly outcome: Outcome
    }
  /** It had ended before. */
  | { readonly status: 'gone'; readonly outcome: Outcome }
  /** A login had replaced it. */
  | { readonly status: 'superseded' }

export interface DestroyHow {
  /** Left at its id. */
  readonly trail?: Trail
  /** What it waits for; by default what all writes wait for. */
  readonly waitFor?: WaitFor | undefined
}

/** What is still to be stored, and on top of what. */
interface Work {
  readonly live: Live
  readonly delta: Delta
  readonly lifetime: Lifetime | undefined
  readonly rotate: Rotation | undefined
}

/** Whose session it is, by its attributes; nothing: nobody's. */
export type OwnerRule = (attributes: ReadonlyMap<string, unknown>) => string | undefined

/** After so many conflicts in a row a commit gives up. */
export const MOST_ATTEMPTS = 32
/** From this attempt on writers step out of each other's way, for random and growing milliseconds. */
const BACK_OFF_AFTER = 4
const LONGEST_PAUSE = 64

/** Sessions into the engine: encoding, compare-and-set with rebase. Reading is its `reader`'s. */
export class Repository {
  readonly settings: Settings
  readonly watches: Watches
  readonly reader: SessionReader
  readonly insight: Insight
  readonly rotations: Rotations
  readonly leftovers: Leftovers
  readonly denials: Denials
  readonly validations: ValidationCounts = new ValidationCounts()
  /** See `Sessions.ownedBy`. */
  ownerOf: OwnerRule | undefined
  /** Absent where no sessions of another system are taken over. */
  readonly adoption: Adoption | undefined
  readonly #events: EventHub
  readonly #turns = new Turns<Written>()
  readonly #touching = new Set<SessionId>()

  constructor(settings: Settings, events: EventHub) {
    this.settings = settings
    this.watches = new Watches(settings.engine)
    this.#events = events
    this.denials = new Denials(settings, events, (id) => this.watches.end(id))
    this.reader = new SessionReader(settings, events, this.denials)
    this.insight = new Insight(settings.engine, events)
    this.rotations = new Rotations(settings, events)
    this.leftovers = new Leftovers(settings, events)
    this.adoption = settings.adopt.length === 0 ? undefined : new Adoption(this, events)
  }

  /** See EventHub. */
  missing(...args: Parameters<EventHub['missing']>): void {
    this.#events.missing(...args)
  }

  /** The region of a session that is made now. @throws OptionError where the application names none */
  regionForNew(context: RegionContext): number {
    const { engine, region } = this.settings
    return hasRegions(engine) ? engine.regionForNew(region?.(context)) : 0
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
    key: Key,
    attributes: ReadonlyMap<string, unknown>,
    meta: Meta,
  ): Uint8Array | Promise<Uint8Array> {
    const { keyring, record, schema } = this.settings
    const encode = (): Uint8Array =>
      encodeRecord(header, { attributes, meta }, { keyring, id: token.id, token }, record, key)
    return schema.validate === undefined ? encode() : validateData(schema, attributes).then(encode)
  }

  /**
   * Stores a new session. Those of the principal that have to make room are ended, and announced.
   * @throws SessionLimitError where the limit refuses it; nothing is written then
   */
  async create(
    token: Token,
    header: RecordHeader,
    attributes: ReadonlyMap<string, unknown>,
    meta: Meta,
    limit?: Limit,
  ): Promise<Live> {
    const live = await this.createOnce(token, header, attributes, meta, limit)
    // 192 random bits do not come twice.
    if (live === undefined) throw new TypeError('create was answered exists')
    return live
  }

  /**
   * As `create`, for a token that others may make too.
   * @param unknown grows by the stamp of a write whose outcome is unknown
   * @returns nothing where something stands under it already, be it only what an ended session has left
   */
  async createOnce(
    token: Token,
    header: RecordHeader,
    attributes: ReadonlyMap<string, unknown>,
    meta: Meta,
    limit?: Limit,
    unknown?: Stamp[],
  ): Promise<Live | undefined> {
    // It may have been made some time ago: there may be another first secret by now.
    const key = token.isDerived ? this.settings.keyring.primary : token.key
    const record = await this.#encode(token, header, key, attributes, meta)
    const ttl = this.timeToLive(header)
    const owner = this.#ownerOf(token.id, header, meta)
    const confirmation = new Confirmation()
    const { engine } = this.settings
    let created: CreateResult
    try {
      created = await engine.create(token.id, record, ttl, owner, limit, { confirmation })
    } catch (error) {
      if (isIndeterminate(error)) unknown?.push(stampOf(record))
      throw error
    }
    if (created.status === 'rejected' && limit !== undefined) {
      const { max, maxOfKind = max } = limit
      if (created.limit === 'all') throw new SessionLimitError(max)
      throw new SessionLimitError(maxOfKind, kindOf(meta))
    }
    if (created.status !== 'created') return undefined
    this.#events.missing('create', token.id, confirmation)
    const principal = principalOf(meta) ?? ''
    for (const id of created.evicted) this.#events.emit('evicted', { id, principal, by: token.id })
    return this.reader.written(token, header, key, meta, record, ttl)
  }

  /**
   * Stores a change by compare-and-set. On conflict the change is rebased on what is stored and
   * tried again. With `rotation` the session gets a new token in the same step.
   * @throws SessionConflictError after 32 conflicts, and AttributeError, SessionTooLargeError, SchemaError,
   * StoreUnavailableError, StoreRefusedError
   */
  store(from: Live, change: Change, rotation?: Rotation): Promise<Written> {
    return this.#turns.take(from.token.id, (latest) => {
      const known = latest?.status === 'live' ? latest.live : this.reader.known(from.token)
      return this.#store(from, known, change, rotation)
    })
  }

  /** @param known what this process knows to be stored by now */
  async #store(
    from: Live,
    known: Live | undefined,
    change: Change,
    rotation: Rotation | undefined,
  ): Promise<Written> {
    const { engine, keyring } = this.settings
    let work: Work = {
      live: from,
      delta: change.delta,
      lifetime: change.lifetime,
      rotate: rotation,
    }
    let isRebased = known !== undefined && isLater(known, from)
    if (known !== undefined && isRebased) work = this.#rebased(work, known, change)
    let isOver = false
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const { live, delta, lifetime, rotate } = work
      // The rotation was all, and another has done it.
      if (rotate !== rotation && delta.size === 0 && lifetime === undefined) {
        return { status: 'live', live, rebased: true, previousId: undefined, isOver }
      }
      const header = this.#nextHeader(live.header, lifetime)
      const ttl = this.timeToLive(header)
      if (ttl < 1) return this.#outlived(live)
      const meta = this.#nextMeta(work, change)
      const attributes = applyDelta(live.attributes(), delta)
      const token =
        rotate === undefined
          ? live.token
          : createToken(keyring, live.token.partition, live.token.region)
      // A record says by its key which secret the token of its client is signed with.
      const isOfNewToken = rotate !== undefined || token.isDerived
      const key = isOfNewToken ? keyring.primary : live.key
      const encoding = this.#encode(token, header, key, attributes, meta)
      const record = encoding instanceof Promise ? await encoding : encoding
      const confirmation = new Confirmation()
      let result: WriteResult
      try {
        result = await (rotate === undefined
          ? engine.commit(token.id, live.stamp, record, ttl, {
              // It may be a shorter one.
              sooner: lifetime !== undefined,
              confirmation,
            })
          : engine.rotate(live.token.id, live.stamp, token.id, record, ttl, {
              trail: this.rotations.trail(rotate, header, live.token, token),
              ...this.#owned(token.id, header, meta),
              confirmation,
            }))
      } catch (error) {
        if (isIndeterminate(error)) change.unknown?.push(stampOf(record))
        throw error
      }
      if (result.status === 'done') {
        this.#events.missing(rotate === undefined ? 'commit' : 'rotate', token.id, confirmation)
        this.insight.renewed(live.header, live.lease.expiresAt)
        const known = knownAfter(live, delta, attributes)
        const written = this.reader.written(token, header, key, meta, record, ttl, known)
        const previousId = rotate === undefined ? undefined : live.token.id
        return { status: 'live', live: written, rebased: isRebased, previousId, isOver }
      }
      if (result.status === 'gone') return { status: 'ended', reason: 'ended' }
      let { stored }: { stored: Stored | undefined } = result
      // What was stored before a pause has been overtaken after it.
      if (await backOff(attempt)) stored = await engine.load(live.token.id, { fresh: true })
      const theirs = await this.reader.follow(live.token, stored)
      if (theirs.status === 'none') return ended(theirs.reason)
      isRebased = true
      isOver ||= theirs.over !== undefined
      work = this.#rebased(work, theirs.live, change)
    }
    throw new SessionConflictError(MOST_ATTEMPTS)
  }

  /** What is left to do on top of what another has stored. */
  #rebased({ live, delta, lifetime, rotate }: Work, theirs: Live, change: Change): Work {
    this.#events.emit('conflict', { id: live.token.id })
    const isMet = lifetime !== undefined && hasLifetime(theirs, lifetime)
    const left = isMet ? undefined : lifetime
    // Rotated by another request meanwhile: both go on with the one successor, for two of them would
    // leave the browser with the one whose answer comes last.
    const isMoved = theirs.token.id !== live.token.id
    const isRotated = isMoved && rotate === 'forward' && left === undefined
    // An own write whose answer was lost holds the changes already: to merge them again would count
    // them twice.
    const isOwn = change.unknown?.some((stamp) => equalBytes(stamp, theirs.stamp)) === true
    const rebased = change.rebase ?? rebase
    const { merges } = this.settings
    return {
      live: theirs,
      delta: isOwn ? delta : rebased(delta, live.attributes(), theirs.attributes(), merges),
      lifetime: left,
      rotate: isRotated ? undefined : rotate,
    }
  }

  /** Its deadline has passed, or the application has just set it to a time that has. */
  async #outlived(live: Live): Promise<Written> {
    const { status } = await this.destroy(live)
    if (status === 'done') {
      const [principal, kind] = [principalOf(live.meta), kindOf(live.meta)]
      const [device, address] = [deviceOf(live.meta), addressOf(live.meta)]
      const { id } = live.token
      publishLifetime('expired', live.header.createdAt, this.settings.engine.now())
      await this.#events.record('expired', { id, principal, kind, device, address })
    }
    return { status: 'ended', reason: 'ended' }
  }

  #nextMeta({ live, lifetime, rotate }: Work, { changeMeta }: Change): Meta {
    const persistent = lifetime?.persistent
    const lasting = persistent === undefined ? live.meta : withPersistent(live.meta, persistent)
    const known = live.token.isDerived ? withTokenKey(lasting, undefined) : lasting
    const changed = changeMeta?.(known) ?? known
    return rotate === undefined ? changed : this.rotations.meta(rotate, changed, live.token)
  }

  /**
   * Ends a session, whatever others write to it meanwhile and wherever a rotation has moved it: a
   * sign-out that reaches only the former id would leave the successor alive.
   * @param told of where it stands now, as a rotation is found to have moved it
   * @throws SessionConflictError after 32 rotations in a row that came in between
   */
  async destroy(
    from: Live,
    { trail, waitFor }: DestroyHow = {},
    told?: (id: SessionId) => void,
  ): Promise<Destroyed> {
    const { engine } = this.settings
    const confirmation = new Confirmation(waitFor)
    const left = trail === undefined ? { confirmation } : { trail, confirmation }
    let { token } = from
    const { ownerTag } = from.header
    const owned = ownerTag === undefined ? {} : { ownerTag }
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const result = await engine.destroy(token.id, { spareTrail: true, ...left, ...owned })
      const { outcome } = confirmation
      if (result.status === 'gone') return { status: 'gone', outcome }
      if (result.status === 'done') {
        this.#events.missing('logout', token.id, confirmation)
        const last =
          result.ended && (await this.reader.follow(token, { record: result.ended, ttl: 1 }))
        return {
          status: 'done',
          id: token.id,
          last: last?.status === 'live' ? last.live : undefined,
          outcome,
        }
      }
      const theirs = await this.reader.follow(token, result.stored)
      if (theirs.status === 'none') {
        // The marker stays: it keeps late requests from overwriting the cookie of the login.
        if (theirs.reason === 'superseded') {
          // After a step-up it goes on all the same, under a token that this one does not lead to.
          const { successor } = theirs
          const ended =
            successor && (await revokeById(engine, successor, { ownerTag, confirmation }))
          return ended === undefined
            ? { status: 'superseded' }
            : { status: 'done', id: ended, last: undefined, outcome: confirmation.outcome }
        }
        // A forward to nothing that opens: it goes too.
        const rest = await engine.destroy(token.id, { ...left, ...owned })
        const { outcome } = confirmation
        return rest.status === 'done'
          ? { status: 'done', id: token.id, last: undefined, outcome }
          : { status: 'gone', outcome }
      }
      token = theirs.live.token
      told?.(token.id)
    }
    throw new SessionConflictError(MOST_ATTEMPTS)
  }

  /**
   * Renews the idle timeout. A session that has been changed meanwhile has been renewed by that, and
   * one that is being touched by another request need not be touched twice.
   */
  async touch(live: Live): Promise<void> {
    const { header, lease } = live
    const { id } = live.token
    const ttl = this.timeToLive(header)
    if (ttl < 1 || this.#touching.has(id)) return
    this.#touching.add(id)
    try {
      const { expiresAt } = lease
      const now = this.settings.engine.now()
      const result = await this.settings.engine.touch(id, live.stamp, ttl)
      if (result.status !== 'done') return
      this.insight.renewed(header, expiresAt)
      // Where the engine holds the record it has moved by itself.
      if (lease.expiresAt === expiresAt) lease.expiresAt = now + ttl
    } finally {
      this.#touching.delete(id)
    }
  }

  /** The owner as the engine's index needs it; empty for a session of nobody. */
  #ownerOf(id: SessionId, header: RecordHeader, meta: Meta): Owner | undefined {
    const { engine } = this.settings
    if (header.ownerTag === undefined) return undefined
    const descriptor = sealDescriptor(this.settings, header.ownerTag, id, {
      createdAt: header.createdAt,
      deadline: header.deadline,
      idleTimeout: header.idleTimeout,
      principal: principalOf(meta) ?? '',
      kind: kindOf(meta),
      device: deviceOf(meta),
      address: addressOf(meta),
    })
    const ttl = Math.max(1, header.deadline - engine.now())
    return { tag: header.ownerTag, descriptor, ttl }
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
}

/** What a process knows may be from before the read that a request began with. */
function isLater(known: Live, from: Live): boolean {
  return known.token.id !== from.token.id || known.header.revision > from.header.revision
}

/**
 * What is stored now, where no object has come or gone: one that the application has set it may change in
 * place, and what those that went have weighed is not known.
 */
function knownAfter(
  live: Live,
  delta: Delta,
  attributes: ReadonlyMap<string, unknown>,
): KnownAttributes | undefined {
  let { heapBytes } = live
  for (const [name, { value }] of delta) {
    const before = live.attributes().get(name)
    if (isObject(value) || isObject(before)) return undefined
    heapBytes += attributeBytes(name, value) - attributeBytes(name, before)
  }
  return { attributes, heapBytes }
}

/** Whether what was asked for may have been done. */
function isIndeterminate(error: unknown): boolean {
  return error instanceof StoreUnavailableError && error.indeterminate
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function ended(reason: SessionEvents['rejected']['reason']): {
  status: 'ended'
  reason: EndReason
} {
  return { status: 'ended', reason: reason === 'superseded' ? 'superseded' : 'ended' }
}

/** Waits a few random milliseconds once the first attempts have failed. @returns whether it did */
export async function backOff(attempt: number): Promise<boolean> {
  if (attempt < BACK_OFF_AFTER) return false
  const ms = Math.random() * Math.min(2 ** (attempt - BACK_OFF_AFTER), LONGEST_PAUSE)
  await new Promise((resolve) => setTimeout(resolve, ms))
  return true
}
