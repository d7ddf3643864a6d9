import { type Clock, systemClock } from '../../core/clock.ts'
import {
  type CreateResult,
  type DestroyResult,
  descriptorHead,
  type Engine,
  isTrail,
  type ListedSession,
  type SessionId,
  type Stamp,
  type Stored,
  stampOf,
  type WriteResult,
} from '../../core/engine.ts'
import type {
  Audits,
  ExpiryEvents,
  Insights,
  Listing,
  NearReads,
  Permits,
  ScannedRecord,
} from '../../core/engine-abilities.ts'
import { OptionError, StoreRefusedError, StoreUnavailableError } from '../../core/errors.ts'
import { settledForward, successorOf } from '../../core/trail.ts'
import { excess } from '../limits.ts'
import { Watchers } from '../watchers.ts'
import { AuditList } from './audit-list.ts'
import { ExpiryListeners } from './expiry-listeners.ts'
import { DayCounters, sampleOf } from './insight.ts'
import { PermitTimes } from './permits.ts'
import { type Entry, type MutableHeld, RecordStore, release } from './record-store.ts'
import { startSweeper } from './sweeper.ts'

export interface MemoryEngineOptions {
  /** Where time comes from. Lifetimes run on its monotonic side. */
  readonly clock?: Clock
  /** Records kept at most, 2 or more; 100,000 by default. Those with the least lifetime go first. */
  readonly maxSessions?: number
  /** Milliseconds between two sweeps of expired records; 1,000 by default. */
  readonly sweepInterval?: number
}

export interface MemoryEngineStats {
  /** Records held, those that expired and are not swept yet among them. */
  readonly records: number
  /** Principals with at least one session. */
  readonly principals: number
  /** Records that left before their time because the engine was full. */
  readonly evicted: number
  /** Sessions that expired. */
  readonly expired: number
}

export interface MemoryEngine
  extends Engine,
    Audits,
    ExpiryEvents,
    Insights,
    Listing,
    NearReads,
    Permits {
  stats(): MemoryEngineStats
}

/** As many as the scripts of the Redis engine follow. */
const MOST_FORWARDS = 64
/** Expired records that any call clears away beside its own work. */
const SWEEP_PER_CALL = 4
/** Records that are copied at a time. */
const SCAN_PAGE = 500

/**
 * Sessions in this process: the embedded default, for development, tests and single nodes. It is
 * also the reference of the contract. Each call does its work synchronously, which makes it atomic.
 * Throws `OptionError`.
 */
