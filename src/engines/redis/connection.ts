import type { Clock } from '../../core/clock.ts'
import { isRefusal } from './errors.ts'
import type { RedisTarget } from './options.ts'
import type { ErrorReply } from './resp.ts'
import type { Route } from './route.ts'
import type { ServerClock } from './server-clock.ts'
import { type Commands, Wire } from './wire.ts'

/** An attempt to connect, handshake included, gets this long. Milliseconds. */
const CONNECT_TIMEOUT = 4_000
/** Longest pause between two attempts; with the above: back within 5 s of the server. */
const LONGEST_PAUSE = 1_000
const FIRST_PAUSE = 20
/** A server that was connected for less and turns out to be a replica is what the address stands for. */
const SETTLED = 1_000
/** Doublings from the first pause to the longest. */
const MOST_FAILURES = 6

export interface ConnectionOptions {
  readonly route: Route
  readonly clock: Clock
  /** Learns the server's time with each connection. */
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
 * Keeps the server that is meant connected: connects in the background, again and again for as long as
 * it is open, and goes where the route leads. Never throws.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  /** Connected and usable. */
  #wire: Wire | undefined
  /** On its way to that. */
  #attempt: Attempt | undefined
  #retry: NodeJS.Timeout | undefined
  /** Left, and still to answer. */
  readonly #left = new Set<Wire>()
  #failures = 0
  #upSince = 0
  #problem: unknown
  readonly #ignoreMoves: (() => void) | undefined
  #closed = false

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options
    this.#events = events
    this.#ignoreMoves = options.route.onMove?.(() => this.#moved())
    void this.#connect()
  }

  get wire(): Wire | undefined {
    return this.#wire
  }

  /** Why there is no wire, as far as that is known. */
  get problem(): unknown {
    return this.#problem ?? this.#attempt?.wire?.silence
  }

  /** Gives up a wire, if it is the present one, and goes for a new one. */
  drop(dropped: Commands, problem?: unknown): void {
    const wire = this.#wire
    if (wire === undefined || wire !== dropped) return
    this.#wire = undefined
    this.#problem = problem
    this.#events.down()
    wire.destroy()
    this.#again()
  }

  /**
   * What the server has said shows that it is not the primary any more: another connection is made. What
   * is under way on this one is still answered.
   * @param patience milliseconds until the answers that are missing then are given up
   * @returns false if another connection would lead to the same server again
   */
  leave(wire: Wire, patience: number): boolean {
    if (wire !== this.#wire) return true
    const { route, clock } = this.#options
    if (route.check === undefined && clock.monotonic() - this.#upSince < SETTLED) return false
    this.#wire = undefined
    this.#problem = undefined
    this.#events.down()
    this.#left.add(wire)
    const end = () => {
      this.#left.delete(wire)
      wire.destroy()
    }
    setTimeout(end, patience).unref()
    this.#again()
    return true
  }

  close(): void {
    this.#closed = true
    this.#ignoreMoves?.()
    clearTimeout(this.#retry)
    const wires = [this.#wire, this.#attempt?.wire, ...this.#left]
    this.#wire = undefined
    this.#attempt = undefined
    this.#events.down()
    for (const wire of wires) wire?.destroy()
  }

  async #connect(): Promise<void> {
    const { route, open, prepare, time, clock } = this.#options
    const attempt: Attempt = { wire: undefined }
    this.#attempt = attempt
    // A hung server answers a TCP connect, but no HELLO; one without TLS waits for the rest of what it takes for a command.
    const limit = setTimeout(() => this.#failed(attempt, attempt.wire?.silence), CONNECT_TIMEOUT)
    try {
      const target = await route.find()
      if (this.#attempt !== attempt) return
      const wire = open === undefined ? new Wire(target) : open(target)
      attempt.wire = wire
      // Any error ends the wire: after a reply that could not be read what follows could reach the
      // wrong caller.
      wire.onError = (error) => {
        this.#failed(attempt, error)
        this.drop(wire, error)
      }
      await wire.connect()
      await route.check?.(wire)
      await prepare?.(wire)
      const offset = time === undefined ? 0 : await this.#askTime(wire)
      if (this.#attempt !== attempt) return
      this.#attempt = undefined
      this.#wire = wire
      this.#upSince = clock.monotonic()
      time?.learn(offset)
      this.#problem = undefined
      // Not to 0: a server that takes connections and ends them at once is not asked ever faster.
      this.#failures >>= 1
      this.#events.up(wire)
    } catch (error) {
      this.#failed(attempt, error)
    } finally {
      clearTimeout(limit)
    }
  }

  #failed(attempt: Attempt, problem: unknown): void {
    if (attempt !== this.#attempt) return
    this.#attempt = undefined
    this.#problem = problem
    attempt.wire?.destroy()
    if (isRefusal(problem)) this.#events.refused(problem)
    this.#again()
  }

  /** What is said to the former server is of no use any more, nor is the pause after what it refused. */
  #moved(): void {
    this.#failures = 0
    if (this.#wire !== undefined) return this.drop(this.#wire)
    if (this.#attempt !== undefined) return this.#failed(this.#attempt, undefined)
    this.#problem = undefined
    clearTimeout(this.#retry)
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

interface Attempt {
  wire: Wire | undefined
}
