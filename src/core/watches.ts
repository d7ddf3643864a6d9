import { equalBytes } from './crypto.ts'
import {
  type Engine,
  hasNearReads,
  type SessionId,
  type Stamp,
  type Stored,
  stampOf,
} from './engine.ts'
import { isTrail } from './record.ts'
import { successorOf } from './trail.ts'

/** Whom to tell. Neither may throw. */
export interface Watcher {
  /** The id under which the session stands now. */
  id: SessionId
  /** Set when it does not want to be told any more, also by another that is told just now. */
  isClosed?: boolean
  ended(): void
  changed(): void
}

/** After so long a store that could not be asked is asked again, milliseconds. */
const RETRY = 1_000
/** Where the store does not tell of changes it is asked so often, milliseconds. */
const POLL = 1_000
/** `setTimeout` takes no more. */
const LONGEST_TIMER = 2 ** 31 - 1
/** After a lost connection all watched sessions are asked for again: so many at once, then a pause. */
const BURST = 100
const BURST_PAUSE = 10

/**
 * Sessions that somebody wants to see the end of. What the store says of a change is only that there
 * was one: the session is asked for, once for all who watch it. That a store cannot be asked is no end.
 */
export class Watches {
  readonly #engine: Engine
  readonly #watched = new Map<SessionId, Watched>()
  #started = 0

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /**
   * @param stamp of the record that the watcher knows; without it changes count from now on
   * @returns a function that ends it
   */
  add(watcher: Watcher, stamp?: Stamp): () => void {
    this.#enter(watcher, stamp)
    return () => {
      watcher.isClosed = true
      this.#watched.get(watcher.id)?.remove(watcher)
    }
  }

  close(): void {
    for (const watched of this.#watched.values()) watched.close()
    this.#watched.clear()
  }

  #enter(watcher: Watcher, stamp: Stamp | undefined): void {
    const { id } = watcher
    let watched = this.#watched.get(id)
    if (watched === undefined) {
      watched = new Watched(this.#engine, id, stamp, {
        turn: () => this.#turn(),
        moved: (to, watchers) => {
          this.#watched.delete(id)
          for (const each of watchers) {
            if (each.isClosed === true) continue
            each.id = to
            this.#enter(each, undefined)
            each.changed()
          }
        },
        empty: () => this.#watched.delete(id),
      })
      this.#watched.set(id, watched)
    }
    watched.add(watcher, stamp)
  }

  /** Milliseconds to wait before the store is asked, so that a fleet does not ask for everything at once. */
  #turn(): number {
    if (this.#started === 0) {
      setImmediate(() => {
        this.#started = 0
      })
    }
    return Math.floor(this.#started++ / BURST) * BURST_PAUSE
  }
}

interface WatchedEvents {
  turn(): number
  /** A rotation: the session goes on under another id. */
  moved(to: SessionId, watchers: readonly Watcher[]): void
  empty(): void
}

/** One session. */
class Watched {
  readonly #engine: Engine
  readonly #id: SessionId
  readonly #events: WatchedEvents
  readonly #watchers = new Set<Watcher>()
  readonly #unwatch: (() => void) | undefined
  #stamp: Stamp | undefined
  #timer: NodeJS.Timeout | undefined
  #asking = false
  #again = false
  #closed = false

  constructor(engine: Engine, id: SessionId, stamp: Stamp | undefined, events: WatchedEvents) {
    this.#engine = engine
    this.#id = id
    this.#stamp = stamp
    this.#events = events
    this.#unwatch = hasNearReads(engine) ? engine.watch(id, () => this.#ask()) : undefined
    this.#ask()
  }

  add(watcher: Watcher, stamp: Stamp | undefined): void {
    this.#watchers.add(watcher)
    // It may know an older state than this one does.
    const isOlder = stamp !== undefined && this.#stamp !== undefined
    if (isOlder && !equalBytes(stamp, this.#stamp as Stamp)) watcher.changed()
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0 || this.#closed) return
    this.close()
    this.#events.empty()
  }

  close(): void {
    this.#closed = true
    this.#unwatch?.()
    clearTimeout(this.#timer)
  }

  #ask(): void {
    if (this.#asking) {
      this.#again = true
      return
    }
    this.#asking = true
    this.#later(this.#events.turn(), () => void this.#run())
  }

  async #run(): Promise<void> {
    do {
      this.#again = false
      let stored: Stored | undefined
      try {
        // Read through the connection on which the store tells of changes, so that it tells of the next.
        stored = await this.#engine.load(this.#id, { fresh: true })
      } catch {
        if (!this.#closed) this.#later(RETRY, () => void this.#run())
        return
      }
      if (this.#closed) return
      if (!this.#goesOn(stored)) return
    } while (this.#again)
    this.#asking = false
  }

  /** @returns whether there is anything left to watch here */
  #goesOn(stored: Stored | undefined): boolean {
    const trail = stored !== undefined && isTrail(stored.record) ? stored.record : undefined
    const successor = trail && successorOf(trail)
    if (stored === undefined || (trail !== undefined && successor === undefined)) {
      const watchers = this.#leave()
      this.#events.empty()
      for (const watcher of watchers) if (watcher.isClosed !== true) watcher.ended()
      return false
    }
    if (successor !== undefined) {
      this.#events.moved(successor, this.#leave())
      return false
    }
    const stamp = stampOf(stored.record)
    const isChanged = this.#stamp !== undefined && !equalBytes(this.#stamp, stamp)
    this.#stamp = stamp
    if (isChanged) for (const watcher of [...this.#watchers]) watcher.changed()
    this.#lookAgainIn(stored.ttl)
    return !this.#closed
  }

  /** Redis tells of expired keys late, and some stores tell of nothing. */
  #lookAgainIn(ttl: number): void {
    const isTold = hasNearReads(this.#engine) && this.#engine.nearCache.state !== 'off'
    const pause = isTold ? ttl + 1 : Math.min(ttl + 1, POLL)
    this.#later(pause, () => this.#ask())
  }

  #leave(): Watcher[] {
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    this.close()
    return watchers
  }

  #later(ms: number, work: () => void): void {
    clearTimeout(this.#timer)
    if (ms === 0) return queueMicrotask(work)
    this.#timer = setTimeout(work, Math.min(ms, LONGEST_TIMER))
    this.#timer.unref()
  }
}
