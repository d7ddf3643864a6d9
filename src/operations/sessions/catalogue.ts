import { randomBytes } from 'node:crypto'
import type { ListOptions } from '../../core/audit.ts'
import { type AuditEntry, openEntry } from '../../core/audit-entry.ts'
import type { AuditRange } from '../../core/audit-log.ts'
import { codecs } from '../../core/codec.ts'
import { isTrail, type SessionId } from '../../core/engine.ts'
import type { ScannedRecord } from '../../core/engine-abilities.ts'
import { OptionError } from '../../core/errors.ts'
import type { SessionEvents } from '../../core/events.ts'
import type { Durations } from '../../core/gap-histogram.ts'
import { createKeyring, type Keyring } from '../../core/keyring.ts'
import {
  addressOf,
  authenticatedAtOf,
  deviceOf,
  kindOf,
  levelOf,
  type Meta,
  NO_META,
  principalOf,
} from '../../core/meta.ts'
import type { Revoked, SessionInfo } from '../../core/principal-sessions.ts'
import {
  keyIdOf,
  type Opened,
  openRecord,
  type RejectReason,
  readHeader,
} from '../../core/record.ts'
import { isSessionId } from '../../core/token.ts'
import { successorOf } from '../../core/trail.ts'
import { type ListingPlace, PAGE } from '../../engines/redis/listing.ts'
import { asLooker } from '../../engines/redis/options.ts'
import { type RedisEngine, redisEngine } from '../../engines/redis/redis-engine.ts'
import { createSessions, type RedisSource, type Sessions } from '../../index.ts'
import { type PassOptions, paced } from './pass.ts'

export interface CatalogueOptions {
  readonly redis: RedisSource
  readonly prefix: string
  /** As given to `createSessions`: without them nothing of what is sealed is seen, and no principal is found. */
  readonly secrets?: string | readonly string[] | undefined
  readonly pepper?: string | undefined
  /**
   * `each`, the default: every session that is ended here has its entry in the audit. `operators`: only what operators do
   * as a whole, where it is about more sessions than the audit should have entries.
   */
  readonly audit?: 'each' | 'operators'
  /** Deadline of each command, milliseconds. Default 5 seconds. */
  readonly commandTimeout?: number
  /**
   * Told of each command by which the audit is read and reports are heard, at the server that has the audit: for who counts
   * what others ask.
   */
  readonly asks?: (command: string) => void
}

/** What is seen of a session without its secrets. Times are milliseconds since the epoch. */
export interface SessionSummary {
  readonly id: SessionId
  readonly createdAt: number
  /** To the part of the idle timeout after which activity is written down. */
  readonly lastActiveAt: number
  readonly expiresAt: number
  readonly deadline: number
  /** As stored. */
  readonly bytes: number
  readonly signedIn: boolean
  /** Which secret has sealed it. */
  readonly keyId: number
  /** Who is signed in, where the secrets are at hand and open it. */
  readonly principal: string | undefined
}

export interface SessionDetails extends SessionSummary {
  readonly revision: number
  /** Milliseconds. */
  readonly idleTimeout: number
  /** Of the application's data. */
  readonly version: number
  /** Why it does not open; absent where it does. */
  readonly closed: RejectReason | 'no secrets' | undefined
  readonly kind: string | undefined
  readonly device: string | undefined
  readonly address: string | undefined
  readonly level: number | undefined
  readonly authenticatedAt: number | undefined
  readonly attributes: readonly AttributeDetails[]
}

export interface AttributeDetails {
  readonly name: string
  readonly type: string
  /** As encoded, before compression. */
  readonly bytes: number
  readonly value: unknown
}

/** An entry of the audit. */
export type HistoryEntry = AuditEntry

export interface SessionFilter {
  readonly signedIn?: boolean | undefined
  /** Nobody has come for so long, milliseconds. */
  readonly idleFor?: number | undefined
  /** Made so long ago, milliseconds. */
  readonly olderThan?: number | undefined
  /** Bytes, as stored. */
  readonly largerThan?: number | undefined
}

/** One step of a pass over all sessions. */
export interface CataloguePiece {
  readonly sessions: readonly SessionSummary[]
  /** How many keys were looked at, about. */
  readonly looked: number
  /** Undefined: that was all. */
  readonly next: ListingPlace | undefined
}

