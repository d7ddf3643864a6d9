import { type Clock, systemClock } from '../../core/clock.ts'
import type { SessionId } from '../../core/engine.ts'
import {
  MigrationStoppedError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../core/errors.ts'
import { readHeader } from '../../core/record.ts'
import { Deployment, type MirrorRequest } from '../../engines/redis/deployment.ts'
import type { RedisSource } from '../../engines/redis/options.ts'
import {
  decide,
  leadsTo,
  type Mark,
  SAME_TTL,
  type Side,
  type Standing,
  type Step,
  stampText,
} from './decide.ts'
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
   * Which side is right where `from` lacks many sessions that it had: it may have been emptied. `'from'`: they
   * have ended; `'to'`: they are given back. Default: the migration stops, and nothing is lost.
   */
  readonly trust?: Side
  readonly clock?: Clock
}

export interface MigrationCounts {
  /** Sessions and trails that were put on the side that is moved to, and on the one that is moved from. */
  put: Record<Side, number>
  /** That had ended on the other side. */
  ended: Record<Side, number>
  /** Changed on both sides before either knew of the other: the higher revision has stayed. */
  conflicts: number
  /** That another was quicker than us, so that it was looked at once more. */
  retries: number
}

export interface Progress {
  readonly looked: number
  /** Estimated. */
  readonly total: number
}

export interface Verification {
  /** Ids with something on either side. */
  readonly compared: number
  /** Some of those that differ, also when looked at again. */
  readonly differing: readonly SessionId[]
}

