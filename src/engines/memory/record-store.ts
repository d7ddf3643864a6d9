import { type Held, isTrail, type Owner, type SessionId } from '../../core/engine.ts'
import type { Expired } from '../../core/engine-abilities.ts'
import { ExpiryHeap } from './expiry-heap.ts'

/** The sessions of one principal. */
export interface PrincipalIndex {
  readonly key: string
  deadline: number
  /** The descriptor of each session. */
  readonly sessions: Map<SessionId, Uint8Array>
}

export interface MutableHeld extends Held {
  record: Uint8Array
  expiresAt: number
  opened: unknown
}

/** One stored record. */
export interface Entry {
  readonly id: SessionId
  record: Uint8Array
  /** What readers hold of this record; another one when the record is another one. */
  held: MutableHeld | undefined
  /** On the monotonic clock, as all times here. */
  deadline: number
  position: number
  /** The index that lists it. The entry there goes when the record goes: no index outgrows the store. */
  index: PrincipalIndex | undefined
}

const NOTHING = new Uint8Array(0)

/** The record is another one, or gone: readers may keep what they hold of it, and it must not keep the record. */
export function release(entry: Entry): void {
  if (entry.held === undefined) return
  Object.assign(entry.held, { record: NOTHING, opened: undefined })
  entry.held = undefined
}

/** Records under their deadlines, and the principals' indexes. Knows nothing of stamps and results. */
export class RecordStore {
  /** Sessions that had to leave before their time because the store was full. */
  evicted = 0
  expired = 0
  readonly #maxRecords: number
  readonly #onExpired: (session: Expired) => void
  readonly #onRemoved: (id: SessionId) => void
  readonly #entries = new Map<SessionId, Entry>()
  readonly #heap = new ExpiryHeap<Entry>()
  readonly #indexes = new Map<string, PrincipalIndex>()

  /** @param onRemoved told of every record that goes, for whichever reason */
  constructor(
    maxRecords: number,
    onExpired: (session: Expired) => void,
    onRemoved: (id: SessionId) => void,
  ) {
    this.#maxRecords = maxRecords
    this.#onExpired = onExpired
    this.#onRemoved = onRemoved
  }

  get size(): number {
    return this.#entries.size
  }

  get principals(): number {
    return this.#indexes.size
  }

  find(id: SessionId, now: number): Entry | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.deadline > now) return entry
    this.#expire(entry)
    return undefined
  }

  /** Removes records until `count` more fit; those with the least remaining lifetime go first. */
  makeRoom(count: number, now: number): void {
    while (this.#entries.size + count > this.#maxRecords) {
      const first = this.#heap.first
      if (first === undefined) return
      if (first.deadline <= now) {
        this.#expire(first)
      } else {
        this.remove(first)
        this.evicted += 1
      }
    }
  }

  /** Takes over `record`: the caller hands in its own copy. The id must be free, and room be made. */
  add(id: SessionId, record: Uint8Array, deadline: number): Entry {
    const entry: Entry = { id, record, held: undefined, deadline, position: 0, index: undefined }
    this.#entries.set(id, entry)
    this.#heap.add(entry)
    return entry
  }

  setDeadline(entry: Entry, deadline: number): void {
    entry.deadline = deadline
    this.#heap.moved(entry)
  }

  remove(entry: Entry): void {
    release(entry)
    this.#entries.delete(entry.id)
    this.#heap.remove(entry)
    this.unlist(entry)
    this.#onRemoved(entry.id)
  }

  /** Removes at most `limit` expired records; true when more of them are due. */
  sweep(now: number, limit: number): boolean {
    for (let left = limit; ; left -= 1) {
      const first = this.#heap.first
      if (first === undefined || first.deadline > now) return false
      if (left === 0) return true
      this.#expire(first)
    }
  }

  /** Enters the session in its owner's index, which then lives at least as long as the owner says. */
  list(entry: Entry, owner: Owner, now: number): void {
    const key = indexKey(entry.id, owner.tag)
    let index = this.#indexOf(key, now)
    if (index === undefined) {
      index = { key, deadline: 0, sessions: new Map() }
      this.#indexes.set(key, index)
    }
    index.deadline = Math.max(index.deadline, now + owner.ttl)
    index.sessions.set(entry.id, new Uint8Array(owner.descriptor))
    entry.index = index
  }

  unlist(entry: Entry): void {
    const index = entry.index
    if (index === undefined) return
    entry.index = undefined
    index.sessions.delete(entry.id)
    if (index.sessions.size === 0) this.#drop(index)
  }

  /** The live sessions of a principal, oldest first. */
  sessionsOf(partition: string, tag: string, now: number): Listed[] {
    const index = this.#indexOf(indexKey(partition, tag), now)
    if (index === undefined) return []
    const listed: Listed[] = []
    for (const [id, descriptor] of [...index.sessions]) {
      const entry = this.find(id, now)
      if (entry !== undefined) listed.push({ entry, descriptor })
    }
    return listed.sort(byCreation)
  }

  /** All that are live, in the order in which they were made. */
  sessions(now: number): Entry[] {
    return [...this.#entries.values()].filter((e) => e.deadline > now && !isTrail(e.record))
  }

  clear(): void {
    this.#entries.clear()
    this.#heap.clear()
    this.#indexes.clear()
  }

  #indexOf(key: string, now: number): PrincipalIndex | undefined {
    const index = this.#indexes.get(key)
    if (index === undefined || index.deadline > now) return index
    this.#drop(index)
    return undefined
  }

  /** A dropped index may still be known to sessions that outlived it: its successor must stay. */
  #drop(index: PrincipalIndex): void {
    if (this.#indexes.get(index.key) === index) this.#indexes.delete(index.key)
  }

  #expire(entry: Entry): void {
    const { id, index } = entry
    const descriptor = index?.sessions.get(id)
    this.remove(entry)
    // What a rotation or a login leaves at an id is no session.
    if (isTrail(entry.record)) return
    this.expired += 1
    const owner = index && descriptor && { tag: index.key.slice(3), descriptor }
    this.#onExpired({ id, owner })
  }
}

export interface Listed {
  readonly entry: Entry
  readonly descriptor: Uint8Array
}

function indexKey(partitionOrId: string, tag: string): string {
  return partitionOrId.slice(0, 3) + tag
}

function byCreation(a: Listed, b: Listed): number {
  const difference = createdAt(a.descriptor) - createdAt(b.descriptor)
  return difference !== 0 ? difference : a.entry.id < b.entry.id ? -1 : 1
}

/** Unsigned 48 bit, big endian, from byte 1. */
function createdAt(descriptor: Uint8Array): number {
  let time = 0
  for (let i = 1; i < 7; i += 1) time = time * 256 + (descriptor[i] ?? 0)
  return time
}
