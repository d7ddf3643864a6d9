import { Bursts } from './bursts.ts'
import { equalBytes } from './crypto.ts'
import { type Engine, isTrail, type SessionId, type Stamp, type Stored, stampOf } from './engine.ts'
import { hasNearReads } from './engine-abilities.ts'
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

/** A store that could not be asked is asked again after so long, or up to twice as long, milliseconds. */
const RETRY = 1_000
/** Where the store does not tell of changes it is asked so often, milliseconds. */
const POLL = 1_000
/** `setTimeout` takes no more. */
const LONGEST_TIMER = 2 ** 31 - 1
/** After a lost connection all watched sessions are asked for again: so many at once, then a pause. */
const BURST = 100
/** Milliseconds. */
const BURST_PAUSE = 10

/**
 * Sessions that somebody wants to see the end of. What the store says of a change is only that there
 * was one: the session is asked for, once for all who watch it. That a store cannot be asked is no end.
 */
export class Watches {
  readonly #engine: Engine
  readonly #watched = new Map<SessionId, Watched>()
  readonly #bursts = new Bursts(BURST, BURST_PAUSE)

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

  /** Whatever the store says: the session is not to go on in this process. */
  end(id: SessionId): void {
    this.#watched.get(id)?.end()
  }

  close(): void {
    for (const watched of this.#watched.values()) watched.close()
    this.#watched.clear()
  }

  #enter(watcher: Watcher, stamp: Stamp | undefined): void {
    const { id } = watcher
    let watched = this.#watched.get(id)
    if (watched === undefined) {
      watched = new Watched(this.#engine, this.#bursts, id, stamp, {
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
}

interface WatchedEvents {
  /** A rotation: the session goes on under another id. */
  moved(to: SessionId, watchers: readonly Watcher[]): void
  empty(): void
}

/** One session. */
class Watched {
  readonly #engine: Engine
  readonly #bursts: Bursts
  readonly #id: SessionId
  readonly #events: WatchedEvents
  readonly #watchers = new Set<Watcher>()
  readonly #unwatch: (() => void) | undefined
  #stamp: Stamp | undefined
  readonly #turn = (): void => void this.#load()
  #timer: NodeJS.Timeout | undefined
  #asking = false
  #again = false
  #closed = false

  constructor(
    engine: Engine,
    bursts: Bursts,
    id: SessionId,
    stamp: Stamp | undefined,
    events: WatchedEvents,
  ) {
    this.#engine = engine
    this.#bursts = bursts
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

  end(): void {
    const watchers = this.#leave()
    this.#events.empty()
    for (const watcher of watchers) if (watcher.isClosed !== true) watcher.ended()
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
    this.#bursts.delete(this.#turn)
  }

  /** In its turn, and after the answer that is under way. */
  #ask(): void {
    clearTimeout(this.#timer)
    if (this.#asking) this.#again = true
    else this.#bursts.add(this.#turn)
  }

  async #load(): Promise<void> {
    this.#asking = true
    this.#again = false
    let answer: { readonly stored: Stored | undefined } | undefined
    try {
      // Read through the connection on which the store tells of changes, so that it tells of the next.
      answer = { stored: await this.#engine.load(this.#id, { fresh: true }) }
    } catch {
      // No end. An engine that tells of changes also tells when it can be asked again.
    }
    this.#asking = false
    if (this.#closed) return
    if (answer === undefined) this.#askIn(RETRY * (1 + Math.random()))
    else if (!this.#goesOn(answer.stored)) return
    if (this.#again) this.#ask()
  }

  /** @returns whether there is anything left to watch here */
  #goesOn(stored: Stored | undefined): boolean {
    const trail = stored !== undefined && isTrail(stored.record) ? stored.record : undefined
    const successor = trail && successorOf(trail)
    if (stored === undefined || (trail !== undefined && successor === undefined)) {
      this.end()
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
    this.#askIn(pause)
  }

  #leave(): Watcher[] {
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    this.close()
    return watchers
  }

  #askIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ask(), Math.min(ms, LONGEST_TIMER))
    this.#timer.unref()
  }
}