/** Under work at once. */
const AT_ONCE = 256
/** What a pass has found waits in the queue, up to so many. */
const MOST_WAITING = 2_048
/** Of one that is changed all the time; then after a pause. */
const MOST_TRIES = 8
/** Before something that has failed is tried again, milliseconds. */
const PAUSE = 250
/** A side that lacks fewer than this, or this share, was not emptied. */
const FEW = 100
const MOST_MISSING = 0.2
const MARK_BYTES = 15
/** Of one that somebody has made to stay, milliseconds. */
const LONGEST_TRAIL = 24 * 3_600_000
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
  /** Stamps of what has come to the side that is moved from, and could not be noted for the next change. */
  readonly #putAhead = new Map<SessionId, string>()
  /** A pass that is to be made because changes may have been missed. */
  #repair: Promise<void> | undefined
  #isRepairDue = false
  /** The side that is moved from may have been emptied. */
  #isSuspect = false
  #evictedBefore: number | undefined
  readonly #loses = { from: false, to: false }
  #looking: Promise<void> | undefined
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
    const from = new Deployment(options.from, common)
    try {
      this.#sides = { from, to: new Deployment(options.to, common) }
    } catch (error) {
      from.close()
      throw error
    }
    this.#queue = new Queue(AT_ONCE, (id) => this.#settle(id))
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
    const { from, to } = this.#sides
    await Promise.all([from.ready(), to.ready()])
    this.#evictedBefore = await to.evictions()
    const listener = {
      changed: (id: SessionId) => this.#queue.add(id),
      missed: () => this.#repairSoon(),
    }
    await from.listen({ ...listener, emptied: () => this.#emptied() })
    // Its marks are gone with its sessions: it gets all of them anew.
    await to.listen({ ...listener, emptied: () => this.#repairSoon() })
    if (this.#options.trust === 'to') this.#loses.from = true
    await this.#orStopped(this.#pass(told))
    this.#loses.from = false
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
    await this.#lookForEvictions()
    const differing = new Set<SessionId>()
    let compared = 0
    const total = await this.#total()
    for (const side of ['from', 'to'] as const) {
      for await (const ids of this.#sides[side].ids()) {
        await Promise.all(
          ids.map(async (id) => {
            const found = await this.#isDifferent(id, side)
            if (found === undefined) return
            compared++
            if (found) differing.add(id)
          }),
        )
        told({ looked: compared, total: Math.max(total, compared) })
      }
    }
    for (let again = 0; again < 3 && differing.size > 0; again++) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE))
      await this.inStep()
      for (const id of differing) if (!(await this.#isDifferent(id, 'from'))) differing.delete(id)
    }
    return { compared, differing: [...differing].slice(0, MOST_DIFFERING) }
  }

  /** Forgets what the migration has noted on the side that is moved to. Afterwards none can go on where this one was. */
  finish(): Promise<void> {
    return this.#sides.to.unmark()
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
  async #isDifferent(id: SessionId, side: Side): Promise<boolean | undefined> {
    const [from, to] = await this.#both(id)
    if (side === 'to' && from !== undefined) return undefined
    if (from === undefined && to === undefined) return false
    if (from === undefined || to === undefined) return true
    return !from.record.equals(to.record)
  }

  async #total(): Promise<number> {
    const [from, to] = await Promise.all([this.#sides.from.size(), this.#sides.to.size()])
    return Math.max(from, to)
  }

  async #pass(told: (progress: Progress) => void): Promise<void> {
    const { from, to } = this.#sides
    await this.#checkMissing()
    this.#isSuspect = false
    this.#queue.resume()
    const total = await this.#total()
    let looked = 0
    const start = this.#clock.monotonic()
    // Where nothing is there is nothing to look at; what comes there meanwhile is told of.
    const isAfresh = (await to.size()) === 0
    for (const pages of isAfresh ? [from.ids()] : [from.ids(), to.marked(), to.ids()]) {
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
    told({ looked: total, total })
  }

  async #keepRate(looked: number, start: number): Promise<void> {
    const { rate } = this.#options
    if (rate === undefined) return
    const ahead = (looked / rate) * 1_000 - (this.#clock.monotonic() - start)
    if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead))
  }

  /** One that was emptied must not empty the other. @throws MigrationStoppedError */
  async #checkMissing(): Promise<void> {
    if (this.#options.trust !== undefined) return
    let marked = 0
    let missing = 0
    const now = Date.now()
    for await (const ids of this.#sides.to.marked()) {
      await Promise.all(
        ids.map(async (id) => {
          const [standing, mark] = await Promise.all([this.#sides.from.read(id), this.#mark(id)])
          if (mark === undefined || mark.expiresAt < now) return
          marked++
          if (standing === undefined) missing++
        }),
      )
    }
    const isMany = missing > FEW && missing > marked * MOST_MISSING
    if (isMany || (this.#isSuspect && missing > 0)) throw this.#emptiedError(missing)
  }

  /** All keys of a database of it were deleted, perhaps another one. */
  #emptied(): void {
    this.#queue.pause()
    this.#isSuspect = true
    this.#loses.from = this.#options.trust === 'to'
    this.#repairSoon()
  }

  #emptiedError(missing: number): MigrationStoppedError {
    return new MigrationStoppedError(
      `--from looks emptied: it lacks ${missing} records that it had. Nothing was ended on --to. If they were to end, run it again with ` +
        '--trust from; to give them back, with --trust to; else leave it: --to has them',
    )
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
    this.#isRepairDue = true
    this.#repair ??= this.#repairAll().finally(() => {
      this.#repair = undefined
    })
  }

  async #repairAll(): Promise<void> {
    while (this.#isRepairDue && !this.#isClosed && this.#problem === undefined) {
      this.#isRepairDue = false
      try {
        await this.#pass(() => undefined)
        this.#loses.from = false
      } catch (error) {
        if (!isPassing(error)) return this.#fail(error as Error)
        this.#isRepairDue = true
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
      }
    }
  }

  /** In one question for all who ask in the same turn: each gets an answer that is younger than its own. */
  #lookForEvictions(): Promise<void> {
    this.#looking ??= new Promise<void>((resolve) => {
      setImmediate(() => {
        this.#looking = undefined
        resolve(this.#lookNow())
      })
    })
    return this.#looking
  }

  async #lookNow(): Promise<void> {
    const now = await this.#sides.to.evictions().catch(() => undefined)
    if (now === undefined || this.#evictedBefore === undefined) return
    // Fewer: it was restarted.
    if (now > this.#evictedBefore) this.#loses.to = true
    this.#evictedBefore = now
  }

  /** Whether the side that is moved to has evicted records: see `decide`. */
  get toEvicts(): boolean {
    return this.#loses.to
  }

  async #mark(id: SessionId): Promise<Mark | undefined> {
    const bytes = await this.#sides.to.mark(id)
    if (bytes?.length !== MARK_BYTES) return undefined
    return {
      stamp: bytes.toString('latin1', 0, 8),
      expiresAt: bytes.readUIntBE(8, 6),
      isPending: bytes[14] === 1,
    }
  }

  #both(id: SessionId): Promise<[Standing | undefined, Standing | undefined]> {
    return Promise.all([this.#sides.from.read(id), this.#sides.to.read(id)])
  }

  /** Makes both sides the same at one id. Never rejects. */
  async #settle(id: SessionId): Promise<void> {
    try {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        if (await this.#settleOnce(id)) return
        this.counts.retries++
      }
    } catch (error) {
      if (!isPassing(error)) return this.#fail(error as Error)
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
    if (!this.#isClosed) this.#queue.add(id)
  }

  /** @returns false when something has changed meanwhile */
  async #settleOnce(id: SessionId): Promise<boolean> {
    const start = this.#clock.monotonic()
    const [[from, to], mark] = await Promise.all([this.#both(id), this.#mark(id)])
    const ahead = this.#putAhead.get(id)
    this.#putAhead.delete(id)
    const found = {
      id,
      from,
      to,
      mark,
      isOurs: from !== undefined && stampText(from.record) === ahead,
    }
    const step = decide(from, to, mark, Date.now(), this.#loses)
    // Lifetimes that were not read at the same time are not to be compared.
    if (step.kind === 'extend' && this.#clock.monotonic() - start > SAME_TTL / 2) return false
    if (step.kind !== 'end') return this.#take(step, found)
    // Is it missing because all are?
    await (step.on === 'from' ? this.#lookForEvictions() : this.#sides.from.caughtUp())
    if (this.#queue.isPaused) return false
    return this.#take(decide(from, to, mark, Date.now(), this.#loses), found)
  }

  async #take(step: Step, found: Found): Promise<boolean> {
    const { id, from, to, mark } = found
    if (step.kind === 'nothing') return true
    if (step.kind === 'put') return this.#put(step.on, step.isConflict && !found.isOurs, found)
    if (step.kind === 'end') {
      const isDone = await this.#end(step.on, found)
      if (isDone) this.counts.ended[step.on]++
      return isDone
    }
    if (step.kind === 'extend') {
      const standing = step.on === 'from' ? from : to
      const request = { stamp: stampOf(standing), put: 'stay', ttl: step.ttl } as const
      if (step.on === 'from') {
        const isDone = await this.#sides.from.mirror(id, { ...request, mark: 'unkept' })
        return isDone && this.#settleOnce(id)
      }
      const newMark = standing && markOf(stampText(standing.record), Date.now() + step.ttl)
      return this.#sides.to.mirror(id, { ...request, mark: markBytes(mark), newMark })
    }
    const newMark = step.kind === 'note' ? markOf(step.stamp, step.expiresAt) : undefined
    return this.#sides.to.mirror(id, {
      stamp: stampOf(to),
      mark: markBytes(mark),
      put: 'stay',
      newMark,
    })
  }

  async #put(on: Side, isConflict: boolean, found: Found): Promise<boolean> {
    const { id, from, to, mark } = found
    const standing = on === 'to' ? from : to
    if (standing === undefined) return true
    // A request that is led there must find something.
    const successor = leadsTo(standing.record)
    if (successor !== undefined) await this.#settleOnce(successor)
    const copy = await this.#copyOf(on, standing, found)
    // Its time is over.
    if (copy === undefined) return true
    const isDone = await (on === 'to'
      ? this.#sides.to.mirror(id, { ...copy, stamp: stampOf(to), mark: markBytes(mark) })
      : this.#putBack(copy, found))
    if (isDone) this.counts.put[on]++
    if (isDone && isConflict) this.counts.conflicts++
    return isDone
  }

  /**
   * To the side that is moved from. What comes there for the first time is marked before: signed out meanwhile, it
   * would otherwise stand there alone without a mark, as what is new does.
   */
  async #putBack(copy: MirrorCopy, { id, from, to, mark }: Found): Promise<boolean> {
    const here = { stamp: stampOf(to), put: 'stay' } as const
    let marked = markBytes(mark)
    if (mark === undefined) {
      marked = pending(copy.newMark)
      const isNoted = await this.#sides.to.mirror(id, { ...here, mark: undefined, newMark: marked })
      if (!isNoted) return false
    }
    const isDone = await this.#sides.from.mirror(id, {
      ...copy,
      stamp: stampOf(from),
      mark: 'unkept',
    })
    if (!isDone) return false
    // Where it has changed meanwhile, it is looked at once more by itself.
    const isMarked = await this.#sides.to.mirror(id, {
      ...here,
      mark: marked,
      newMark: copy.newMark,
    })
    if (!isMarked) this.#putAhead.set(id, stampText(copy.put))
    return isMarked
  }

  /** @returns undefined when its time is over */
  async #copyOf(
    on: Side,
    standing: Standing,
    { id, from, to }: Found,
  ): Promise<MirrorCopy | undefined> {
    const { record } = standing
    const header = readHeader(record)
    const there = on === 'to' ? to : from
    const source = this.#sides[on === 'to' ? 'from' : 'to']
    const { descriptor, isAwaited } = await source.belongings(id, header?.ownerTag)
    const now = Date.now()
    const life = header === undefined ? LONGEST_TRAIL : header.deadline - now
    const ttl = Math.min(standing.ttl, life)
    if (ttl <= 0) return undefined
    // A trail stands in no index, but what it takes the place of may.
    const tag = header?.ownerTag ?? (there && readHeader(there.record)?.ownerTag)
    const listed = header === undefined ? undefined : descriptor
    const owner = tag === undefined ? undefined : { tag, descriptor: listed, life }
    return { put: record, ttl, owner, isAwaited, newMark: markOf(stampText(record), now + ttl) }
  }

  async #end(on: Side, { id, from, to, mark }: Found): Promise<boolean> {
    const standing = on === 'from' ? from : to
    const ownerTag = standing && readHeader(standing.record)?.ownerTag
    const owner = ownerTag === undefined ? undefined : { tag: ownerTag }
    const request = { stamp: stampOf(standing), put: 'end', owner } as const
    if (on === 'to') return this.#sides.to.mirror(id, { ...request, mark: markBytes(mark) })
    const isDone = await this.#sides.from.mirror(id, { ...request, mark: 'unkept' })
    return (
      isDone && this.#sides.to.mirror(id, { stamp: undefined, mark: markBytes(mark), put: 'stay' })
    )
  }
}

