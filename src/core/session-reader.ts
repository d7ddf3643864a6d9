import { equalBytes } from './crypto.ts'
import { hasNearReads, isTrail, type NearReads, type Stored, stampOf } from './engine.ts'
import type { EventHub } from './events.ts'
import { Generations } from './generations.ts'
import type { Live, Loaded } from './live.ts'
import type { Meta } from './meta.ts'
import type { Settings } from './options.ts'
import { openRecord, type RecordHeader, type SizedRecord } from './record.ts'
import { migrateData } from './schema.ts'
import type { Token } from './token.ts'
import { readTrail, successorOf } from './trail.ts'
import { freezeValue } from './values.ts'

/** What a reader has made of a record that the engine holds. */
interface Memo {
  readonly by: SessionReader
  readonly live: Live
}

/** Rotations within one grace make a chain of forwards; a longer one is not followed. */
const MOST_FORWARDS = 8
/**
 * What an opened session takes in memory: itself with token and header, and its attributes, which are
 * larger as objects than encoded. Measured (docs/decisions/0016).
 */
const MEMO_BYTES = 1_000
const OBJECT_FACTOR = 3.5
/**
 * Tokens that have opened a session lately: to verify one anew costs ten times a look at a record. As
 * many as a near cache holds sessions, if nobody says otherwise.
 */
const MOST_TOKENS = 100_000

/** Sessions out of the engine, or from what it holds near: verifying, following, opening. */
export class SessionReader {
  readonly #settings: Settings
  readonly #events: EventHub
  readonly #near: NearReads | undefined
  readonly #tokens = new Generations<Token>({ maxCount: MOST_TOKENS })

  constructor(settings: Settings, events: EventHub) {
    this.#settings = settings
    this.#events = events
    this.#near = hasNearReads(settings.engine) ? settings.engine : undefined
  }

  /** The session of a token that has opened one before, if its record is at hand. No I/O. */
  glance(text: string): Live | undefined {
    const token = this.#tokens.get(text)
    return token && this.#peek(token)
  }

  /** The session of a verified token, if its record is at hand. No I/O. */
  atHand(token: Token): Live | undefined {
    const live = this.#peek(token)
    if (live !== undefined) this.#tokens.set(token.text, token)
    return live
  }

  /**
   * Follows forwards: the token of the answer may be a successor of the one asked for.
   * @param fresh from the store, whatever is at hand
   */
  async load(token: Token, fresh = false): Promise<Loaded> {
    const held = fresh ? undefined : this.atHand(token)
    if (held !== undefined) return { status: 'live', live: held }
    const stored = await this.#settings.engine.load(token.id, { fresh })
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
    const now = this.#settings.engine.now()
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
  known(token: Token): Live | undefined {
    const memo = this.#near?.held(token.id)?.opened as Memo | undefined
    return memo?.by === this ? memo.live : undefined
  }

  /** The session that a record stands for, kept with the record where the engine holds it. */
  #remember(live: Live, payloadBytes: number): Live {
    const { id } = live.token
    const held = this.#near?.held(id)
    if (held === undefined || !equalBytes(stampOf(held.record), live.stamp)) return live
    const { token, header, meta, attributes } = live
    // Of the record that is held: the stamp is a view, and would keep the chunk of the answer.
    const stamp = stampOf(held.record)
    const memo: Memo = { by: this, live: { token, stamp, header, meta, attributes, lease: held } }
    this.#near?.remember(id, held, memo, MEMO_BYTES + payloadBytes * OBJECT_FACTOR)
    return memo.live
  }

  /** Opens what is stored at a token's id, or what a forward there leads to. */
  async follow(asked: Token, found: Stored | undefined, fresh = false): Promise<Loaded> {
    let token = asked
    let stored = found
    for (let hops = 0; hops <= MOST_FORWARDS; hops++) {
      if (stored === undefined) return { status: 'none', reason: 'absent' }
      if (!isTrail(stored.record)) return this.#open(token, stored)
      const trail = readTrail(this.#settings.keyring, token, stored.record)
      if (trail.kind === 'superseded') {
        return { status: 'none', reason: 'superseded', successor: successorOf(stored.record) }
      }
      if (trail.kind === 'unreadable') return { status: 'none', reason: 'damaged' }
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
    if (!isShared) return { status: 'live', live: { ...live, unshared: true } }
    return { status: 'live', live: this.#remember(live, opened.payloadBytes) }
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
    meta: Meta,
    { record, payloadBytes }: SizedRecord,
    ttl: number,
    known?: ReadonlyMap<string, unknown>,
  ): Live {
    this.#tokens.set(token.text, token)
    let attributes = known
    const live: Live = {
      token,
      stamp: stampOf(record),
      header,
      meta,
      // Decoded when asked for, and from the bytes: the application goes on changing its own objects.
      attributes: () => (attributes ??= this.#reopen(token, record)),
      lease: { expiresAt: this.#settings.engine.now() + ttl },
    }
    return this.#remember(live, payloadBytes)
  }

  #reopen(token: Token, record: Uint8Array): ReadonlyMap<string, unknown> {
    const context = { keyring: this.#settings.keyring, id: token.id, token }
    const opened = openRecord(record, context)
    if (opened.status !== 'open') throw new TypeError(`own record does not open: ${opened.reason}`)
    return opened.attributes
  }
}