export function memoryEngine(options: MemoryEngineOptions = {}): MemoryEngine {
  const { clock = systemClock, maxSessions = 100_000, sweepInterval = 1_000 } = options
  if (!Number.isSafeInteger(maxSessions) || maxSessions < 2) {
    throw new OptionError('maxSessions', 'takes a whole number, 2 or more (a rotation leaves two)')
  }
  if (!isLifetime(sweepInterval) || sweepInterval > 2 ** 31 - 1) {
    throw new OptionError('sweepInterval', 'takes whole milliseconds, 1 or more')
  }

  const listeners = new ExpiryListeners()
  const watchers = new Watchers()
  const audit = new AuditList(clock)
  const counters = new DayCounters()
  const permits = new PermitTimes()
  const store = new RecordStore(
    maxSessions,
    (session) => listeners.announce(session),
    (id) => watchers.notify(id),
  )
  let hits = 0
  let misses = 0
  const sweeper = startSweeper(sweepInterval, (limit) => {
    if (store.sweep(clock.monotonic(), limit)) return 'due'
    return store.size > 0 ? 'waiting' : 'empty'
  })
  let closed = false

  function expiryOf(entry: Entry, now: number): number {
    return clock.now() + remaining(entry, now)
  }

  /** The frame of every call. The function is async: what is thrown inside arrives as a rejection. */
  async function call<T>(work: (now: number) => T): Promise<T> {
    if (closed) throw new StoreUnavailableError('the memory engine is closed', false)
    const now = clock.monotonic()
    store.sweep(now, SWEEP_PER_CALL)
    const result = work(now)
    if (store.size > 0) sweeper.wake()
    return result
  }

  /** Finds the record and compares its stamp; `write` runs only if it is `base`, or none is asked. */
  function write(
    id: SessionId,
    base: Stamp | undefined,
    now: number,
    action: (entry: Entry) => void,
  ): WriteResult {
    const entry = store.find(id, now)
    if (entry === undefined) return { status: 'gone' }
    if (base !== undefined && !sameBytes(stampOf(entry.record), base)) return conflict(entry, now)
    action(entry)
    return { status: 'done' }
  }

  /** The live sessions of a principal, oldest first; their descriptors are the store's own. */
  function listed(partition: string, ownerTag: string, now: number): ListedSession[] {
    return store.sessionsOf(partition, ownerTag, now).map(({ entry, descriptor }) => {
      return { id: entry.id, descriptor, ttl: remaining(entry, now) }
    })
  }

  function end(id: SessionId, now: number): void {
    const entry = store.find(id, now)
    if (entry !== undefined) store.remove(entry)
  }

  /** Where the forwards lead that rotations have left. */
  function leadsTo(from: SessionId, now: number): SessionId {
    let id = from
    for (let hops = 0; hops < MOST_FORWARDS; hops++) {
      const entry = store.find(id, now)
      const successor = entry && successorOf(entry.record)
      if (successor === undefined) break
      id = successor
    }
    return id
  }

  return {
    name: 'memory',

    // As reliable as this process: with it go the sessions as well.
    expiry: 'reliable',

    audit,

    now: () => clock.now(),

    ready: () => call(() => undefined),

    load: (id) =>
      call((now) => {
        misses++
        const entry = store.find(id, now)
        return entry && stored(entry, now)
      }),

    create: (id, record, ttl, owner, limit) =>
      call((now): CreateResult => {
        checkLifetimes(ttl, owner?.ttl)
        if (store.find(id, now) !== undefined) return { status: 'exists' }
        let evicted: readonly SessionId[] = []
        if (owner !== undefined && limit !== undefined) {
          const leaving = limit.replaces && leadsTo(limit.replaces, now)
          const others = listed(id.slice(0, 3), owner.tag, now).filter((s) => s.id !== leaving)
          const { kind } = descriptorHead(owner.descriptor)
          const passed = excess(others, limit, kind, 1)
          if (limit.policy === 'reject' && passed.limit !== undefined) {
            return { status: 'rejected', limit: passed.limit }
          }
          evicted = passed.surplus
          for (const each of evicted) end(each, now)
        }
        store.makeRoom(1, now)
        const entry = store.add(id, new Uint8Array(record), now + ttl)
        if (owner !== undefined) store.list(entry, owner, now)
        return { status: 'created', evicted }
      }),

    commit: (id, base, record, ttl) =>
      call((now) => {
        checkLifetimes(ttl)
        return write(id, base, now, (entry) => {
          entry.record = new Uint8Array(record)
          release(entry)
          if (ttl !== undefined) store.setDeadline(entry, now + ttl)
          watchers.notify(id)
        })
      }),

    touch: (id, base, ttl) =>
      call((now) => {
        checkLifetimes(ttl)
        return write(id, base, now, (entry) => {
          store.setDeadline(entry, now + ttl)
          if (entry.held !== undefined) entry.held.expiresAt = expiryOf(entry, now)
        })
      }),

    rotate: (from, base, to, record, ttl, { trail, owner } = {}) =>
      call((now) => {
        checkLifetimes(ttl, trail?.ttl, owner?.ttl)
        const current = store.find(from, now)
        if (current !== undefined && store.find(to, now) !== undefined)
          return conflict(current, now)
        return write(from, base, now, (entry) => {
          store.remove(entry)
          // Room for both at once: the trail, short-lived as it is, must not be the first to go.
          store.makeRoom(trail === undefined ? 1 : 2, now)
          if (trail !== undefined) store.add(from, new Uint8Array(trail.record), now + trail.ttl)
          const successor = store.add(to, new Uint8Array(record), now + ttl)
          if (owner !== undefined) store.list(successor, owner, now)
        })
      }),

    settle: (id, until) =>
      call((now) => {
        const entry = store.find(id, now)
        const settled = entry && settledForward(entry.record, until)
        if (entry === undefined || settled === undefined) return
        entry.record = settled
        release(entry)
        watchers.notify(id)
      }),

    // A record's index entry always goes with it, so the owner's tag is not needed here.
    destroy: (id, { base, spareTrail, trail } = {}) =>
      call((now): DestroyResult => {
        checkLifetimes(trail?.ttl)
        const entry = store.find(id, now)
        const record = spareTrail === true ? entry?.record : undefined
        if (entry !== undefined && record !== undefined && isTrail(record))
          return conflict(entry, now)
        const result = write(id, base, now, (found) => {
          store.remove(found)
          if (trail !== undefined) store.add(id, new Uint8Array(trail.record), now + trail.ttl)
        })
        return record === undefined ? result : { status: 'done', ended: record }
      }),

    list: (partition, ownerTag) =>
      call((now) =>
        listed(partition, ownerTag, now).map((session) => {
          return { ...session, descriptor: new Uint8Array(session.descriptor) }
        }),
      ),

    revokeAll: (partition, ownerTag, { except, ended: told } = {}) =>
      call((now) => {
        const spared = except && leadsTo(except, now)
        const ended = listed(partition, ownerTag, now).filter(({ id }) => id !== spared)
        for (const { id } of ended) end(id, now)
        const ids = ended.map(({ id }) => id)
        told?.(ids)
        return ids
      }),

    // It holds all of them; with many more a token is verified anew now and then.
    mostHeld: 100_000,

    peek: (id) => {
      const now = clock.monotonic()
      const entry = closed ? undefined : store.find(id, now)
      if (entry === undefined) return undefined
      hits++
      entry.held ??= {
        record: entry.record,
        expiresAt: expiryOf(entry, now),
        opened: undefined,
      }
      return entry.held
    },

    holds: (id, held) => {
      const isHeld = !closed && store.find(id, clock.monotonic())?.held === held
      if (isHeld) hits++
      return isHeld
    },

    peekLate: () => undefined,

    held: (id) => store.find(id, clock.monotonic())?.held,

    remember: (_, held, opened) => {
      ;(held as MutableHeld).opened = opened
    },

    watch: (id, listener) => watchers.add(id, listener),

    get nearCache() {
      return {
        ...{ state: 'on' as const, reason: undefined, hits, misses, entries: store.size },
        ...{ bytes: 0, invalidations: 0, evictions: 0, age: 0 },
      }
    },

    close: async () => {
      closed = true
      sweeper.stop()
      store.clear()
      listeners.clear()
      audit.close()
      permits.clear()
    },

    onExpired: (tell, failed = () => undefined, { yields } = {}) =>
      listeners.add({ tell, failed, yields }),

    permit: (_partition, name, max, per) => call((now) => permits.permit(name, now, max, per)),

    addGaps: (counts) => call(() => counters.add(clock.now(), counts)),

    gaps: (days) => call(() => counters.sum(clock.now(), days)),

    sampleTtls: (most) =>
      call((now) => {
        const live = store.sessions(now)
        return sampleOf(
          live.map((entry) => remaining(entry, now)),
          most,
        )
      }),

    async *scan() {
      const ids = await call((now) => store.sessions(now).map(({ id }) => id))
      for (let at = 0; at < ids.length; at += SCAN_PAGE) {
        yield await call((now) => {
          const page: ScannedRecord[] = []
          for (const id of ids.slice(at, at + SCAN_PAGE)) {
            const entry = store.find(id, now)
            if (entry !== undefined && !isTrail(entry.record))
              page.push({ id, ...stored(entry, now) })
          }
          return page
        })
      }
    },

    stats: () => ({
      records: store.size,
      principals: store.principals,
      evicted: store.evicted,
      expired: store.expired,
    }),
  }
}

function conflict(entry: Entry, now: number): WriteResult {
  return { status: 'conflict', stored: stored(entry, now) }
}

function stored(entry: Entry, now: number): Stored {
  return { record: new Uint8Array(entry.record), ttl: remaining(entry, now) }
}

/** Rounded: the monotonic clock has fractions, and sums of them are not exact. */
function remaining(entry: Entry, now: number): number {
  return Math.max(1, Math.round(entry.deadline - now))
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false
  return true
}

/** Redis refuses such a lifetime; the embedded engine must not be the one that lets it pass. */
function checkLifetimes(...lifetimes: ReadonlyArray<number | undefined>): void {
  for (const ttl of lifetimes) {
    if (ttl !== undefined && !isLifetime(ttl)) {
      throw new StoreRefusedError('ERR', `invalid lifetime ${ttl}: takes whole milliseconds ≥ 1`)
    }
  }
}

function isLifetime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 1
}