/** The server is away, or a replica that is about to be promoted. */
function isPassing(error: unknown): boolean {
  if (error instanceof StoreUnavailableError) return true
  return error instanceof StoreRefusedError && error.reason === 'READONLY'
}

type MirrorCopy = Omit<MirrorRequest, 'stamp' | 'mark'> & {
  readonly put: Buffer
  readonly newMark: Buffer
}

interface Found {
  readonly id: SessionId
  readonly from: Standing | undefined
  readonly to: Standing | undefined
  readonly mark: Mark | undefined
  /** What stands on the side that is moved from is what we have put there. */
  readonly isOurs: boolean
}

function stampOf(standing: Standing | undefined): Buffer | undefined {
  return standing && Buffer.from(stampText(standing.record), 'latin1')
}

function markOf(stamp: string, expiresAt: number, isPending = false): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes[14] = Number(isPending)
  bytes.write(stamp, 0, 'latin1')
  bytes.writeUIntBE(Math.round(expiresAt), 8, 6)
  return bytes
}

function pending(mark: Buffer): Buffer {
  const bytes = Buffer.from(mark)
  bytes[14] = 1
  return bytes
}

const markBytes = (mark: Mark | undefined): Buffer | undefined =>
  mark && markOf(mark.stamp, mark.expiresAt, mark.isPending)
