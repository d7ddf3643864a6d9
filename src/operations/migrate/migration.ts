import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { SessionId } from '../../core/engine.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../core/errors.ts'
import { readHeader } from '../../core/record.ts'
import {
  type Belongings,
  Deployment,
  type MirrorRequest,
  type OwnerEntry,
} from '../../engines/redis/deployment.ts'
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
import { Guard } from './guard.ts'
import { decodeMark, encodeMark } from './marks.ts'
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
/** Of one that somebody has made to stay, milliseconds. */
const LONGEST_TRAIL = 24 * 3_600_000
const MOST_DIFFERING = 100
const NO_STAMP = '\0'.repeat(8)
/** Rotations make a chain of forwards; applications follow no longer one. */
const MOST_HOPS = 64
/** How much longer an index lives than its sessions, where their expiry is told of. Milliseconds. */
const TOLD_WITHIN = 24 * 3_600_000

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
  readonly #guard: Guard
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
    this.#guard = new Guard(this.#sides)
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
    const [from, to] = await this.#both(id)
    if (side === 'to' && from !== undefined) return undefined
    if (from === undefined && to === undefined) return 'same'
    if (to === undefined) return 'only on from'
    if (from === undefined) return 'only on to'
    if (!from.record.equals(to.record)) return 'other'
    const ownerTag = readHeader(from.record)?.ownerTag
    if (ownerTag === undefined) return 'same'
    const [here, there] = await this.#belongings(id, ownerTag)
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

  async #mark(id: SessionId): Promise<Mark | undefined> {
    return decodeMark(await this.#sides.to.mark(id))
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
    await sleep(PAUSE)
    if (!this.#isClosed) this.#queue.add(id)
  }

  /** @returns false when something has changed meanwhile */
  async #settleOnce(id: SessionId, hops = 0): Promise<boolean> {
    const start = this.#clock.monotonic()
    const [[from, to], mark] = await Promise.all([this.#both(id), this.#mark(id)])
    const ahead = this.#putAhead.get(id)
    this.#putAhead.delete(id)
    const isOurs = from !== undefined && stampText(from.record) === ahead
    const found = { id, from, to, mark, isOurs, hops }
    const step = decide(from, to, mark, this.#sides.to.now(), this.#loses)
    // Lifetimes that were not read at the same time are not to be compared.
    if (step.kind === 'extend' && this.#clock.monotonic() - start > SAME_TTL / 2) return false
    // Is it missing because a side has lost it? Of what is new there the mark may be lost.
    const isNewThere = step.kind === 'put' && step.on === 'from' && mark === undefined
    if (step.kind === 'end' || isNewThere) await this.#guard.check()
    return this.#take(step, found)
  }

  async #take(step: Step, found: Found): Promise<boolean> {
    const { id, to, mark } = found
    switch (step.kind) {
      case 'nothing':
        return this.#listAgain(found)
      case 'put':
        return this.#put(step.on, step.isConflict && !found.isOurs, found)
      case 'end':
        return this.#endHere(found)
      case 'extend':
        return this.#extend(step.on, step.ttl, found)
      default: {
        const { stamp, expiresAt } = step.kind === 'note' ? step : {}
        const isNoted = stamp !== undefined && expiresAt !== undefined
        const newMark = isNoted ? encodeMark({ stamp, expiresAt, state: 'same' }) : undefined
        const request = { stamp: stampOf(to), mark: mark && encodeMark(mark), put: 'stay' } as const
        const isDone = await this.#sides.to.mirror(id, { ...request, newMark })
        return isDone && isNoted && this.#isGivingBack ? this.#settleOnce(id, found.hops) : isDone
      }
    }
  }

  /** To a side that may have lost something, the entry in its principal's index too. */
  async #listAgain(found: Found): Promise<boolean> {
    const { id, from, to } = found
    const on = (['from', 'to'] as const).find((side) => this.#loses[side])
    if (on === undefined || from === undefined || to === undefined) return true
    const tag = readHeader(from.record)?.ownerTag
    if (tag === undefined) return true
    const [ofFrom, ofTo] = await this.#belongings(id, tag)
    const [lacking, other] = on === 'to' ? [ofTo, ofFrom] : [ofFrom, ofTo]
    if (lacking.descriptor !== undefined || other.descriptor === undefined) return true
    return this.#put(on, false, found)
  }

  get #isGivingBack(): boolean {
    return this.#loses.from || this.#loses.to
  }

  #belongings(id: SessionId, ownerTag: string): Promise<[Belongings, Belongings]> {
    const { from, to } = this.#sides
    return Promise.all([from.belongings(id, ownerTag), to.belongings(id, ownerTag)])
  }

  async #extend(on: Side, ttl: number, { id, from, to, mark, hops }: Found): Promise<boolean> {
    if (on === 'from') {
      const request = { stamp: stampOf(from), put: 'stay', ttl, mark: 'unkept' } as const
      return (await this.#sides.from.mirror(id, request)) && this.#settleOnce(id, hops)
    }
    const expiresAt = this.#sides.to.now() + ttl
    const newMark = to && encodeMark({ stamp: stampText(to.record), expiresAt, state: 'same' })
    const request = { stamp: stampOf(to), mark: mark && encodeMark(mark), put: 'stay' } as const
    return this.#sides.to.mirror(id, { ...request, ttl, newMark })
  }

  /**
   * Its session has ended on one side. Where that was before the other side has moved it on, to the id that its trail
   * leads to, it ends there.
   */
  async #endHere(found: Found): Promise<boolean> {
    const { id, from, to, mark } = found
    const trail = [from, to].find((one) => one !== undefined && leadsTo(one.record) !== undefined)
    const isMoved = trail !== undefined && stampText(trail.record) !== mark?.stamp
    if (isMoved) await this.#endAll(leadsTo(trail.record), 1)
    return this.#end(found, id)
  }

  /** What stands at the id, and what its trails lead to, on both sides. */
  async #endAll(id: SessionId | undefined, hops: number): Promise<void> {
    if (id === undefined || hops > MOST_HOPS) return
    for (;;) {
      const [[from, to], mark] = await Promise.all([this.#both(id), this.#mark(id)])
      const next = [from, to].map((one) => one && leadsTo(one.record))
      for (const one of new Set(next)) await this.#endAll(one, hops + 1)
      if (await this.#end({ id, from, to, mark, isOurs: false, hops }, id)) return
    }
  }

  /** On both sides, and for good: a server that remembers it must not bring it back. */
  async #end({ from, to, mark }: Found, id: SessionId): Promise<boolean> {
    const ownerOf = (one: Standing | undefined): OwnerEntry | undefined => {
      const tag = one && readHeader(one.record)?.ownerTag
      return tag === undefined ? undefined : { tag }
    }
    const standing = to ?? from
    const stamp = mark?.stamp ?? (standing === undefined ? NO_STAMP : stampText(standing.record))
    const newMark = encodeMark({ stamp, expiresAt: mark?.expiresAt ?? 0, state: 'ended' })
    const isDone = await this.#sides.to.mirror(id, {
      ...{ stamp: stampOf(to), mark: mark && encodeMark(mark), newMark, owner: ownerOf(to) },
      put: to === undefined ? 'stay' : 'end',
    })
    if (!isDone) return false
    if (to !== undefined) this.counts.ended.to++
    if (from === undefined) return true
    const request = {
      stamp: stampOf(from),
      put: 'end',
      owner: ownerOf(from),
      mark: 'unkept',
    } as const
    const isEnded = await this.#sides.from.mirror(id, request)
    if (isEnded) this.counts.ended.from++
    return isEnded
  }

  async #put(on: Side, isConflict: boolean, found: Found): Promise<boolean> {
    const { id, from, to, mark, hops } = found
    const standing = on === 'to' ? from : to
    const there = on === 'to' ? to : from
    if (standing === undefined) return true
    const successor = leadsTo(standing.record)
    const loser = there && leadsTo(there.record)
    // Both sides have moved it on, each to an id of its own: one session is to be left.
    if (loser !== undefined && loser !== successor) await this.#endAll(loser, hops + 1)
    // A request that is led there must find something.
    if (successor !== undefined && hops < MOST_HOPS) await this.#settleOnce(successor, hops + 1)
    const copy = await this.#copyOf(on, standing, found)
    // Its time is over.
    if (copy === undefined) return true
    const request = { ...copy, stamp: stampOf(to), mark: mark && encodeMark(mark) }
    const isDone = await (on === 'to'
      ? this.#sides.to.mirror(id, request)
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
    let marked = mark && encodeMark(mark)
    if (mark === undefined) {
      marked = encodeMark({ ...copy.newState, state: 'pending' })
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
    // Deadlines are by the server's clock.
    const now = source.now()
    const life = header === undefined ? LONGEST_TRAIL : header.deadline - now
    const ttl = Math.min(standing.ttl, life)
    if (ttl <= 0) return undefined
    // A trail stands in no index, but what it takes the place of may.
    const tag = header?.ownerTag ?? (there && readHeader(there.record)?.ownerTag)
    const listed = header === undefined ? undefined : descriptor
    const indexLife = isAwaited ? life + TOLD_WITHIN : life
    const owner = tag === undefined ? undefined : { tag, descriptor: listed, life: indexLife }
    const expiresAt = this.#sides.to.now() + ttl
    const newState: Mark = { stamp: stampText(record), expiresAt, state: 'same' }
    return { put: record, ttl, owner, isAwaited, newState, newMark: encodeMark(newState) }
  }
}

/** Both sides have the same options: an error has to say whose it is. */
function naming(side: Side): (error: unknown) => never {
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

type MirrorCopy = Omit<MirrorRequest, 'stamp' | 'mark'> & {
  readonly put: Buffer
  readonly newMark: Buffer
  readonly newState: Mark
}

interface Found {
  readonly id: SessionId
  readonly from: Standing | undefined
  readonly to: Standing | undefined
  readonly mark: Mark | undefined
  /** What stands on the side that is moved from is what we have put there. */
  readonly isOurs: boolean
  /** Trails that have led here. */
  readonly hops: number
}

function stampOf(standing: Standing | undefined): Buffer | undefined {
  return standing && Buffer.from(stampText(standing.record), 'latin1')
}
