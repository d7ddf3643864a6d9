import type { Clock } from '../../core/clock.ts'
import { isRefusal } from './errors.ts'
import type { RedisTarget } from './options.ts'
import type { ErrorReply } from './resp.ts'
import { ServerClock } from './server-clock.ts'
import { Wire } from './wire.ts'

/** An attempt to connect, handshake included, gets this long. Milliseconds. */
const CONNECT_TIMEOUT = 4_000
/** Longest pause between two attempts; with the above: back within 5 s of the server. */
const LONGEST_PAUSE = 1_000
const FIRST_PAUSE = 20
/** Doublings from the first pause to the longest. */
const MOST_FAILURES = 6

export interface ConnectionOptions {
  readonly target: RedisTarget
  readonly clock: Clock
  /** Learns the server's time; without it the connection has its own. */
  readonly time?: ServerClock
  /** Makes a wire. A link with a near cache has its own. */
  readonly open?: (target: RedisTarget) => Wire
  /** What is to be done on a new connection before anything else is sent. */
  readonly prepare?: (wire: Wire) => Promise<void>
}

export interface ConnectionEvents {
  up(wire: Wire): void
  /** The wire is given up. Nothing more that comes on it counts. */
  down(): void
  /** The server answered an attempt, and waiting will not change the answer. Attempts go on. */
  refused(reply: ErrorReply): void
}

/**
 * Keeps one server connected: connects in the background, again and again for as long as it is
 * open, and learns the server's clock each time. Never throws.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  /** Connected and usable. */
  #wire: Wire | undefined
  /** On its way to that. */
  #opening: Wire | undefined
  #retry: NodeJS.Timeout | undefined
  #failures = 0
  #problem: unknown
  readonly #time: ServerClock
  #closed = false

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options
    this.#events = events
    this.#time = options.time ?? new ServerClock(options.clock)
    void this.#connect()
  }

  get wire(): Wire | undefined {
    return this.#wire
  }

  /** Why there is no wire, as far as that is known. */
  get problem(): unknown {
    return this.#problem
  }

  /** The server's clock, milliseconds since the epoch; ours before the first connection. */
  now(): number {
    return this.#time.now()
  }

  /** Gives up a wire, if it is the present one, and goes for a new one. */
  drop(wire: Wire, problem?: unknown): void {
    if (wire !== this.#wire) return
    this.#wire = undefined
    this.#problem = problem
    this.#events.down()
    wire.destroy()
    this.#again()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    const wires = [this.#wire, this.#opening]
    this.#wire = undefined
    this.#opening = undefined
    this.#events.down()
    for (const wire of wires) wire?.destroy()
  }

  async #connect(): Promise<void> {
    const { target, open, prepare } = this.#options
    const wire = open === undefined ? new Wire(target) : open(target)
    this.#opening = wire
    // Any error ends the wire: after a reply that could not be read what follows could reach the wrong
    // caller.
    wire.onError = (error) => {
      this.#failed(wire, error)
      this.drop(wire, error)
    }
    // A hung server answers a TCP connect, but no HELLO.
    const limit = setTimeout(() => this.#failed(wire, undefined), CONNECT_TIMEOUT)
    try {
      await wire.connect()
      await prepare?.(wire)
      const offset = await this.#askTime(wire)
      if (this.#opening !== wire) return
      this.#opening = undefined
      this.#wire = wire
      this.#time.learn(offset)
      this.#problem = undefined
      // Not to 0: a server that takes connections and ends them at once is not asked ever faster.
      this.#failures >>= 1
      this.#events.up(wire)
    } catch (error) {
      this.#failed(wire, error)
    } finally {
      clearTimeout(limit)
    }
  }

  #failed(wire: Wire, problem: unknown): void {
    if (wire !== this.#opening) return
    this.#opening = undefined
    this.#problem = problem
    wire.destroy()
    if (isRefusal(problem)) this.#events.refused(problem)
    this.#again()
  }

  /** Full jitter: a fleet that lost its server together must not come back together. */
  #again(): void {
    if (this.#closed) return
    const longest = isRefusal(this.#problem) ? LONGEST_PAUSE : FIRST_PAUSE * 2 ** this.#failures
    if (this.#failures < MOST_FAILURES) this.#failures++
    const pause = Math.random() * Math.min(longest, LONGEST_PAUSE)
    this.#retry = setTimeout(() => void this.#connect(), pause)
  }

  async #askTime(wire: Wire): Promise<number> {
    const { clock } = this.#options
    const sent = clock.monotonic()
    const [seconds, micros] = (await wire.sendCommand(['TIME'])) as [string, string]
    const received = clock.monotonic()
    // The server read its clock half a round trip before we read the answer, more or less.
    return Number(seconds) * 1_000 + Number(micros) / 1_000 - (sent + received) / 2
  }
}
