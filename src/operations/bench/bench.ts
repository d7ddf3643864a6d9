import { setTimeout as sleep } from 'node:timers/promises'
import { randomBytes } from '../../core/crypto.ts'
import { isSojournError } from '../../core/errors.ts'
import { findFleet } from '../../engines/redis/fleet.ts'
import { gapsKey } from '../../engines/redis/keys.ts'
import {
  createSessions,
  type RedisSource,
  type Session,
  type Sessions,
  type SessionsStats,
} from '../../index.ts'

export interface BenchOptions {
  readonly redis: RedisSource
  /** What is written goes under `<prefix>-bench:<random>`, and is taken away again: who may write `<prefix>-bench:*` may do it. */
  readonly prefix: string
  readonly sessions: number
  /** Milliseconds of requests; signing in and out comes on top. */
  readonly duration: number
  /** Requests that wait for an answer at once. */
  readonly concurrency: number
  /** Requests, sign-ins, sign-outs a second, at most; 0: as many as there can be. */
  readonly rate: number
  /** Bytes of a session's attribute. */
  readonly payload: number
  /** Part of the requests that change the session, 0 to 1. */
  readonly writes: number
  readonly signal?: AbortSignal | undefined
  readonly progressed?: (phase: Phase, done: number, total: number) => void
}

export type Phase = 'signing in' | 'requests' | 'signing out'

/** Milliseconds. */
export interface Timing {
  readonly operation: string
  readonly count: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly failed: number
}

export interface BenchResult {
  readonly sessions: number
  readonly timings: readonly Timing[]
  readonly nearCache: SessionsStats['nearCache']
  /** Why the first of those that failed did. */
  readonly problem: string | undefined
  /** Whether all that was written has been taken away. */
  readonly cleaned: boolean
  /** What could not be taken away ends by itself within so many minutes. */
  readonly endsWithin: number
}

interface Data {
  load: string
  n: number
}

/** Should this process be killed its sessions end after so long, or what a longer run takes. Minutes. */
const LEAST_LIFE = 15
/** Where there is no limit, sign-ins and sign-outs a second that there are at least. */
const SLOW = 500
/** After so many of these that fail in a row no further session is signed out: the store is away. */
const MOST_FAILURES = 64
/** Of those that are signed in, for what takes two nodes. */
const MOST_SIGN_OUTS = 500
/** Within which a sign-out is to be known at the other node, milliseconds. */
const PATIENCE = 5_000
const DAY = 86_400_000

/** How long session operations take from here, with two nodes in this process. @throws as `createSessions`, and `ready` */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const prefix = `${options.prefix}-bench:${randomBytes(4).toString('hex')}`
  const secrets = randomBytes(32).toString('base64')
  const endsWithin = minutesOf(options)
  const life = `${endsWithin}m` as const
  const make = (): Sessions<Data> =>
    createSessions<Data>({
      ...{ redis: options.redis, prefix, secrets },
      ...{ idleTimeout: life, absoluteTimeout: life },
    })
  const [here, there] = [make(), make()]
  const run = new Run(options, here, there)
  try {
    await Promise.all([here.ready(), there.ready()])
  } catch (error) {
    await Promise.all([here.close(), there.close()])
    throw error
  }
  let measured: Measured
  try {
    measured = await run.go()
  } finally {
    await Promise.allSettled([here.close(), there.close()])
  }
  // What has been measured is told, whatever becomes of the rest.
  const isForgotten = await forget(options.redis, prefix).catch(() => false)
  return { ...measured, cleaned: measured.cleaned && isForgotten, endsWithin }
}

type Measured = Omit<BenchResult, 'endsWithin'>

/** Nobody's session is to end while the run goes on. */
function minutesOf({ sessions, rate, duration }: BenchOptions): number {
  const signing = (sessions / Math.min(rate === 0 ? SLOW : rate, SLOW)) * 1_000
  return Math.max(LEAST_LIFE, Math.ceil((duration + 2 * signing) / 60_000) + LEAST_LIFE / 3)
}