export interface OperationsFound {
  readonly entries: readonly HistoryEntry[]
  readonly looked: number
  readonly position: string | undefined
}

/** What the audit is told of operators, but for what it is about. */
export type Operation = SessionEvents['operator']

/** Milliseconds. */
const COMMAND_TIMEOUT = 5_000
/** Whoever keeps the audit says how much of it stays: what is written here removes nothing. */
export const KEEPS_ALL = { maxLength: 100_000_000, retention: '400d' } as const
/** Rotations within one grace make a chain of forwards. */
const MOST_FORWARDS = 64
/** Sessions that are looked at for whether the secrets are theirs. */
const MOST_ASKED = 32
const OTHER_SECRETS =
  'are not those of these sessions: nobody could read in the audit who has ended them. Give those of the application ' +
  '(SOJOURN_SECRETS, or `secrets` in the sojourn.config file); `sojourn keys` says whether they are'
/** As far back as `sessions.insight` looks. */
const INSIGHT_DAYS = 14

/**
 * All sessions under a prefix, for those who look at them from outside. It writes nothing, but ends what it is told to end,
 * and tells the audit.
 */
export class Catalogue {
  readonly #engine: RedisEngine
  readonly #keyring: Keyring | undefined
  readonly #auditKeyring: Keyring
  readonly #sessions: Sessions
  readonly #asks: (command: string) => void

