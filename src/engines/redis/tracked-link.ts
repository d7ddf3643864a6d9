import type { Clock } from '../../core/clock.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { replyError } from './errors.ts'
import { Heartbeat } from './heartbeat.ts'
import { recordIdOf } from './keys.ts'
import { type Issue, Link } from './link.ts'
import { NearCache, type NearCacheLimits } from './near-cache.ts'
import type { RedisTarget } from './options.ts'
import { ErrorReply } from './resp.ts'
import type { ServerClock } from './server-clock.ts'
import { type Invalidated, Wire } from './wire.ts'

/**
 * Not NOLOOP: it hides all that happens while a command of ours is carried out, and so the keys that the
 * server evicts or stops tracking to make room for it (docs/decisions/0023). Not BCAST: every node
 * would be told of every write of the fleet.
 */
const TRACKING = ['CLIENT', 'TRACKING', 'ON']
/** Heartbeats within one `maxStaleness`: three may be late before entries stop counting. */
const BEATS = 4

export interface TrackedLinkOptions {
  readonly target: RedisTarget
  readonly prefix: string
  /** Milliseconds. */
  readonly commandTimeout: number
  readonly clock: Clock
  readonly time?: ServerClock
  /** Undefined: no near cache is wanted. */
  readonly nearCache: NearCacheLimits | undefined
}

/** Without a near cache its class only joins parallel reads. */
const NO_LIMITS: NearCacheLimits = { maxStaleness: 1_000, maxEntries: 1, maxBytes: 1 }

/**
 * A link to one server and what has been read on it. The unit that a topology multiplies: one per
 * master, chosen by the slot of a key.
 */
export class TrackedLink {
  readonly near: NearCache
  readonly #link: Link
  readonly #heartbeat: Heartbeat | undefined
  readonly #prefix: string
  #warned = false
  /** Whether the server tells of changes on the connection that was made last. */
  #isTracked = false
  #isUntold = false

  constructor(options: TrackedLinkOptions) {
    const { nearCache, ...rest } = options
    this.#prefix = options.prefix
    this.near = new NearCache(nearCache ?? NO_LIMITS, () => this.#link.now())
    if (nearCache === undefined) {
      this.near.turnOff('nearCache is false')
      this.#link = new Link(rest)
      return
    }
    const heartbeat = new Heartbeat(nearCache.maxStaleness / BEATS, () => this.#beat())
    this.#heartbeat = heartbeat
    this.#link = new Link({
      ...rest,
      open: (target) =>
        new Wire(target, {
          invalidated: (key) => this.#invalidate(key),
          untold: () => {
            if (this.#isTracked) this.#untold()
          },
        }),
      prepare: (wire) => this.#track(wire),
      onUp: () => {
        if (!this.#isTracked) return
        // Not before: only now is the server's clock known, by which entries end.
        this.near.turnOn()
        heartbeat.start()
      },
      onDown: () => {
        heartbeat.stop()
        this.near.disconnect()
      },
    })
  }

  now(): number {
    return this.#link.now()
  }

  call<T>(operation: string, issue: Issue<T>): Promise<T> {
    return this.#link.call(operation, issue)
  }

  close(): void {
    this.#heartbeat?.stop()
    this.#link.close()
    this.near.turnOff('the engine is closed')
  }

  /** Any answer will do; TIME needs no permission that a link does not need anyway. */
  async #beat(): Promise<void> {
    const sentAt = this.now()
    await this.call('heartbeat', (wire) => wire.sendCommand(['TIME']))
    this.near.confirm(sentAt)
  }

  async #track(wire: Wire): Promise<void> {
    this.#isTracked = false
    if (this.#isUntold) return
    try {
      await wire.sendCommand(TRACKING)
      this.#isTracked = true
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error
      this.#refused(error)
    }
  }

  #refused(reply: ErrorReply): void {
    const error = replyError(reply, 'CLIENT TRACKING')
    const reason = error instanceof StoreRefusedError ? error.reason : 'ERR'
    const advice =
      reason === 'NOPERM'
        ? 'the user may not: allow +client|tracking (docs/redis.md)'
        : 'the server or a proxy before it does not offer it'
    this.#doWithout(`refused CLIENT TRACKING (${reason}): ${advice}`)
  }

  /** For good: a server of this kind does not change its ways at the next connection. */
  #untold(): void {
    this.#isUntold = true
    this.#isTracked = false
    this.#heartbeat?.stop()
    this.#doWithout(
      'did not tell of a key that was written: the server or a proxy before it tracks no scripts',
    )
  }

  #doWithout(what: string): void {
    this.near.turnOff(`Redis ${what}`)
    if (this.#warned) return
    this.#warned = true
    process.emitWarning(
      `the near cache is off, every read goes to Redis: it ${what}. nearCache: false ends this line.`,
      { code: 'SOJOURN_NEAR_CACHE_OFF' },
    )
  }

  #invalidate(key: Invalidated): void {
    if (key === null) return this.near.invalidate(undefined)
    // Scripts read other keys too, and the server tells of those as well.
    const id = recordIdOf(this.#prefix, key)
    if (id !== undefined) this.near.invalidate(id)
  }
}
