import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { SessionId } from '../../core/engine.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../core/errors.ts'
import { readHeader } from '../../core/record.ts'
import { Deployment } from '../../engines/redis/deployment.ts'
import type { RedisSource } from '../../engines/redis/options.ts'
import type { Side } from './decide.ts'
import { Guard } from './guard.ts'
import { type MigrationCounts, Mirror } from './mirror.ts'
import { Queue } from './queue.ts'

export interface MigrationOptions {
  /** As the option `redis` of `createSessions`, without regions: each region is moved by itself. */
  readonly from: RedisSource
  readonly to: RedisSource
  /** Default `'sj'`; the same on both sides. */
  readonly prefix?: string
  /** Deadline of each command, milliseconds. Default 5,000. */
  readonly commandTimeout?: number
  /** Sessions a second that a pass over all of them looks at, at most. Default: no bound. */
  readonly rate?: number
  /**
   * Which side is right, where one may have lost what it had: the other one is given what it lacks, and what this one
   * lacks is ended there. For the first pass only. Default: the migration stops then, and nothing is ended.
   */
  readonly trust?: Side
  /** Told when a side does not answer any more, and when it does again. */
  readonly away?: (side: Side, isAway: boolean) => void
  readonly clock?: Clock
}

export interface Progress {
  readonly looked: number
  /** Estimated. */
  readonly total: number
}

export interface Verification {
  /** Ids with something on either side. */
  readonly compared: number
  /** How many differ, also when looked at again. */
  readonly differ: number
  readonly onlyOnFrom: number
  readonly onlyOnTo: number
  /** Some of them. */
  readonly differing: readonly SessionId[]
}

type Difference = 'only on from' | 'only on to' | 'other'

/** Under work at once. */
const AT_ONCE = 256
/** What a pass has found waits in the queue, up to so many. */
const MOST_WAITING = 2_048
/** Of one that is changed all the time; then after a pause. */
const MOST_TRIES = 8
/** Before something that has failed is tried again, milliseconds. */
const PAUSE = 250
const MOST_DIFFERING = 100

/**
 * Makes two deployments the same and keeps them so, whichever of them is written to. Applications go on meanwhile, and
 * may go from one side to the other, and back.
 */
export class Migration {
  readonly counts: MigrationCounts = {
    put: { from: 0, to: 0 },
    ended: { from: 0, to: 0 },
    conflicts: 0,
    retries: 0,
  }
  readonly #options: MigrationOptions
  readonly #clock: Clock
  readonly #sides: Record<Side, Deployment>
  readonly #queue: Queue<SessionId>
  /** A pass that is to be made because changes may have been missed. */
  #repair: Promise<void> | undefined
  #isRepairDue = false
  readonly #guard: Guard
  readonly #mirror: Mirror
  /** Of a side that is not trusted, until it has what it may lack. */
  readonly #loses = { from: false, to: false }
  #isStarted = false
  /** The side that is moved to was empty, and not all has been looked at yet. */
  #isAfresh = false
  #isClosed = false
  readonly #stopped: Promise<never>
  #stop: (error: Error) => void = () => undefined
  #problem: Error | undefined