/** How long people were away is counted with the first change after a second, and kept for 15 days. */
async function forget(redis: RedisSource, prefix: string): Promise<boolean> {
  const keys = [0, DAY].map((ago) => gapsKey(prefix, Date.now() - ago))
  const fleet = await findFleet(redis, { commandTimeout: PATIENCE })
  try {
    for (const server of fleet.servers) {
      if (server.role !== 'primary') continue
      // One at a time, of which another server of a Cluster says that it has them not.
      for (const key of keys) await server.ask(['DEL', key]).catch(() => undefined)
    }
    return true
  } finally {
    fleet.close()
  }
}

class Run {
  readonly #options: BenchOptions
  readonly #here: Sessions<Data>
  readonly #there: Sessions<Data>
  readonly #series = new Map<string, Series>()
  readonly #tokens: string[] = []
  #problem: string | undefined

  constructor(options: BenchOptions, here: Sessions<Data>, there: Sessions<Data>) {
    this.#options = options
    this.#here = here
    this.#there = there
  }

  /** To end early. */
  get #isTold(): boolean {
    return this.#options.signal?.aborted === true
  }

  async go(): Promise<Measured> {
    const { sessions, duration, payload, writes } = this.#options
    const load = randomBytes(Math.ceil(payload * 0.75))
      .toString('base64')
      .slice(0, payload)
    let cleaned = true
    try {
      await this.#each('signing in', sessions, () =>
        this.#timed('sign in', () => this.#signIn(load)),
      )
      await this.#requests(duration, writes)
    } finally {
      cleaned = await this.#signOutAll()
    }
    return {
      sessions: this.#tokens.length,
      timings: [...this.#series].map(([operation, series]) => series.timing(operation)),
      nearCache: this.#here.stats().nearCache,
      ...{ problem: this.#problem, cleaned },
    }
  }

  async #signIn(load: string): Promise<void> {
    const session = await this.#here.open()
    session.set('load', load)
    session.set('n', 0)
    await session.login(`bench ${this.#tokens.length}`, { keep: ['load', 'n'] })
    if (session.token !== undefined) this.#tokens.push(session.token)
  }

  /** In turns: one that changes, one that asks Redis, one of memory. */
  async #requests(duration: number, writes: number): Promise<void> {
    const end = performance.now() + duration
    const isOver = (): boolean => this.#isTold || performance.now() >= end
    const work = async (): Promise<void> => {
      const token = this.#tokens[Math.floor(Math.random() * this.#tokens.length)]
      if (token === undefined) return
      if (Math.random() < writes) {
        const session = await this.#open(token)
        if (session === undefined) return
        session.set('n', (session.get('n') ?? 0) + 1)
        await this.#timed('change', () => session.commit())
        return
      }
      await this.#timed('read, asked of Redis', () => this.#here.open(token, { fresh: true }))
      await this.#timed('read, near cache', () => this.#here.open(token))
    }
    await this.#paced(isOver, work, () => {
      const gone = duration - Math.max(end - performance.now(), 0)
      this.#options.progressed?.('requests', gone, duration)
    })
  }

  /** Also what has been interrupted is signed out: nothing is to be left behind. */
  async #signOutAll(): Promise<boolean> {
    const left = [...this.#tokens]
    let gone = 0
    let failures = 0
    const next = async (): Promise<void> => {
      const token = left.pop()
      if (token === undefined) return
      if (await this.#signOut(token, gone < MOST_SIGN_OUTS)) {
        gone++
        failures = 0
      } else failures++
    }
    await this.#paced(
      () => left.length === 0 || failures >= MOST_FAILURES,
      next,
      () => this.#options.progressed?.('signing out', gone, this.#tokens.length),
    )
    return gone === this.#tokens.length
  }

  async #signOut(token: string, isWatched: boolean): Promise<boolean> {
    const session = await this.#open(token)
    if (session === undefined) return false
    if (!isWatched || this.#isTold) {
      return this.#timed('sign out', () => session.logout())
    }
    // The other node has it in memory, as it would have while its user goes from node to node.
    const elsewhere = await this.#there.open(token).catch(() => undefined)
    const { signal } = elsewhere ?? {}
    const from = performance.now()
    const isOut = await this.#timed('sign out', () => session.logout())
    if (isOut && signal !== undefined && (await isAborted(signal))) {
      this.#seriesOf('signed out elsewhere').add(performance.now() - from)
    }
    return isOut
  }

  async #open(token: string): Promise<Session<Data> | undefined> {
    try {
      const session = await this.#here.open(token)
      return session.isNew ? undefined : session
    } catch (error) {
      this.#failed('read, near cache', error)
      return undefined
    }
  }

  async #each(phase: Phase, total: number, work: () => Promise<unknown>): Promise<void> {
    let done = 0
    await this.#paced(
      () => this.#isTold || done >= total,
      async () => {
        done++
        await work()
      },
      () => this.#options.progressed?.(phase, done, total),
    )
  }

  /** As many at once as are wanted, and not more a second than that, until it is told to end: then nobody waits. */
  async #paced(isOver: () => boolean, work: () => Promise<void>, step: () => void): Promise<void> {
    const { concurrency, rate, signal } = this.#options
    const started = performance.now()
    let begun = 0
    const worker = async (): Promise<void> => {
      while (!isOver()) {
        const ahead = rate === 0 ? 0 : (begun++ / rate) * 1_000 - (performance.now() - started)
        if (ahead > 0) await sleep(ahead, undefined, { signal }).catch(() => undefined)
        if (isOver()) return
        await work()
        step()
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
  }

  /** @returns whether it was done */
  async #timed(operation: string, work: () => Promise<unknown>): Promise<boolean> {
    const from = performance.now()
    try {
      await work()
    } catch (error) {
      this.#failed(operation, error)
      return false
    }
    this.#seriesOf(operation).add(performance.now() - from)
    return true
  }

  #failed(operation: string, error: unknown): void {
    if (!isSojournError(error)) throw error
    this.#problem ??= error.message
    this.#seriesOf(operation).failed++
  }

  #seriesOf(operation: string): Series {
    const series = this.#series.get(operation) ?? new Series()
    this.#series.set(operation, series)
    return series
  }
}

