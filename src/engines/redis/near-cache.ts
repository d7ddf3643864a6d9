import type { Held, SessionId } from '../../core/engine.ts'
import { stampOf } from '../../core/engine.ts'
import type { NearCacheStats } from '../../core/engine-abilities.ts'
import { Generations } from '../../core/generations.ts'
import { Watchers } from '../watchers.ts'

export interface NearCacheLimits {
  /** Milliseconds. */
  readonly maxStaleness: number
  readonly maxEntries: number
  /** Estimated. */
  readonly maxBytes: number
}

/** An answer may be as old as its question: one from long ago is not joined. Part of `maxStaleness`. */
const JOINED_WITHIN = 0.25
/** What an entry takes beside its record and what was made of it. Measured (docs/decisions/0016). */
const ENTRY_BYTES = 900

const NOTHING = new Uint8Array(0)

export type WatchersOfNear = Pick<Watchers, 'add' | 'notify' | 'notifyAll'>

class Entry implements Held {
  record: Uint8Array
  expiresAt: number
  opened: unknown = undefined
  /** Of `opened`, estimated. */
  openedBytes = 0
  /** Where it stands in the cache: while this is its youngest, the entry is in there. */
  generation = 0

  constructor(record: Uint8Array, expiresAt: number) {
    // Answers are slices of the chunks that came from the socket, and would keep all of them.
    const isSlice = record.byteLength !== record.buffer.byteLength
    this.record = isSlice ? new Uint8Array(record) : record
    this.expiresAt = expiresAt
  }
}

/**
 * A question or a command under way for one id. The newest counts: answers come in the order in which
 * the server carried things out. It is gone when the id was invalidated meanwhile, and then the
 * answer must not be kept: the news that outdated it has come already and will not come again.
 */
export interface Hold {
  /** When it was sent, by the server's clock. */
  readonly sentAt: number
  /** Of a read: what others who ask the same may wait for. */
  answer: Promise<unknown> | undefined
}

/**
 * The records that one connection has read, true for as long as that connection lives: the server
 * tells on it when one of them changes (docs/decisions/0015). No I/O here.
 *
 * Three things end an entry: the server's word, its own deadline (Redis tells of expired keys late), and
 * silence: entries count only while the last answered heartbeat was sent less than `maxStaleness` ago.
 */
export class NearCache {
  readonly #limits: NearCacheLimits
  readonly #now: () => number
  readonly #entries: Generations<Entry>
  readonly #holds = new Map<SessionId, Hold>()
  readonly #watchers: WatchersOfNear
  /** By the server's clock. */
  #freshUntil = Number.NEGATIVE_INFINITY
  /** When the question was sent that was answered last. Outlasts the connection. */
  #confirmedAt = Number.NEGATIVE_INFINITY
  #state: NearCacheStats['state'] = 'connecting'
  #reason: string | undefined
  #hits = 0
  #misses = 0
  #invalidations = 0

