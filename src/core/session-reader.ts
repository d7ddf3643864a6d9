import { equalBytes } from './crypto.ts'
import type { Denials } from './denials.ts'
import { type Held, isTrail, type Stored, stampOf } from './engine.ts'
import { hasNearReads, hasRegions, type NearReads } from './engine-abilities.ts'
import { SessionElsewhereError } from './errors.ts'
import type { EventHub } from './events.ts'
import { Generations } from './generations.ts'
import type { Key } from './keyring.ts'
import type { Live, Loaded } from './live.ts'
import { LiveKeyring } from './live-keyring.ts'
import { formerOf, type Meta, principalOf, tokenKeyOf, tokenMadeAtOf } from './meta.ts'
import type { Settings } from './options.ts'
import { type Opened, openRecord, type RecordHeader } from './record.ts'
import { revokeById } from './revoke.ts'
import { migrateData } from './schema.ts'
import type { Token } from './token.ts'
import { readTrail, SUPERSEDED_FOR, successorOf } from './trail.ts'

type Found = Extract<Loaded, { status: 'live' }>

/** What a reader has made of a record that the engine holds, and keeps with it. */
interface Memo extends Live {
  /** Of a reader, under the secrets that it had. */
  readonly by: object
}

/** A token that has opened a session lately, and where that stands: to find it again is one look-up. */
interface Ticket {
  readonly token: Token
  held: Held | undefined
  /** Until when what was made of it may be served as it is: the session's deadline, or its token's age. */
  until: number
}

export interface KnownAttributes {
  readonly attributes: ReadonlyMap<string, unknown>
  readonly heapBytes: number
}

/** Rotations make a chain of forwards; a longer one is not followed. */
const MOST_FORWARDS = 64
/** Of so many former tokens it is remembered that their reuse has been told of; then some are told of anew. */
const MOST_REUSED = 10_000
/** What an opened session takes in memory beside its attributes. Measured (docs/decisions/0016). */
const MEMO_BYTES = 800
/**
 * The age at which a token that is not signed with the first secret is renewed, milliseconds: else nodes that have the
 * same secrets in another order, while those are being changed, would renew each other's at each request.
 */
const SECRET_PATIENCE = 10 * 60_000

/** Sessions out of the engine, or from what it holds near: verifying, following, opening. */
export class SessionReader {
  readonly #settings: Settings
  readonly #events: EventHub
  readonly #denials: Denials
  readonly #near: NearReads | undefined
  /** That have opened a session lately: to verify one anew costs ten times a look at a record. */
  readonly #tokens: Generations<Ticket>
  /** Former ids whose reuse this process has told of: a client that asks on and on must not fill the audit. */
  readonly #reused = new Generations<true>({ maxCount: MOST_REUSED })
  /** Another with each change of the secrets: what was opened before is opened anew. */
  #era = {}

  constructor(settings: Settings, events: EventHub, denials: Denials) {
    this.#denials = denials
    this.#settings = settings
    this.#events = events
    this.#near = hasNearReads(settings.engine) ? settings.engine : undefined
    this.#tokens = new Generations({ maxCount: this.#near?.mostHeld ?? 0 })
    if (settings.keyring instanceof LiveKeyring) {
      settings.keyring.onChange(() => {
        this.#era = {}
        this.#tokens.clear()
      })
    }
  }

