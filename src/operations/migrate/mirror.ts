import type { Clock } from '../../core/clock.ts'
import type { SessionId } from '../../core/engine.ts'
import { readHeader } from '../../core/record.ts'
import type {
  Belongings,
  Deployment,
  MirrorRequest,
  OwnerEntry,
} from '../../engines/redis/deployment.ts'
import {
  decide,
  type Losing,
  leadsTo,
  type Mark,
  SAME_TTL,
  type Side,
  type Standing,
  type Step,
  stampText,
} from './decide.ts'
import type { Guard } from './guard.ts'
import { decodeMark, encodeMark } from './marks.ts'

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

interface MirrorOptions {
  readonly sides: Record<Side, Deployment>
  readonly guard: Guard
  readonly clock: Clock
  readonly counts: MigrationCounts
  /** Sides that may have lost something; changes. */
  readonly loses: Losing
}

/** Of one that somebody has made to stay, milliseconds. */
const LONGEST_TRAIL = 24 * 3_600_000
const NO_STAMP = '\0'.repeat(8)
/** Rotations make a chain of forwards; applications follow no longer one. */
const MOST_HOPS = 64
/** How much longer an index lives than its sessions, where their expiry is told of. Milliseconds. */
const TOLD_WITHIN = 24 * 3_600_000

/** One session at a time: what both sides have of it, what is to be done, and doing it by compare-and-set. */
export class Mirror {
  readonly #sides: Record<Side, Deployment>
  readonly #guard: Guard
  readonly #clock: Clock
  readonly #counts: MigrationCounts
  readonly #loses: Losing
  /** Stamps of what has come to the side that is moved from, and could not be noted for the next change. */
  readonly #putAhead = new Map<SessionId, string>()

  constructor({ sides, guard, clock, counts, loses }: MirrorOptions) {
    this.#sides = sides
    this.#guard = guard
    this.#clock = clock
    this.#counts = counts
    this.#loses = loses
  }

  async #mark(id: SessionId): Promise<Mark | undefined> {
    return decodeMark(await this.#sides.to.mark(id))
  }

  both(id: SessionId): Promise<[Standing | undefined, Standing | undefined]> {
    return Promise.all([this.#sides.from.read(id), this.#sides.to.read(id)])
  }

  /**
   * Makes both sides the same at one id.
   * @param hops trails that have led here
   * @returns false when something has changed meanwhile
   * @throws MigrationStoppedError, StoreUnavailableError, StoreRefusedError
   */
  async settle(id: SessionId, hops = 0): Promise<boolean> {
    const start = this.#clock.monotonic()
    const [[from, to], mark] = await Promise.all([this.both(id), this.#mark(id)])
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
        return isDone && isNoted && this.#isGivingBack ? this.settle(id, found.hops) : isDone
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
    const [ofFrom, ofTo] = await this.belongings(id, tag)
    const [lacking, other] = on === 'to' ? [ofTo, ofFrom] : [ofFrom, ofTo]
    if (lacking.descriptor !== undefined || other.descriptor === undefined) return true
    return this.#put(on, false, found)
  }

  get #isGivingBack(): boolean {
    return this.#loses.from || this.#loses.to
  }

  belongings(id: SessionId, ownerTag: string): Promise<[Belongings, Belongings]> {
    const { from, to } = this.#sides
    return Promise.all([from.belongings(id, ownerTag), to.belongings(id, ownerTag)])
  }

  async #extend(on: Side, ttl: number, { id, from, to, mark, hops }: Found): Promise<boolean> {
    if (on === 'from') {
      const request = { stamp: stampOf(from), put: 'stay', ttl, mark: 'unkept' } as const
      return (await this.#sides.from.mirror(id, request)) && this.settle(id, hops)
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
      const [[from, to], mark] = await Promise.all([this.both(id), this.#mark(id)])
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
    if (to !== undefined) this.#counts.ended.to++
    if (from === undefined) return true
    const request = {
      stamp: stampOf(from),
      put: 'end',
      owner: ownerOf(from),
      mark: 'unkept',
    } as const
    const isEnded = await this.#sides.from.mirror(id, request)
    if (isEnded) this.#counts.ended.from++
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
    if (successor !== undefined && hops < MOST_HOPS) await this.settle(successor, hops + 1)
    const copy = await this.#copyOf(on, standing, found)
    // Its time is over.
    if (copy === undefined) return true
    const request = { ...copy, stamp: stampOf(to), mark: mark && encodeMark(mark) }
    const isDone = await (on === 'to'
      ? this.#sides.to.mirror(id, request)
      : this.#putBack(copy, found))
    if (isDone) this.#counts.put[on]++
    if (isDone && isConflict) this.#counts.conflicts++
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