  /**
   * @param now the server's clock as this process sees it: monotonic, whole milliseconds
   * @param watchers who watch what can be here; they outlast it where what is here can move
   */
  constructor(
    limits: NearCacheLimits,
    now: () => number,
    watchers: WatchersOfNear = new Watchers(),
  ) {
    this.#limits = limits
    this.#now = now
    this.#watchers = watchers
    this.#entries = new Generations({
      maxCount: limits.maxEntries,
      weight: { max: limits.maxBytes, of: weigh },
      placed: (entry, generation) => {
        entry.generation = generation
      },
      left,
    })
  }

  /** @param part of the limits that it has, the others being elsewhere; from 0 to 1 */
  resize(part: number): void {
    const { maxEntries, maxBytes } = this.#limits
    this.#entries.resize(Math.max(maxEntries * part, 2), maxBytes * part)
  }

  peek(id: SessionId, now: number): Held | undefined {
    if (now < this.#freshUntil) {
      const entry = this.#entries.get(id)
      if (entry !== undefined && now < entry.expiresAt) {
        this.#hits++
        return entry
      }
    }
    return undefined
  }

  /** Whether `peek` would give this entry, without looking for it. `false` also where it would have to look. */
  holds(held: Held, now: number): boolean {
    const entry = held as Entry
    if (entry.generation !== this.#entries.young) return false
    if (now >= this.#freshUntil || now >= entry.expiresAt) return false
    this.#hits++
    return true
  }

  /** While the server does not answer: what it has last said, at most so long ago. @param grace milliseconds */
  peekLate(id: SessionId, now: number, grace: number): Held | undefined {
    if (now - this.#confirmedAt > grace) return undefined
    const entry = this.#entries.get(id)
    return entry !== undefined && now < entry.expiresAt ? entry : undefined
  }

  /** A read goes to the server. */
  miss(): void {
    this.#misses++
  }

  held(id: SessionId): Held | undefined {
    return this.#entries.get(id)
  }

  remember(id: SessionId, held: Held, opened: unknown, bytes: number): void {
    const entry = held as Entry
    this.#entries.update(id, entry, () => {
      entry.opened = opened
      entry.openedBytes = bytes
    })
  }

  /** Must be called before the command is sent. */
  hold(id: SessionId): Hold {
    const hold: Hold = { sentAt: this.#now(), answer: undefined }
    this.#holds.set(id, hold)
    return hold
  }

  /** The read that is under way, if it was sent just now and nothing has come in between. */
  underWay(id: SessionId): Promise<unknown> | undefined {
    const hold = this.#holds.get(id)
    if (hold?.answer === undefined) return undefined
    const isRecent = this.#now() - hold.sentAt < this.#limits.maxStaleness * JOINED_WITHIN
    return isRecent ? hold.answer : undefined
  }

  /** The answer of a command says what is stored now. @param ttl milliseconds */
  keep(id: SessionId, hold: Hold, record: Uint8Array, ttl: number): void {
    if (this.#settle(id, hold)) this.#entries.set(id, new Entry(record, hold.sentAt + ttl))
  }

  /** The answer of a command says that the record is the same and ends later. */
  renew(id: SessionId, hold: Hold, stamp: Uint8Array, ttl: number): void {
    if (!this.#settle(id, hold)) return
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    if (Buffer.compare(stampOf(entry.record), stamp) === 0) entry.expiresAt = hold.sentAt + ttl
    else this.#entries.delete(id)
  }

  /** The answer of a command says nothing to keep, or it has none. */
  release(id: SessionId, hold: Hold): void {
    this.#settle(id, hold)
    this.#entries.delete(id)
  }

  /** A read has failed: what is known is as true as before. */
  forgo(id: SessionId, hold: Hold): void {
    if (this.#holds.get(id) === hold) this.#holds.delete(id)
  }

  /** It has been ended or changed, by whomever: nothing that is known or asked counts any more. */
  drop(id: SessionId): void {
    this.#entries.delete(id)
    this.#holds.delete(id)
    this.notify(id)
  }

  /** Tells the watchers; by itself only for what this process has changed: the server does not tell us. */
  notify(id: SessionId): void {
    this.#watchers.notify(id)
  }

  /** A message of the server. @param id undefined: all of them */
  invalidate(id: SessionId | undefined): void {
    this.#invalidations++
    if (id === undefined) this.clear()
    else this.drop(id)
  }

  /** Nothing that was known counts any more, nor what is still to be answered. */
  clear(): void {
    this.#forget()
    this.#watchers.notifyAll()
  }

  /** The connection is there, and the server tells on it of changes. */
  turnOn(): void {
    this.#state = 'on'
    this.#reason = undefined
    this.clear()
  }

  /** The server does not tell of changes, or is not to. */
  turnOff(reason: string): void {
    this.#state = 'off'
    this.#reason = reason
    this.#freshUntil = Number.NEGATIVE_INFINITY
    this.clear()
  }

  /** The connection is gone, and with it what would have been told. Watchers are told when there is a new one: before, they could not ask. */
  disconnect(): void {
    if (this.#state === 'on') this.#state = 'connecting'
    this.#freshUntil = Number.NEGATIVE_INFINITY
    // Not the entries: nothing is served of them but by `peekLate`, until there is a connection again.
    this.#holds.clear()
  }

  /** Its times are not to be relied on: the clock that they are of was set back. */
  doubt(): void {
    this.#freshUntil = Number.NEGATIVE_INFINITY
    this.#confirmedAt = Number.NEGATIVE_INFINITY
    this.clear()
  }

  /** The server has answered a question that was sent then. */
  confirm(sentAt: number): void {
    // By the clock before it was set back: it would count for too long.
    if (sentAt > this.#now()) return
    if (this.#state !== 'on') return
    this.#freshUntil = sentAt + this.#limits.maxStaleness
    this.#confirmedAt = sentAt
  }

  watch(id: SessionId, listener: () => void): () => void {
    return this.#watchers.add(id, listener)
  }

  get stats(): NearCacheStats {
    const sentAt = this.#freshUntil - this.#limits.maxStaleness
    return {
      state: this.#state,
      reason: this.#reason,
      entries: this.#entries.size,
      bytes: Math.round(this.#entries.weight),
      hits: this.#hits,
      misses: this.#misses,
      invalidations: this.#invalidations,
      evictions: this.#entries.evicted,
      age: Number.isFinite(sentAt) ? this.#now() - sentAt : undefined,
    }
  }

  #forget(): void {
    this.#entries.clear()
    this.#holds.clear()
  }

  /** @returns whether the answer may be kept */
  #settle(id: SessionId, hold: Hold): boolean {
    if (this.#holds.get(id) === hold) {
      this.#holds.delete(id)
      if (this.#state === 'on') return true
    }
    // Overtaken: what stands here may be from before this command, and who has sent it must see it.
    this.#entries.delete(id)
    return false
  }
}

/** Whoever has looked at it before may keep it: what it weighs must not be kept with it. */
function left(entry: Entry): void {
  entry.generation = 0
  entry.record = NOTHING
  entry.opened = undefined
}

function weigh(entry: Entry): number {
  return ENTRY_BYTES + entry.record.length + entry.openedBytes
}