  /** @throws OptionError */
  constructor(options: MigrationOptions) {
    const { prefix = 'sj', commandTimeout = 5_000, clock = systemClock } = options
    this.#options = options
    this.#clock = clock
    const common = { prefix, commandTimeout, clock }
    const from = made('from', () => new Deployment(options.from, common))
    try {
      this.#sides = { from, to: made('to', () => new Deployment(options.to, common)) }
    } catch (error) {
      from.close()
      throw error
    }
    const sides = this.#sides
    this.#guard = new Guard(sides)
    const { counts } = this
    this.#mirror = new Mirror({ sides, guard: this.#guard, clock, counts, loses: this.#loses })
    this.#queue = new Queue(AT_ONCE, (id) => this.#settle(id))
    // Until it is known whether both sides are whole.
    this.#queue.pause()
    this.#stopped = new Promise((_, reject) => {
      this.#stop = reject
    })
    // Whoever waits is told; that nobody does is no crash.
    this.#stopped.catch(() => undefined)
  }

  /**
   * Brings both sides to the same, and follows what changes from then on.
   * @throws MigrationStoppedError, StoreUnavailableError, StoreRefusedError
   */
  async copy(told: (progress: Progress) => void = () => undefined): Promise<void> {
    const { trust } = this.#options
    await this.ready()
    for (const side of ['from', 'to'] as const) {
      this.#loses[side] = trust !== undefined && trust !== side
      await this.#sides[side].listen({
        changed: (id) => this.#queue.add(id),
        missed: () => this.#repairSoon(),
        emptied: () => this.#fail(this.#guard.emptied(side)),
        noted: () => void this.#checkNotes(),
        away: (isAway) => this.#options.away?.(side, isAway),
      })
    }
    // Before the guard notes something there.
    this.#isAfresh = (await this.#sides.to.size()) === 0
    await this.#guard.start(trust)
    if (this.#problem !== undefined) throw this.#problem
    this.#isStarted = true
    this.#queue.resume()
    await this.#orStopped(this.#passUntilDone(told))
    Object.assign(this.#loses, { from: false, to: false })
  }

  /** @throws StoreUnavailableError, StoreRefusedError, which say which side; OptionError */
  async ready(): Promise<void> {
    const sides = ['from', 'to'] as const
    await Promise.all(sides.map((side) => this.#sides[side].ready().catch(naming(side))))
    await this.#guard.checkTwo()
  }

  /** Another one may have finished the migration. */
  async #checkNotes(): Promise<void> {
    if (!this.#isStarted) return
    await this.#guard.check().catch((error: unknown) => {
      if (!isPassing(error)) this.#fail(error as Error)
    })
  }

  /** Resolves when nothing is known to differ. @throws MigrationStoppedError */
  async inStep(): Promise<void> {
    await this.#orStopped(
      (async () => {
        do {
          await this.#repair
          await this.#queue.idle()
        } while (this.#repair !== undefined || !this.#queue.isIdle)
      })(),
    )
  }

  /** Rejects when the migration cannot go on. */
  get stopped(): Promise<never> {
    return this.#stopped
  }

  /** Compares everything, byte by byte; what differs is looked at again after a moment. */
  async verify(told: (progress: Progress) => void = () => undefined): Promise<Verification> {
    await this.ready()
    const differing = new Map<SessionId, Difference>()
    let compared = 0
    const total = await this.#total()
    for (const side of ['from', 'to'] as const) {
      for await (const ids of this.#sides[side].ids()) {
        await Promise.all(
          ids.map(async (id) => {
            const found = await this.#compare(id, side)
            if (found === undefined) return
            compared++
            if (found !== 'same') differing.set(id, found)
          }),
        )
        told({ looked: compared, total: Math.max(total, compared) })
      }
    }
    for (let again = 0; again < 3 && differing.size > 0; again++) {
      await sleep(PAUSE)
      await this.inStep()
      for (const id of differing.keys()) {
        if ((await this.#compare(id, 'from')) === 'same') differing.delete(id)
      }
    }
    const count = (what: Difference): number =>
      [...differing.values()].filter((one) => one === what).length
    return {
      ...{ compared, differ: differing.size },
      ...{ onlyOnFrom: count('only on from'), onlyOnTo: count('only on to') },
      differing: [...differing.keys()].slice(0, MOST_DIFFERING),
    }
  }

  /** Forgets what the migration has noted on the side that is moved to. Afterwards none can go on where this one was. */
  async finish(): Promise<void> {
    await this.ready()
    await this.#guard.finish()
  }

  /** Ends it: what is under work is finished. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#queue.close()
    this.#sides.from.close()
    this.#sides.to.close()
  }

  /** @returns undefined where it was compared before, coming from the other side */
  async #compare(id: SessionId, side: Side): Promise<Difference | 'same' | undefined> {
    const [from, to] = await this.#mirror.both(id)
    if (side === 'to' && from !== undefined) return undefined
    if (from === undefined && to === undefined) return 'same'
    if (to === undefined) return 'only on from'
    if (from === undefined) return 'only on to'
    if (!from.record.equals(to.record)) return 'other'
    const ownerTag = readHeader(from.record)?.ownerTag
    if (ownerTag === undefined) return 'same'
    const [here, there] = await this.#mirror.belongings(id, ownerTag)
    const isListedAlike = (here.descriptor === undefined) === (there.descriptor === undefined)
    return isListedAlike ? 'same' : 'other'
  }

  async #total(): Promise<number> {
    const [from, to] = await Promise.all([this.#sides.from.size(), this.#sides.to.size()])
    return Math.max(from, to)
  }

  async #pass(told: (progress: Progress) => void): Promise<void> {
    const { from, to } = this.#sides
    await this.#guard.check()
    // Where nothing was there is nothing to look at; what comes there meanwhile is told of.
    const all = this.#isAfresh ? [from.ids()] : [from.ids(), to.marked(), to.ids()]
    const total = (await this.#total()) * all.length
    let looked = 0
    const start = this.#clock.monotonic()
    for (const pages of all) {
      for await (const ids of pages) {
        if (this.#isClosed) return
        for (const id of ids) this.#queue.add(id)
        looked += ids.length
        await this.#queue.below(MOST_WAITING)
        told({ looked: Math.min(looked, total), total })
        await this.#keepRate(looked, start)
      }
    }
    await this.#queue.idle()
    this.#isAfresh = false
    told({ looked: total, total })
  }

  async #passUntilDone(told: (progress: Progress) => void): Promise<void> {
    for (;;) {
      try {
        return await this.#pass(told)
      } catch (error) {
        if (this.#isClosed || !isPassing(error)) throw error
        await sleep(PAUSE)
      }
    }
  }

  async #keepRate(looked: number, start: number): Promise<void> {
    const { rate } = this.#options
    if (rate === undefined) return
    while (!this.#isClosed) {
      const ahead = (looked / rate) * 1_000 - (this.#clock.monotonic() - start)
      if (ahead <= 0) return
      await sleep(Math.min(ahead, PAUSE))
    }
  }

  #fail(error: Error): void {
    this.#problem ??= error
    this.#queue.pause()
    this.#stop(this.#problem)
  }

  #orStopped<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#stopped])
  }

  #repairSoon(): void {
    if (this.#isClosed) return
    this.#isAfresh = false
    this.#isRepairDue = true
    this.#repair ??= this.#repairAll().finally(() => {
      this.#repair = undefined
    })
  }

  async #repairAll(): Promise<void> {
    while (this.#isRepairDue && !this.#isClosed && this.#problem === undefined) {
      this.#isRepairDue = false
      await this.#passUntilDone(() => undefined).catch((error: Error) => this.#fail(error))
    }
  }

  /** Makes both sides the same at one id. Never rejects. */
  async #settle(id: SessionId): Promise<void> {
    try {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        if (await this.#mirror.settle(id)) return
        this.counts.retries++
      }
    } catch (error) {
      if (!isPassing(error)) return this.#fail(error as Error)
    }
    await sleep(PAUSE)
    if (!this.#isClosed) this.#queue.add(id)
  }
}

/** Both sides have the same options: an error has to say whose it is. */
export function naming(side: Side): (error: unknown) => never {
  return (error) => {
    if (error instanceof Error) error.message = `--${side}: ${error.message}`
    throw error
  }
}

function made(side: Side, make: () => Deployment): Deployment {
  try {
    return make()
  } catch (error) {
    return naming(side)(error)
  }
}

/** The server is away, or a replica that is about to be promoted. */
function isPassing(error: unknown): boolean {
  if (error instanceof StoreUnavailableError) return true
  return error instanceof StoreRefusedError && error.reason === 'READONLY'
}