  /** @throws OptionError */
  constructor(options: CatalogueOptions) {
    const { redis, prefix, secrets, pepper } = options
    this.#asks = options.asks ?? (() => undefined)
    const { audit = 'each', commandTimeout = COMMAND_TIMEOUT } = options
    // Ids are ended without the secrets. What is told of it is sealed all the same: only this process opens it then.
    const list = [secrets ?? randomBytes(32).toString('base64url')].flat()
    this.#auditKeyring = createKeyring(list)
    this.#keyring = secrets === undefined ? undefined : this.#auditKeyring
    this.#engine = redisEngine({ redis: asLooker(redis), prefix, nearCache: false, commandTimeout })
    this.#sessions = createSessions({
      engine: this.#engine,
      secrets: list,
      audit: { events: audit === 'each' ? ['operator', 'revoked'] : ['operator'], ...KEEPS_ALL },
      ...(pepper === undefined ? {} : { pepper }),
    })
  }

  /** Whether principals are found and attributes seen. */
  get hasSecrets(): boolean {
    return this.#keyring !== undefined
  }

  /** Keys of all servers: about as many as there are sessions and principals. */
  size(): Promise<number> {
    return this.#engine.listing.size()
  }

  /**
   * A step of a pass, for who has nothing that could stay open between two.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  async piece(filter: SessionFilter, from?: ListingPlace): Promise<CataloguePiece> {
    const { records, next } = await this.#engine.listing.piece(from)
    return {
      sessions: this.#wantedOf(records, filter),
      looked: Math.max(records.length, PAGE),
      next,
    }
  }

  /**
   * All that the filter lets through, page after page. What is there all the while comes once at least.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  async *list(
    filter: SessionFilter = {},
    pass: PassOptions = {},
  ): AsyncGenerator<readonly SessionSummary[]> {
    for await (const page of paced(this.#engine.scan(), pass)) yield this.#wantedOf(page, filter)
  }

  /**
   * Of one principal, oldest first: by their list, however many sessions there are.
   * @throws OptionError without secrets; StoreUnavailableError, StoreRefusedError
   */
  async of(principal: string): Promise<SessionInfo[]> {
    this.#requireSecrets()
    return this.#sessions.of(principal).list()
  }

  /**
   * As `of`, but of very many only some, and about how many there are.
   * @throws as `of`
   */
  async some(
    principal: string,
    most: number,
  ): Promise<{ readonly sessions: readonly SessionInfo[]; readonly total: number }> {
    this.#requireSecrets()
    return this.#sessions.of(principal).some(most)
  }

  /** @returns nothing where there is none; also by its id of before a rotation */
  async inspect(id: SessionId): Promise<SessionDetails | undefined> {
    if (!isSessionId(id))
      throw new OptionError('id', 'takes the public id of a session, 25 characters')
    const stored = await this.#engine.load(id)
    if (stored === undefined) return undefined
    if (isTrail(stored.record)) {
      const successor = successorOf(stored.record)
      return successor === undefined ? undefined : this.inspect(successor)
    }
    return this.#detailsOf(id, stored.record, stored.ttl)
  }

  /**
   * Asks the primary whether a session is there.
   * @returns its id now, where it has been rotated since it had this one; nothing where there is none
   */
  async find(id: SessionId): Promise<SessionId | undefined> {
    let at: SessionId | undefined = id
    for (let step = 0; step < MOST_FORWARDS && at !== undefined; step++) {
      const stored = isSessionId(at) ? await this.#engine.load(at, { fresh: true }) : undefined
      if (stored === undefined) return undefined
      if (!isTrail(stored.record)) return at
      at = successorOf(stored.record)
    }
    return at
  }

  /** Some of them, in the order in which the server comes upon them, which is one of chance. */
  async *sample(count: number): AsyncGenerator<SessionDetails> {
    let left = count
    for await (const page of this.#engine.scan()) {
      for (const { id, record, ttl } of page) {
        const details = this.#detailsOf(id, record, ttl)
        if (details === undefined) continue
        yield details
        if (--left === 0) return
      }
    }
  }

  /** By the store's clock, milliseconds since the epoch. */
  now(): number {
    return this.#engine.now()
  }

  /** What the applications have kept of what has happened, oldest first. @throws as `sessions.audit.list` */
  history(options: ListOptions): Promise<HistoryEntry[]> {
    this.#asks('XRANGE')
    return this.#sessions.audit.list(options)
  }

  /**
   * Of so many entries what operators did. Only that is opened: it is little of what there is.
   * @returns also up to where was looked, and how many entries that were
   */
  async operations(range: AuditRange): Promise<OperationsFound> {
    const records = await this.#engine.audit.list(range)
    return {
      entries: records
        .filter(({ event }) => event === 'operator')
        .map((record) => openEntry(this.#auditKeyring, record)),
      looked: records.length,
      position: records.at(-1)?.position,
    }
  }

  /**
   * What processes of the applications publish of themselves, as text that anybody may have written.
   * @param refused told where this user may not hear them
   * @returns a function that ends it
   */
  onReport(listener: (text: string) => void, refused?: () => void): () => void {
    return this.#engine.onReport(listener, refused, () => this.#asks('TIME'))
  }

  /** How long people are away, as all nodes have counted it. @throws as `sessions.insight` */
  async gaps(): Promise<{ readonly gaps: Durations; readonly days: number }> {
    const { gaps } = await this.#sessions.insight({ sample: 0 })
    return { gaps, days: await this.#daysOf(gaps.count) }
  }

  /** The least number of days, with today, that have all of them. */
  async #daysOf(count: number): Promise<number> {
    if (count === 0) return 0
    for (let days = 1; days < INSIGHT_DAYS; days++) {
      const counted = await this.#engine.gaps(days)
      if ([...counted.values()].reduce((sum, each) => sum + each, 0) >= count) return days
    }
    return INSIGHT_DAYS
  }

  /** Whether the filter lets it through now, also by its id of before a rotation. */
  async matches(id: SessionId, filter: SessionFilter): Promise<boolean> {
    const session = await this.inspect(id)
    return session !== undefined && this.#isWanted(session, filter)
  }

  /** @param principal only if it is this one's. @returns false when there is none */
  async revoke(id: SessionId, principal?: string): Promise<boolean> {
    if (principal === undefined) return (await this.#sessions.revoke(id)) !== false
    this.#requireSecrets()
    return (await this.#sessions.of(principal).revoke(id)) !== false
  }

  /**
   * @param except the id of one that is spared
   * @throws OptionError without secrets; StoreUnavailableError, StoreRefusedError
   */
  revokeAllOf(principal: string, except?: SessionId): Promise<Revoked> {
    this.#requireSecrets()
    return this.#sessions.of(principal).revokeAll({ except })
  }

  /** To be told before it is done. Where it rejects it is not to be done. */
  begin(operation: Operation): Promise<void> {
    return this.#sessions.beginOperation(operation)
  }

  /** How it went. Never rejects. */
  end(operation: Operation): Promise<void> {
    return this.#sessions.endOperation(operation)
  }

  close(): Promise<void> {
    return this.#sessions.close()
  }

  /**
   * Whether the secrets are those of the application, as far as the first of these sessions show it: with others nobody
   * could read in the audit what is told of them.
   * @throws OptionError where they have sealed none of them; StoreUnavailableError, StoreRefusedError
   */
  async requireOwnSecrets(ids: Iterable<SessionId>): Promise<void> {
    if (this.#keyring === undefined) return
    const { keys } = this.#keyring
    let [asked, sealed] = [0, 0]
    for (const id of ids) {
      if (asked++ === MOST_ASKED) break
      const { record } = (await this.#engine.load(id)) ?? {}
      if (record === undefined || readHeader(record) === undefined) continue
      if (keys.some((key) => key.id === keyIdOf(record))) return
      sealed++
    }
    if (sealed > 0) throw new OptionError('secrets', OTHER_SECRETS)
  }

  #open(id: SessionId, record: Uint8Array): Opened | undefined {
    if (this.#keyring === undefined) return undefined
    return openRecord(record, { keyring: this.#keyring, id, token: undefined })
  }

  #wantedOf(page: readonly ScannedRecord[], filter: SessionFilter): SessionSummary[] {
    return page.flatMap(({ id, record, ttl }) => {
      const summary = this.#summaryOf(id, record, ttl)
      return summary !== undefined && this.#isWanted(summary, filter) ? [summary] : []
    })
  }

  #summaryOf(id: SessionId, record: Uint8Array, ttl: number): SessionSummary | undefined {
    const header = readHeader(record)
    if (header === undefined) return undefined
    const { createdAt, deadline, idleTimeout, ownerTag } = header
    const expiresAt = this.#engine.now() + ttl
    const opened = ownerTag === undefined ? undefined : this.#open(id, record)
    return {
      ...{ id, createdAt, deadline, expiresAt, bytes: record.length },
      lastActiveAt: Math.max(createdAt, expiresAt - idleTimeout),
      signedIn: ownerTag !== undefined,
      keyId: keyIdOf(record),
      principal: opened?.status === 'open' ? principalOf(opened.meta) : undefined,
    }
  }

  #detailsOf(id: SessionId, record: Uint8Array, ttl: number): SessionDetails | undefined {
    const summary = this.#summaryOf(id, record, ttl)
    const header = readHeader(record)
    if (summary === undefined || header === undefined) return undefined
    const { revision, idleTimeout, schema } = header
    const opened = this.#open(id, record)
    const isOpen = opened?.status === 'open'
    const meta: Meta = isOpen ? opened.meta : NO_META
    return {
      ...summary,
      ...{ revision, idleTimeout, version: schema },
      closed: isOpen ? undefined : (opened?.reason ?? 'no secrets'),
      kind: kindOf(meta),
      device: deviceOf(meta),
      address: addressOf(meta),
      level: levelOf(meta),
      authenticatedAt: authenticatedAtOf(meta),
      attributes: isOpen ? [...opened.attributes].map(detailsOf) : [],
    }
  }

  #isWanted(session: SessionSummary, filter: SessionFilter): boolean {
    const now = this.#engine.now()
    const { signedIn, idleFor, olderThan, largerThan } = filter
    return (
      (signedIn === undefined || session.signedIn === signedIn) &&
      (idleFor === undefined || now - session.lastActiveAt >= idleFor) &&
      (olderThan === undefined || now - session.createdAt >= olderThan) &&
      (largerThan === undefined || session.bytes > largerThan)
    )
  }

  #requireSecrets(): void {
    if (this.#keyring !== undefined) return
    throw new OptionError(
      'secrets',
      'are needed to find a principal: SOJOURN_SECRETS, or `secrets` in the sojourn.config file; and `pepper`, if there is one',
    )
  }
}

function detailsOf([name, value]: [string, unknown]): AttributeDetails {
  return { name, type: typeOf(value), bytes: codecs.messagepack.encodedSize(value), value }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  const name = value.constructor?.name
  return name === undefined || name === 'Object' ? 'object' : name.toLowerCase()
}