/** Buckets 2 % apart: a run of any length takes the same memory. */
class Series {
  static readonly #STEP = Math.log(1.02)
  /** Milliseconds of the first bucket. */
  static readonly #LEAST = 0.001
  failed = 0
  readonly #counts = new Map<number, number>()
  #count = 0
  #max = 0
  readonly #began = performance.now()
  #last = this.#began

  add(ms: number): void {
    const bucket = Math.max(0, Math.ceil(Math.log(ms / Series.#LEAST) / Series.#STEP))
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1)
    this.#count++
    this.#max = Math.max(this.#max, ms)
    this.#last = performance.now()
  }

  timing(operation: string): Timing {
    const seconds = Math.max(this.#last - this.#began, 1) / 1_000
    return {
      ...{ operation, count: this.#count, failed: this.failed, max: this.#max },
      perSecond: this.#count / seconds,
      ...{ p50: this.#quantile(0.5), p99: this.#quantile(0.99) },
    }
  }

  #quantile(part: number): number {
    let left = this.#count * part
    for (const bucket of [...this.#counts.keys()].sort((one, other) => one - other)) {
      left -= this.#counts.get(bucket) ?? 0
      if (left <= 0) return Math.min(Series.#LEAST * Math.exp(bucket * Series.#STEP), this.#max)
    }
    return 0
  }
}

async function isAborted(signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return true
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), PATIENCE)
    signal.addEventListener('abort', () => {
      clearTimeout(late)
      resolve(true)
    })
  })
}