  /** The session of a token that has opened one before, if its record is at hand. No I/O. */
  glance(text: string): Live | undefined {
    const ticket = this.#tokens.get(text)
    if (ticket === undefined || this.#near === undefined) return undefined
    const { token, held } = ticket
    if (held !== undefined) {
      const now = this.#settings.engine.now()
      if (now < ticket.until && this.#near.holds(token.id, held, now)) {
        const memo = held.opened as Memo | undefined
        if (memo?.by === this.#era) return this.#denials.denies(memo, token.id) ? undefined : memo
      }
    }
    const live = this.#peek(token)
    this.#note(ticket, live)
    return live
  }

  /** Whether nothing is known of an end of the session that this token has just opened. No I/O. */
  mayStand(token: Token): boolean {
    if (this.#near === undefined || this.#near.nearCache.state !== 'on') return true
    return this.standing(token) !== undefined
  }

  /** Whether the session was at hand when this text opened it, and is not any more. No I/O. */
  hasGone(text: string): boolean {
    if (this.#near === undefined || this.#near.nearCache.state !== 'on') return false
    const ticket = this.#tokens.get(text)
    return ticket?.held !== undefined && this.standing(ticket.token) === undefined
  }

  /** The session of a verified token, if its record is at hand. No I/O. */
  atHand(token: Token): Live | undefined {
    const live = this.#peek(token)
    if (live !== undefined) this.#noteToken(token, live)
    return live
  }

  /**
   * Follows forwards: the token of the answer may be a successor of the one asked for.
   * @param fresh from the store, whatever is at hand
   */
  async load(token: Token, fresh = false): Promise<Loaded> {
    if (token.region !== 0 && !hasRegions(this.#settings.engine)) {
      throw new SessionElsewhereError('session', `number ${token.region}`)
    }
    const held = fresh ? undefined : this.atHand(token)
    if (held !== undefined) return { status: 'live', live: held }
    const stored = await this.#settings.engine.load(token.id, { fresh })
    const found = await this.follow(token, stored, fresh)
    const isOver = found.status === 'live' && found.over !== undefined
    const opened = isOver ? await this.#refuse(token, found) : found
    const isDenied = opened.status === 'live' && this.#denials.denies(opened.live, token.id)
    const loaded: Loaded = isDenied ? { status: 'none', reason: 'absent' } : opened
    if (loaded.status === 'none') {
      this.#events.emit('rejected', { id: token.id, reason: loaded.reason })
    } else if (loaded.live.token.id === token.id) {
      this.#noteToken(token, loaded.live)
    }
    return loaded
  }

  /**
   * What the store holds for a request or a connection that was let in before.
   * @param fresh also past an answer that is under way
   */
  async reload(token: Token, fresh = true): Promise<Loaded> {
    return this.follow(token, await this.#settings.engine.load(token.id, { fresh }), fresh)
  }

  /** As `atHand`, for those who can be given no new token: the age of theirs does not count. */
  standing(token: Token): Live | undefined {
    return this.#peek(token, true)
  }

  /** Of a forward whose time is over. */
  async #refuse(token: Token, { live, over }: Found): Promise<Loaded> {
    const { engine, tokenReuse } = this.#settings
    // Its holder never came back in time, and nobody has the successor.
    if (over?.isUsed !== true) return { status: 'none', reason: 'absent' }
    const principal = principalOf(live.meta)
    const { id } = live.token
    if (this.#reused.get(token.id) === undefined) {
      this.#reused.set(token.id, true)
      await this.#events.record('token-reuse', { id, formerId: token.id, principal })
    }
    if (tokenReuse === 'end') {
      const ended = await revokeById(engine, id, { reason: 'revoked' })
      if (ended !== undefined) await this.#events.record('revoked', { id: ended, principal })
    }
    // A request that was sent before the browser had the successor may come late.
    const keepsCookie = engine.now() - over.until < SUPERSEDED_FOR
    return { status: 'none', reason: 'reused', keepsCookie }
  }

  #noteToken(token: Token, live: Live): void {
    // Its secret may have been taken out since the request was let in. Derived ones no client can bring.
    if (!token.isDerived && !this.#settings.keyring.keys.includes(token.key)) return
    const ticket: Ticket = { token, held: undefined, until: 0 }
    this.#tokens.set(token.text, ticket)
    this.#note(ticket, live)
  }

  #note(ticket: Ticket, live: Live | undefined): void {
    const held = live && this.#near?.held(live.token.id)
    const isKept = live !== undefined && held?.opened === live
    ticket.held = isKept ? held : undefined
    ticket.until = isKept ? Math.min(live.header.deadline, live.rotateAt) : 0
  }

  #peek(token: Token, isOfAnyAge = false): Live | undefined {
    if (this.#near === undefined) return undefined
    const now = this.#settings.engine.now()
    const held = this.#near.peek(token.id, now)
    if (held === undefined) return undefined
    const memo = held.opened as Memo | undefined
    if (memo?.by === this.#era) {
      return isAtHand(memo, now, isOfAnyAge) && !this.#denials.denies(memo, token.id)
        ? memo
        : undefined
    }
    // A forward leads to another record; a record that does not open is reported by `load`.
    if (isTrail(held.record)) return undefined
    const stored = { record: held.record, ttl: held.expiresAt - now }
    const opened = this.#open(token, stored, () => undefined)
    if (opened.status !== 'live' || this.#denials.denies(opened.live, token.id)) return undefined
    return isAtHand(opened.live, now, isOfAnyAge) ? opened.live : undefined
  }

  /**
   * What was at hand when the store has last answered, if that was no longer ago than `outageGrace`. No I/O.
   * A token that is old enough for another one goes on.
   */
  lastKnown(token: Token): Live | undefined {
    const { engine, outageGrace } = this.#settings
    const now = engine.now()
    const held = this.#near?.peekLate(token.id, now, outageGrace)
    if (held === undefined || isTrail(held.record)) return undefined
    const memo = held.opened as Memo | undefined
    let live: Live | undefined = memo?.by === this.#era ? memo : undefined
    if (live === undefined) {
      const stored = { record: held.record, ttl: held.expiresAt - now }
      const opened = this.#open(token, stored, () => undefined)
      if (opened.status === 'live') live = opened.live
    }
    if (live === undefined || live.header.deadline <= now) return undefined
    return this.#denials.denies(live, token.id) ? undefined : live
  }

  /** What this process has last read or written of the session. */
  known(token: Token): Live | undefined {
    const memo = this.#near?.held(token.id)?.opened as Memo | undefined
    return memo?.by === this.#era ? memo : undefined
  }

  /** The session that a record stands for, kept with the record where the engine holds it. */
  #remember(live: Live): Live {
    const { id } = live.token
    const held = this.#near?.held(id)
    if (held === undefined || !equalBytes(stampOf(held.record), live.stamp)) return live
    const { token, header, key, meta, attributes, heapBytes } = live
    const { rotateAt, former, touchBelow } = live
    // Of the record that is held: the stamp is a view, and would keep the chunk of the answer.
    const stamp = stampOf(held.record)
    const shared: Memo = {
      by: this.#era,
      token,
      stamp,
      header,
      key,
      meta,
      attributes,
      heapBytes,
      rotateAt,
      former,
      touchBelow,
      lease: held,
    }
    this.#near?.remember(id, held, shared, MEMO_BYTES + heapBytes)
    return shared
  }

  /** Its attributes have been decoded. */
  #weigh(live: Live, heapBytes: number): void {
    live.heapBytes = heapBytes
    const { id } = live.token
    const held = this.#near?.held(id)
    if (held === undefined || held.opened !== live) return
    this.#near?.remember(id, held, live, MEMO_BYTES + heapBytes)
  }

  /** Opens what is stored at a token's id, or what a forward there leads to. */
  async follow(asked: Token, found: Stored | undefined, fresh = false): Promise<Loaded> {
    let token = asked
    let stored = found
    let over: Found['over']
    for (let hops = 0; hops <= MOST_FORWARDS; hops++) {
      if (stored === undefined) return { status: 'none', reason: 'absent' }
      if (!isTrail(stored.record)) {
        const loaded = this.#open(token, stored)
        return loaded.status === 'live' && over !== undefined ? { ...loaded, over } : loaded
      }
      const trail = readTrail(this.#settings.keyring, token, stored.record)
      if (trail.kind === 'superseded') {
        const successor = successorOf(stored.record)
        return { status: 'none', reason: 'superseded', keepsCookie: true, successor }
      }
      if (trail.kind === 'unreadable') return { status: 'none', reason: 'damaged' }
      // Of several the one that says most.
      if (trail.until <= this.#settings.engine.now() && over?.isUsed !== true) over = trail
      token = trail.token
      stored = await this.#settings.engine.load(token.id, { fresh })
    }
    return { status: 'none', reason: 'absent' }
  }

  #open(token: Token, stored: Stored, report = this.#reportMigration): Loaded {
    // Of those who waited for one answer the first has opened it.
    const known = this.known(token)
    if (known !== undefined && equalBytes(known.stamp, stampOf(stored.record))) {
      const isOver = known.header.deadline <= this.#settings.engine.now()
      return isOver ? { status: 'none', reason: 'absent' } : { status: 'live', live: known }
    }
    const { engine, keyring, schema } = this.#settings
    const context = { keyring, id: token.id, token }
    const opened = openRecord(stored.record, context)
    if (opened.status === 'rejected') return { status: 'none', reason: opened.reason }
    const { header, key, meta } = opened
    if (header.deadline <= engine.now()) return { status: 'none', reason: 'absent' }
    let migrated: ReturnType<typeof migrateData>
    try {
      migrated = migrateData(schema, opened, header.schema)
    } catch (error) {
      report(error)
    }
    if (migrated === undefined) return { status: 'none', reason: 'schema' }
    const { attributes, heapBytes } = migrated
    const live: Live = {
      token,
      stamp: stampOf(stored.record),
      header,
      key,
      meta,
      attributes: () => attributes,
      heapBytes,
      ...this.#ageOf(token, header, key, meta),
      lease: { expiresAt: engine.now() + stored.ttl },
    }
    return { status: 'live', live: this.#remember(live) }
  }

  readonly #reportMigration = (error: unknown): void => {
    this.#events.emit('error', { operation: 'migrate', error })
  }

  /**
   * The session that a record just written stands for.
   * @param known its attributes, where the application holds no object that is in them
   */
  written(
    token: Token,
    header: RecordHeader,
    key: Key,
    meta: Meta,
    record: Uint8Array,
    ttl: number,
    known?: KnownAttributes,
  ): Live {
    let attributes = known?.attributes
    const live: Live = {
      token,
      stamp: stampOf(record),
      header,
      key,
      meta,
      attributes: () => {
        if (attributes !== undefined) return attributes
        // Decoded when asked for, and from the bytes: the application goes on changing its own objects.
        const opened = reopen(token, key, record)
        this.#weigh(written, opened.heapBytes)
        attributes = opened.attributes
        return attributes
      },
      heapBytes: known?.heapBytes ?? 0,
      ...this.#ageOf(token, header, key, meta),
      lease: { expiresAt: this.#settings.engine.now() + ttl },
    }
    const written = this.#remember(live)
    this.#noteToken(token, written)
    return written
  }

  #ageOf(
    token: Token,
    header: RecordHeader,
    key: Key,
    meta: Meta,
  ): Pick<Live, 'rotateAt' | 'former' | 'touchBelow'> {
    const former = formerOf(meta)
    return {
      rotateAt: this.#rotateAt(token, header, key, meta),
      former: former === undefined ? undefined : token.id.slice(0, -former.length) + former,
      touchBelow: Math.ceil(header.idleTimeout * (1 - this.#settings.touchAfter)),
    }
  }

  #rotateAt(token: Token, header: RecordHeader, key: Key, meta: Meta): number {
    if (token.isDerived) return Number.POSITIVE_INFINITY
    const { keyring, rotateEvery } = this.#settings
    const madeAt = tokenMadeAtOf(meta) ?? header.createdAt
    // Its token is signed with the secret of its record, or with that of before.
    const isOfFirst = key === keyring.primary && tokenKeyOf(meta) === undefined
    return madeAt + (isOfFirst ? rotateEvery : Math.min(rotateEvery, SECRET_PATIENCE))
  }
}

/** By the key that has sealed it, which may have been taken out of the keyring since. */
function reopen(token: Token, key: Key, record: Uint8Array): Opened & { status: 'open' } {
  const context = { keyring: { primary: key, keys: [key], ids: [key.id] }, id: token.id, token }
  const opened = openRecord(record, context)
  if (opened.status !== 'open') throw new TypeError(`own record does not open: ${opened.reason}`)
  return opened
}

/** One whose token is to be renewed is read from the store: others may have done so. */
function isAtHand(live: Live, now: number, isOfAnyAge: boolean): boolean {
  return live.header.deadline > now && (isOfAnyAge || live.rotateAt > now)
}
