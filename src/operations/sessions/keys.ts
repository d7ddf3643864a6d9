import { setTimeout as sleep } from 'node:timers/promises'
import { isTrail, stampOf } from '../../core/engine.ts'
import type { ScannedRecord } from '../../core/engine-abilities.ts'
import { createKeyring, type Keyring } from '../../core/keyring.ts'
import { tokenKeyOf, withTokenKey } from '../../core/meta.ts'
import {
  encodeRecord,
  keyIdOf,
  nextRevision,
  openRecord,
  readHeader,
  settingsOf,
} from '../../core/record.ts'
import { asLooker } from '../../engines/redis/options.ts'
import { type RedisEngine, redisEngine } from '../../engines/redis/redis-engine.ts'
import { createSessions, type RedisSource, type Sessions } from '../../index.ts'
import { Listening } from '../observe/listening.ts'
import { KEEPS_ALL } from './catalogue.ts'
import { type PassOptions, paced } from './pass.ts'

/** One secret of the application's, by the place that it has among them. */
export interface KeyUse {
  /** As it stands in the records. */
  readonly keyId: number
  /** 0 is the one that seals now; undefined: none of them. */
  readonly place: number | undefined
  /** Whose record is sealed with it. The token of its client is signed with it too. */
  readonly sessions: number
  /** Whose record was sealed anew with another, while the token of its client may be signed with this one. */
  readonly tokens: number
  /** When the last of both ends at the latest, milliseconds since the epoch. */
  readonly lastDeadline: number | undefined
}

/** What became of the sessions that another secret than the first had sealed. */
export interface Resealed {
  readonly resealed: number
  /** Nobody opens them without their client's token: they are sealed anew when that comes. */
  readonly tokenSealed: number
  /** None of the secrets opens them. */
  readonly unopened: number
  /** They ended, or were written again and again meanwhile. */
  readonly left: number
}

export interface ResealOptions extends PassOptions {
  /** Who has it done, for the audit. */
  readonly operator: string
  /** How many there are, for the audit. */
  readonly found: number
  /** Stops it: the rest stays as it is. */
  readonly signal?: AbortSignal
}

export interface KeysOptions {
  readonly redis: RedisSource
  readonly prefix: string
  readonly secrets: string | readonly string[]
}

interface Seen {
  sessions: number
  tokens: number
  lastDeadline: number
}

const COMMAND_TIMEOUT = 5_000
const MOST_ATTEMPTS = 8
/** Records that are written at the same time. */
const AT_ONCE = 16
/** Records that are written in a second: others' requests wait the less for it. */
const RESEALED_A_SECOND = 2_000

/** The secrets that sessions need, for those who change them. */
export class Keys {
  readonly #engine: RedisEngine
  readonly #keyring: Keyring
  /** For the audit. */
  readonly #sessions: Sessions

  /** @throws OptionError */
  constructor({ redis, prefix, secrets }: KeysOptions) {
    this.#keyring = createKeyring([secrets].flat())
    this.#engine = redisEngine({
      redis: asLooker(redis),
      prefix,
      nearCache: false,
      commandTimeout: COMMAND_TIMEOUT,
    })
    this.#sessions = createSessions({
      engine: this.#engine,
      secrets: [secrets].flat(),
      audit: { events: ['operator'], ...KEEPS_ALL },
    })
  }

  /** The nodes that report, from now on. */
  listen(): Listening {
    return new Listening(this.#engine)
  }

  /** Keys of all servers: about as many as there are sessions and principals. */
  size(): Promise<number> {
    return this.#engine.listing.size()
  }

  /**
   * Those of the application first, in their order; then those that are none of them.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  async uses(pass: PassOptions = {}): Promise<KeyUse[]> {
    const seen = new Map<number, Seen>()
    const of = (keyId: number): Seen => {
      const known = seen.get(keyId) ?? { sessions: 0, tokens: 0, lastDeadline: 0 }
      seen.set(keyId, known)
      return known
    }
    for await (const page of paced(this.#engine.scan(), pass)) {
      for (const { id, record } of page) {
        const header = readHeader(record)
        if (header === undefined) continue
        const keyId = keyIdOf(record)
        const own = of(keyId)
        own.sessions++
        own.lastDeadline = Math.max(own.lastDeadline, header.deadline)
        const opened = openRecord(record, { keyring: this.#keyring, id, token: undefined })
        const former = opened.status === 'open' ? tokenKeyOf(opened.meta) : undefined
        if (former === undefined) continue
        const other = of(former)
        other.tokens++
        other.lastDeadline = Math.max(other.lastDeadline, header.deadline)
      }
    }
    const places = new Map(this.#keyring.keys.map(({ id }, place) => [id, place]))
    const useOf = (keyId: number): KeyUse => {
      const { sessions = 0, tokens = 0, lastDeadline } = seen.get(keyId) ?? {}
      return { keyId, place: places.get(keyId), sessions, tokens, lastDeadline }
    }
    const others = [...seen.keys()].filter((keyId) => !places.has(keyId))
    return [...places.keys(), ...others].map(useOf)
  }

  /**
   * Seals all with the first secret, by compare-and-set, while the applications go on. Lifetimes stay as they are. All
   * nodes have to have that secret: one that has not signs out whose session it cannot open.
   * @throws StoreUnavailableError, StoreRefusedError; also where the audit cannot be told before
   */
  async reseal({ operator, found, signal, ...pass }: ResealOptions): Promise<Resealed> {
    const counts = { resealed: 0, tokenSealed: 0, unopened: 0, left: 0 }
    await this.#sessions.beginOperation({ operator, action: 'reseal', found })
    const started = performance.now()
    try {
      for await (const page of paced(this.#engine.scan(), pass)) {
        const due = page.filter(({ record }) => keyIdOf(record) !== this.#keyring.primary.id)
        for (let from = 0; from < due.length; from += AT_ONCE) {
          if (signal?.aborted === true) return counts
          const some = due.slice(from, from + AT_ONCE)
          const ends = await Promise.all(some.map((each) => this.#resealOne(each)))
          for (const end of ends) counts[end]++
          const earliest = (counts.resealed / RESEALED_A_SECOND) * 1_000
          const ahead = earliest - (performance.now() - started)
          if (ahead > 0) await sleep(ahead)
        }
        if (signal?.aborted === true) return counts
      }
      return counts
    } finally {
      await this.#sessions.endOperation({ operator, action: 'resealed', found: counts.resealed })
    }
  }

  async #resealOne({ id, record: found }: ScannedRecord): Promise<keyof Resealed> {
    let record = found
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      // Rotated meanwhile, and so sealed anew.
      if (isTrail(record)) return 'left'
      const context = { keyring: this.#keyring, id, token: undefined }
      const opened = openRecord(record, context)
      if (opened.status === 'rejected') {
        return opened.reason === 'token-needed' ? 'tokenSealed' : 'unopened'
      }
      const { header, key, attributes } = opened
      if (key === this.#keyring.primary) return 'left'
      const meta = withTokenKey(opened.meta, tokenKeyOf(opened.meta) ?? key.id)
      const next = { ...header, revision: nextRevision(header.revision) }
      const encoded = encodeRecord(next, { attributes, meta }, context, settingsOf(record))
      const result = await this.#engine.commit(id, stampOf(record), encoded, undefined)
      if (result.status === 'done') return 'resealed'
      if (result.status === 'gone') return 'left'
      record = result.stored.record
    }
    return 'left'
  }

  close(): Promise<void> {
    return this.#sessions.close()
  }
}
