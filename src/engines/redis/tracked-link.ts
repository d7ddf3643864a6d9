import type { Clock } from '../../core/clock.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { replyError } from './errors.ts'
import { Heartbeat } from './heartbeat.ts'
import { recordIdOf } from './keys.ts'
import { type Issue, Link, type LinkOptions } from './link.ts'
import { NearCache, type NearCacheLimits, type WatchersOfNear } from './near-cache.ts'
import { ErrorReply } from './resp.ts'
import type { Route } from './route.ts'
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
  readonly route: Route
  readonly prefix: string
  /** Milliseconds. */
  readonly commandTimeout: number
  readonly clock: Clock
  readonly time: ServerClock
  /** Undefined: no near cache is wanted. */
  readonly nearCache: NearCacheLimits | undefined
  /** Those of the near cache: see NearCache. */
  readonly watchers?: WatchersOfNear
  /** Told when there is a connection, before it is asked anything else. */
  readonly onUp?: () => void
  /** Told when the connection is lost. */
  readonly onDown?: () => void
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
  readonly #route: Route
  readonly #time: ServerClock
  readonly #heartbeat: Heartbeat
  readonly #prefix: string
  #warned = false
  /** Whether the server tells of changes on the connection that was made last. */
  #isTracked = false
  #isUntold = false

  constructor(options: TrackedLinkOptions) {
    const { nearCache, ...rest } = options
    const { route, time, watchers, onUp, onDown } = options
    this.#prefix = options.prefix
    this.#route = route
    this.#time = time
    this.near = new NearCache(nearCache ?? NO_LIMITS, () => time.now(), watchers)
    if (nearCache === undefined) this.near.turnOff('nearCache is false')
    // Where the server can turn out not to be the one that is meant it is asked without a near cache too.
    const isAsked = () => this.#isTracked || route.check !== undefined
    const { maxStaleness } = nearCache ?? NO_LIMITS
    const heartbeat = new Heartbeat(maxStaleness / BEATS, () => this.#beat())
    this.#heartbeat = heartbeat
    this.#link = new Link({
      ...rest,
      ...(nearCache === undefined ? {} : this.#tracking()),
      onUp: () => {
        // Not before: only now is the server's clock known, by which entries end.
        if (this.#isTracked) this.near.turnOn()
        if (isAsked()) heartbeat.start()
        onUp?.()
      },
      onDown: () => {
        heartbeat.stop()
        this.near.disconnect()
        onDown?.()
      },
    })
  }

  get isBroken(): boolean {
    return this.#link.isBroken
  }

  get isConnected(): boolean {
    return this.#link.isConnected
  }

  call<T>(operation: string, issue: Issue<T>): Promise<T> {
    return this.#link.call(operation, issue)
  }

  /** See Link. */
  leave(): void {
    this.#heartbeat.stop()
    this.#link.leave()
    this.near.disconnect()
  }

  close(): void {
    this.#heartbeat.stop()
    this.#link.close()
    this.near.turnOff('the engine is closed')
  }

  async #beat(): Promise<void> {
    const sentAt = this.#time.now()
    const answer = await this.call('heartbeat', async (wire) => {
      try {
        // Any answer will do; TIME needs no permission that a link does not need anyway.
        return await (this.#route.check?.(wire) ?? wire.sendCommand(['TIME']))
      } catch (error) {
        if (!(error instanceof ErrorReply)) this.#link.giveUp(wire, error)
        throw error
      }
    })
    if (answer !== false) this.near.confirm(sentAt)
  }

  #tracking(): Pick<LinkOptions, 'open' | 'prepare'> {
    const untold = () => {
      if (this.#isTracked) this.#untold()
    }
    return {
      open: (target) => new Wire(target, { invalidated: (key) => this.#invalidate(key), untold }),
      prepare: (wire) => this.#track(wire),
    }
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
    if (this.#route.check === undefined) this.#heartbeat.stop()
    this.#doWithout(
      'did not tell of a key that was written: the server or a proxy before it tracks no scripts',
    )
  }

  #doWithout(what: string): void {
    this.near.turnOff(`Redis ${what}`)
    if (this.#warned) return
    this.#warned = true
    process.emitWarning(`the near cache is off, every read goes to Redis: it ${what}`, {
      code: 'SOJOURN_NEAR_CACHE_OFF',
      detail: 'nearCache: false ends this line.',
    })
  }

  #invalidate(key: Invalidated): void {
    if (key === null) return this.near.invalidate(undefined)
    // Scripts read other keys too, and the server tells of those as well.
    const id = recordIdOf(this.#prefix, key)
    if (id !== undefined) this.near.invalidate(id)
  }
}
