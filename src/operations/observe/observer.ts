import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../../core/clock.ts'
import { isSojournError, OptionError, type SojournError } from '../../core/errors.ts'
import { createKeyring, type Keyring } from '../../core/keyring.ts'
import { type Fleet, type FleetServer, findFleet } from '../../engines/redis/fleet.ts'
import { checkPrefix } from '../../engines/redis/keys.ts'
import { type RedisSource, redisPlan } from '../../engines/redis/options.ts'
import { Catalogue, type HistoryEntry } from '../sessions/catalogue.ts'
import { commandsOf } from './commands.ts'
import { EventFollower } from './event-follower.ts'
import { ReportBook } from './report-book.ts'
import { sessionsOf, sum } from './sample.ts'
import { Sampler } from './sampler.ts'
import { ServerWatch } from './server-watch.ts'
import type { ServerState, SessionsState, Snapshot } from './snapshot.ts'

export interface ObserverOptions {
  readonly redis: RedisSource
  readonly prefix: string
  /** As given to `createSessions`: without them attributes are not named, and events not opened. */
  readonly secrets?: string | readonly string[] | undefined
  readonly pepper?: string | undefined
  /** Between two looks, milliseconds. Default 1,000. */
  readonly interval?: number
  /** Deadline of each command, milliseconds. Default 1,000. */
  readonly commandTimeout?: number
  readonly clock?: Clock
}

export interface ObserverListener {
  seen(snapshot: Snapshot): void
  /** No server with sessions answers, or none may be asked. It goes on looking. */
  failed?(error: SojournError): void
  /**
   * What has come into the audit since the look before, oldest first.
   * @param skipped whether more has come behind these than one look reads, and is left out
   */
  events?(entries: readonly HistoryEntry[], skipped: boolean): void
}

/** Between two looks at which servers there are, where nothing seems to have changed. Milliseconds. */
const FLEET_EVERY = 10_000
const BETWEEN_REPORTS = 100
/** When nobody has listened for so long connections are ended. Milliseconds. */
const LINGER = 30_000

/**
 * Looks at a deployment, once for all who listen, and not at all where nobody does. What a look costs Redis does not
 * depend on how many sessions there are: INFO, LATENCY HISTOGRAM and DBSIZE of each server, a page of keys of each primary.
 * It writes nothing.
 */
export class Observer {
  readonly #options: ObserverOptions
  readonly #clock: Clock
  readonly #interval: number
  readonly #keyring: Keyring | undefined
  readonly #listeners = new Set<ObserverListener>()
  readonly #watches = new Map<string, ServerWatch>()
  readonly #samplers = new Map<string, Sampler>()
  readonly #reports: ReportBook
  #fleet: Fleet | undefined
  #fleetAt = Number.NEGATIVE_INFINITY
  /** What it said of the servers is not so any more. */
  #isDoubted = false
  /** Names of servers that did not answer at the last look. */
  #failing = new Set<string>()
  #catalogue: Catalogue | undefined
  #events: EventFollower | undefined
  #running: Promise<void> | undefined
  #wake: AbortController = new AbortController()
  #looking: Promise<Snapshot> | undefined
  #lingering: NodeJS.Timeout | undefined
  #last: Snapshot | undefined
  #closed = false

  /** @throws OptionError */
  constructor(options: ObserverOptions) {
    const { redis, prefix, secrets, pepper = '', interval = 1_000, clock = systemClock } = options
    const { commandTimeout = 1_000 } = options
    checkPrefix(prefix)
    redisPlan(redis)
    if (!Number.isInteger(interval) || interval < 100) {
      throw new OptionError('interval', 'takes whole milliseconds from 100')
    }
    if (!Number.isInteger(commandTimeout) || commandTimeout < 1) {
      throw new OptionError('commandTimeout', 'takes whole milliseconds from 1')
    }
    if (typeof pepper !== 'string') throw new OptionError('pepper', 'takes a string')
    this.#keyring = secrets === undefined ? undefined : createKeyring([secrets].flat())
    this.#reports = new ReportBook(clock)
    this.#options = options
    this.#interval = interval
    this.#clock = clock
  }

  /** What was seen last; undefined: nothing yet. */
  get last(): Snapshot | undefined {
    return this.#last
  }

  /** Looks every interval while there is at least one listener. @returns a function that ends it */
  watch(listener: ObserverListener): () => void {
    this.#refuseClosed()
    clearTimeout(this.#lingering)
    this.#listeners.add(listener)
    this.#start()
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return
      this.#wake.abort()
      this.#lingering = setTimeout(() => void this.#disconnect(), LINGER).unref()
    }
  }

