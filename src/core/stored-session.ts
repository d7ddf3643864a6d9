import { applyDelta, type Delta } from './attributes.ts'
import { Confirmation } from './durability.ts'
import { isTrail, type SessionId, stampOf } from './engine.ts'
import { OptionError, SessionConflictError } from './errors.ts'
import type { EventHub } from './events.ts'
import { noteOf, withNote } from './meta.ts'
import type { Settings } from './options.ts'
import { withoutPrivate } from './private-names.ts'
import { reads } from './reads.ts'
import { encodeRecord, nextRevision, type Opened, openRecord } from './record.ts'
import { backOff, MOST_ATTEMPTS, type Repository } from './repository.ts'
import { recordPages } from './scan.ts'
import { migrateData, validateData } from './schema.ts'
import { isSessionId, parseToken } from './token.ts'
import { tokenIn } from './token-form.ts'
import { successorOf } from './trail.ts'

/** A session as it stands in the store, by its public id. Nobody was active. */
export interface StoredSession {
  readonly id: SessionId
  readonly attributes: ReadonlyMap<string, unknown>
  /** See `Exchange.note`. */
  readonly note: unknown
  /** Milliseconds. */
  readonly idleTimeout: number
  /** When it ends if nobody comes, milliseconds since the epoch. */
  readonly expiresAt: number
}

/** What is to become of it. */
export interface StoredChange {
  readonly delta: Delta
  readonly note: unknown
  /** Milliseconds. A principal's session keeps its own: the index says so too. */
  readonly idleTimeout?: number | undefined
}

interface Found {
  readonly id: SessionId
  readonly record: Uint8Array
  readonly opened: Opened & { status: 'open' }
  readonly session: StoredSession
  /** All, also what other frameworks keep there for themselves. */
  readonly all: ReadonlyMap<string, unknown>
}

/** Rotations within one grace make a chain of forwards. */
const MOST_STEPS = 64

/** Reads and changes sessions by their public ids, without their tokens: for stores of other libraries. */
export class StoredSessions {
  readonly #settings: Settings
  readonly #repository: Repository
  readonly #events: EventHub

  constructor(repository: Repository, events: EventHub) {
    this.#settings = repository.settings
    this.#repository = repository
    this.#events = events
  }

  /** The id that a token's session has, or nothing where the text is no token of ours. No I/O. */
  idOf(token: string): SessionId | undefined {
    return parseToken(this.#settings.keyring, tokenIn(token))?.id
  }

  /**
   * @returns nothing when there is none
   * @throws OptionError where sessions open with their tokens only (`seal: 'token'`), StoreUnavailableError,
   * StoreRefusedError
   */
  async read(id: SessionId): Promise<StoredSession | undefined> {
    const session = (await this.#find(id))?.session
    if (session !== undefined) reads.noteAll(session.attributes)
    return session
  }

  /**
   * Changes it by compare-and-set, and renews it.
   * @param change what is to become of it; runs again when another writer was first
   * @returns whether there is such a session
   * @throws as `read`, and SessionConflictError, AttributeError, SessionTooLargeError, SchemaError
   */
  async change(asked: SessionId, change: (now: StoredSession) => StoredChange): Promise<boolean> {
    const { engine, keyring, record: format, schema } = this.#settings
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const found = await this.#find(asked)
      if (found === undefined) return false
      const { id, opened, session, all } = found
      const { delta, note, idleTimeout } = change(session)
      const attributes = applyDelta(all, delta)
      await validateData(schema, attributes)
      const { header } = opened
      const isOwned = header.ownerTag !== undefined
      const next = {
        ...header,
        revision: nextRevision(header.revision),
        schema: Math.max(header.schema, schema.version),
        idleTimeout: isOwned ? header.idleTimeout : (idleTimeout ?? header.idleTimeout),
      }
      const meta = note === noteOf(opened.meta) ? opened.meta : withNote(opened.meta, note)
      const context = { keyring, id, token: undefined }
      const encoded = encodeRecord(next, { attributes, meta }, context, format, opened.key)
      const confirmation = new Confirmation()
      const options = { confirmation, sooner: next.idleTimeout < header.idleTimeout }
      const ttl = this.#repository.timeToLive(next)
      const result = await engine.commit(id, stampOf(found.record), encoded, ttl, options)
      if (result.status === 'done') {
        this.#events.missing('commit', id, confirmation)
        if (delta.size > 0) {
          await this.#events.record('changed', { id, attributes: [...delta.keys()] })
        }
        return true
      }
      await backOff(attempt)
    }
    throw new SessionConflictError(MOST_ATTEMPTS)
  }

  /** Renews its idle timeout. @returns whether there is such a session */
  async touch(asked: SessionId): Promise<boolean> {
    const { engine } = this.#settings
    const found = await this.#find(asked)
    if (found === undefined) return false
    const ttl = this.#repository.timeToLive(found.opened.header)
    // One that has been changed meanwhile has been renewed by that.
    return (await engine.touch(found.id, stampOf(found.record), ttl)).status !== 'gone'
  }

  /** The ids of all that there are, those too that do not open with these secrets. @throws as `recordPages` */
  async *ids(): AsyncGenerator<readonly SessionId[]> {
    for await (const page of recordPages(this.#settings.engine)) yield page.map(({ id }) => id)
  }

  async #find(asked: SessionId): Promise<Found | undefined> {
    const { engine, keyring, record: format, schema } = this.#settings
    if (!isSessionId(asked)) return undefined
    let id = asked
    for (let step = 0; step < MOST_STEPS; step++) {
      const stored = await engine.load(id, { fresh: true })
      if (stored === undefined) return undefined
      const { record } = stored
      if (isTrail(record)) {
        const successor = successorOf(record)
        if (successor === undefined) return undefined
        id = successor
        continue
      }
      if (format.seal === 2) {
        throw new OptionError('seal', "'token' lets nobody open a session by its id")
      }
      const opened = openRecord(record, { keyring, id, token: undefined })
      if (opened.status === 'rejected' || opened.header.deadline <= engine.now()) return undefined
      const { header, meta } = opened
      if (this.#repository.denials.has(id, header.ownerTag)) return undefined
      const migrated = migrateData(schema, opened, header.schema)
      if (migrated === undefined) return undefined
      const attributes = withoutPrivate(migrated.attributes)
      const expiresAt = engine.now() + stored.ttl
      const { idleTimeout } = header
      const session = { id, attributes, note: noteOf(meta), idleTimeout, expiresAt }
      return { id, record, opened, session, all: migrated.attributes }
    }
    return undefined
  }
}