  /**
   * Two looks, `interval` apart, for who wants one answer.
   * @param patience how long reports of applications are waited for besides, milliseconds: each comes every two seconds, and
   * rates are of two
   * @throws StoreUnavailableError, StoreRefusedError
   */
  async look(patience = 0): Promise<Snapshot> {
    this.#refuseClosed()
    const started = this.#clock.monotonic()
    await this.#look()
    await sleep(this.#interval)
    const waited = (): number => this.#clock.monotonic() - started
    const isMissing = (): boolean => this.#reports.state === 'awaited' || !this.#reports.isCompared
    while (waited() < patience && isMissing()) await sleep(BETWEEN_REPORTS)
    return this.#look()
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#listeners.clear()
    this.#wake.abort()
    clearTimeout(this.#lingering)
    await this.#disconnect()
    await this.#running
    // A look that was under way may have connected again since.
    await this.#looking?.catch(() => undefined)
    await this.#disconnect()
  }

  #refuseClosed(): void {
    if (this.#closed) throw new TypeError('this observer is closed')
  }

  async #disconnect(): Promise<void> {
    this.#fleet?.close()
    this.#fleet = undefined
    const catalogue = this.#catalogue
    this.#catalogue = undefined
    this.#events = undefined
    this.#reports.clear()
    await catalogue?.close()
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#listeners.size > 0) this.#start()
    })
  }

  async #run(): Promise<void> {
    while (this.#listeners.size > 0) {
      const started = this.#clock.monotonic()
      try {
        const snapshot = await this.#look()
        for (const listener of [...this.#listeners]) listener.seen(snapshot)
      } catch (error) {
        if (!isSojournError(error)) throw error
        for (const listener of [...this.#listeners]) listener.failed?.(error)
      }
      const rest = this.#interval - (this.#clock.monotonic() - started)
      this.#wake = new AbortController()
      if (this.#listeners.size === 0) break
      await sleep(Math.max(0, rest), undefined, { signal: this.#wake.signal }).catch(
        () => undefined,
      )
    }
  }

  /** One at a time: who asks meanwhile gets the same. */
  #look(): Promise<Snapshot> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookOnce(): Promise<Snapshot> {
    const fleet = await this.#findFleet()
    const events = this.#follower()
    // Not waited for: it may be behind, and its servers away.
    void events.follow()
    const { servers } = fleet
    await Promise.all(servers.map((server) => this.#watchOf(server).look(server)))
    const primaries = this.#primariesAmong(servers)
    await Promise.all(primaries.map((server) => this.#sample(server, primaries.length)))
    this.#doubt(fleet)
    const data = servers.filter(({ role }) => role !== 'sentinel')
    const problems = data.flatMap((server) => this.#watchOf(server).problem ?? [])
    const [problem] = problems
    if (problem !== undefined && problems.length === data.length) throw problem
    const snapshot: Snapshot = {
      at: this.#clock.now(),
      kind: fleet.kind,
      prefix: this.#options.prefix,
      servers: this.#states(servers, primaries),
      sessions: this.#sessions(primaries),
      commands: commandsOf(primaries.map((server) => this.#watchOf(server))),
      reports: this.#reports.state,
      nodes: this.#reports.nodes(),
      application: this.#reports.application(),
      events: events.state(),
    }
    this.#last = snapshot
    return snapshot
  }

  async #findFleet(): Promise<Fleet> {
    const { redis, commandTimeout = 1_000 } = this.#options
    const now = this.#clock.monotonic()
    // One's own: it is gone from here when this is closed meanwhile.
    let fleet = this.#fleet
    if (fleet === undefined) {
      fleet = await findFleet(redis, {
        ...{ commandTimeout, clock: this.#clock },
        asks: (name, command) => this.#watches.get(name)?.sendsAside(command),
      })
      this.#fleet = fleet
      this.#fleetAt = now
      if (this.#closed) fleet.close()
    } else if (this.#isDoubted || now - this.#fleetAt >= FLEET_EVERY) {
      // Where nobody knows better those that are known are asked, and say by themselves what is the matter.
      await fleet.refresh().catch((error: unknown) => {
        if (!isSojournError(error)) throw error
      })
      this.#fleetAt = now
      this.#forgetOthers(fleet)
    }
    this.#isDoubted = false
    return fleet
  }

  #forgetOthers({ servers }: Fleet): void {
    for (const map of [this.#watches, this.#samplers]) {
      for (const name of map.keys()) {
        if (!servers.some((server) => server.name === name)) map.delete(name)
      }
    }
  }

  /** A server that has just failed, a primary that is away, one that is not what it was said to be: somebody knows more. */
  #doubt({ servers }: Fleet): void {
    const before = this.#failing
    this.#failing = new Set()
    this.#isDoubted = false
    for (const server of servers) {
      const { problem, role } = this.#watchOf(server)
      if (problem === undefined) {
        if (server.role !== 'sentinel' && role !== undefined && role !== server.role) {
          this.#isDoubted = true
        }
        continue
      }
      this.#failing.add(server.name)
      if (server.role === 'primary' || !before.has(server.name)) this.#isDoubted = true
    }
  }

  /** Those that have the sessions. Of two that call themselves so without a Cluster it is the one that is named. */
  #primariesAmong(servers: readonly FleetServer[]): FleetServer[] {
    const named = servers.filter(({ role, slots }) => role === 'primary' && slots !== 0)
    const own = servers.filter(
      (server) => server.role !== 'sentinel' && this.#watchOf(server).role === 'primary',
    )
    if (named.every((server) => own.includes(server))) return named
    if (this.#fleet?.kind === 'cluster' || own.length !== 1) return named
    return own
  }

  async #sample(server: FleetServer, among: number): Promise<void> {
    const watch = this.#watchOf(server)
    if (watch.problem !== undefined) return
    const known = this.#samplers.get(server.name)
    const { prefix } = this.#options
    const sampler = known ?? new Sampler({ prefix, keyring: this.#keyring, clock: this.#clock })
    this.#samplers.set(server.name, sampler)
    try {
      await sampler.look(server, watch, among)
    } catch (error) {
      if (!isSojournError(error)) throw error
      watch.problem = error
    }
  }

  #states(servers: readonly FleetServer[], primaries: readonly FleetServer[]): ServerState[] {
    return servers.map((server): ServerState => {
      const state = this.#watchOf(server).state(server)
      // A former primary calls itself one until it is told otherwise, seconds later: it is to be a replica, and is none yet.
      const isFormer =
        state.role === 'primary' && server.role === 'replica' && !primaries.includes(server)
      const own = { ...state, lagBytes: this.#lagOf(state, servers) }
      return isFormer ? { ...own, role: 'replica', primary: server.primary, linked: false } : own
    })
  }

  #lagOf({ name, role, primary }: Omit<ServerState, 'lagBytes'>, servers: readonly FleetServer[]) {
    if (role !== 'replica') return undefined
    const of = (wanted: string | undefined): number | undefined => {
      const server = servers.find((each) => each.name === wanted)
      return server && this.#watchOf(server).offset
    }
    const [written, had] = [of(primary), of(name)]
    // The replica may have been asked later.
    return written === undefined || had === undefined ? undefined : Math.max(0, written - had)
  }

  #sessions(primaries: readonly FleetServer[]): SessionsState {
    const samplers = primaries.flatMap(({ name }) => this.#samplers.get(name) ?? [])
    const page = sum(samplers.flatMap(({ pages }) => pages))
    const isSeen =
      primaries.length > 0 &&
      primaries.every((server) => this.#watchOf(server).problem === undefined)
    if (!isSeen) return sessionsOf(page, { count: undefined, exact: false })
    const counted = addUp(
      primaries.map((server) =>
        this.#samplers.get(server.name)?.counted(this.#watchOf(server).keys),
      ),
    )
    if (counted !== undefined) return sessionsOf(page, { count: counted, exact: true })
    const estimates = primaries.map((server) => {
      const [keys, share] = [this.#watchOf(server).keys, this.#samplers.get(server.name)?.share]
      return keys === undefined || share === undefined ? undefined : keys * share
    })
    const count = addUp(estimates)
    return sessionsOf(page, { count: count && Math.round(count), exact: false })
  }

  #watchOf({ name }: FleetServer): ServerWatch {
    const watch = this.#watches.get(name) ?? new ServerWatch(this.#clock)
    this.#watches.set(name, watch)
    return watch
  }

  /** That of the server which has what is of no single session. */
  #withAudit(): ServerWatch | undefined {
    const primaries = this.#primariesAmong(this.#fleet?.servers ?? [])
    const server = primaries.find(
      ({ slotRanges }) => slotRanges === undefined || slotRanges.some(([first]) => first === 0),
    )
    return server && this.#watchOf(server)
  }

  #follower(): EventFollower {
    if (this.#events !== undefined) return this.#events
    if (this.#catalogue === undefined) {
      this.#catalogue = new Catalogue({
        ...this.#options,
        asks: (command) => this.#withAudit()?.sendsAside([command]),
      })
      this.#reports.begin()
      this.#catalogue.onReport(
        (text) => this.#reports.add(text),
        () => this.#reports.refuse(),
      )
    }
    this.#events = new EventFollower(this.#catalogue, this.#clock, (entries, skipped) => {
      for (const listener of [...this.#listeners]) listener.events?.(entries, skipped)
    })
    return this.#events
  }
}

/** Of what is not all known nothing. */
function addUp(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce<number | undefined>(
    (total, number) => (total === undefined || number === undefined ? undefined : total + number),
    0,
  )
}
