import type { SessionId } from '../../core/engine.ts'
import { TRAIL_FLAG } from '../../core/record.ts'
import { successorOf } from '../../core/trail.ts'

/** What stands at an id on one side. */
export interface Standing {
  readonly record: Buffer
  /** Milliseconds; infinite by somebody's PERSIST. */
  readonly ttl: number
}

/** What both sides had when they were last made the same. Kept on the side that is moved to. */
export interface Mark {
  /** As text of one byte a character. */
  readonly stamp: string
  /** When it would have ended on both, milliseconds since the epoch by the clock of the side that is moved to. */
  readonly expiresAt: number
  /**
   * `pending`: it is on its way to the side that is moved from, and may not be there yet. `ended`: and it must not
   * come back, from a server that remembers it.
   */
  readonly state: 'same' | 'pending' | 'ended'
}

export type Side = 'from' | 'to'

/** What is to be done so that both sides have the same. */
export type Step =
  | { readonly kind: 'nothing' }
  /** They have: the mark is to say so. */
  | { readonly kind: 'note'; readonly expiresAt: number; readonly stamp: string }
  /** They have, but one of them ends it sooner. @property ttl milliseconds */
  | { readonly kind: 'extend'; readonly on: Side; readonly ttl: number }
  /** The other side's is to stand here. */
  | { readonly kind: 'put'; readonly on: Side; readonly isConflict: boolean }
  /** It has ended on one side. */
  | { readonly kind: 'end' }
  /** It stands nowhere any more. */
  | { readonly kind: 'forget' }

export type Losing = Readonly<Record<Side, boolean>>

/** Of one that nothing ends, ten years. Milliseconds. */
const LONGEST = 3_650 * 24 * 3_600_000
const NONE: Losing = { from: false, to: false }
/** Lifetimes that differ by less are the same, milliseconds: they were read one after the other. */
export const SAME_TTL = 1_000
const REVISION_OFFSET = 2
const STAMP_END = 10
/** Of a forward: from then on it leads nobody on (6 bytes), and whether its successor was used (1). */
const UNTIL_OFFSET = 41
const USED_OFFSET = 47

export const stampText = (record: Buffer): string =>
  record.toString('latin1', REVISION_OFFSET, STAMP_END)

const isTrailRecord = (record: Buffer): boolean => ((record[1] ?? 0) & TRAIL_FLAG) !== 0

/** Where a trail leads, which has to be there first. */
export const leadsTo = (record: Buffer): SessionId | undefined =>
  isTrailRecord(record) ? successorOf(record) : undefined

/**
 * The rules, without I/O. What has ended on one side ends on the other; what is new on one side comes to the
 * other; of two that differ the one of the higher revision counts, of two of the same revision the one that has
 * changed since they were the same.
 * @param now milliseconds since the epoch, by the clock of the mark
 * @param loses sides that may have lost records: that one is missing there says nothing
 */
export function decide(
  from: Standing | undefined,
  to: Standing | undefined,
  mark: Mark | undefined,
  now: number,
  loses: Losing = NONE,
): Step {
  if (from === undefined && to === undefined) {
    const isOver = mark === undefined || mark.state === 'ended'
    return isOver ? { kind: 'nothing' } : { kind: 'forget' }
  }
  if (mark?.state === 'ended') return { kind: 'end' }
  if (from === undefined || to === undefined) return ofOne(from, to, mark, now, loses)
  return stampText(from.record) === stampText(to.record)
    ? ofSame(from, to, mark, now)
    : ofTwo(from, to, mark)
}

/** It stands on one side only. */
function ofOne(
  from: Standing | undefined,
  to: Standing | undefined,
  mark: Mark | undefined,
  now: number,
  loses: Losing,
): Step {
  const here: Side = from === undefined ? 'to' : 'from'
  const missing: Side = here === 'to' ? 'from' : 'to'
  const put: Step = { kind: 'put', on: missing, isConflict: false }
  if (mark === undefined || loses[missing]) return put
  if (mark.state === 'pending' && missing === 'from') return put
  // Before its time it has been ended there.
  if (now < mark.expiresAt - SAME_TTL) return { kind: 'end' }
  // It has expired there. Here it was used since, or expires in a moment too.
  const ttl = (from ?? to)?.ttl ?? 0
  return now + ttl > mark.expiresAt + SAME_TTL ? put : { kind: 'nothing' }
}

/** The same state of the same session. */
function ofSame(from: Standing, to: Standing, mark: Mark | undefined, now: number): Step {
  // Of a forward two fields change and its stamp does not.
  if (!from.record.equals(to.record)) {
    const on: Side = isSettledFurther(from.record, to.record) ? 'to' : 'from'
    return { kind: 'put', on, isConflict: false }
  }
  const isTrail = isTrailRecord(from.record)
  const isBounded = Number.isFinite(from.ttl + to.ttl)
  if (!isTrail && isBounded && Math.abs(from.ttl - to.ttl) > SAME_TTL) {
    const on: Side = from.ttl < to.ttl ? 'from' : 'to'
    return { kind: 'extend', on, ttl: Math.max(from.ttl, to.ttl) }
  }
  const stamp = stampText(from.record)
  const ttl = Math.min(from.ttl, to.ttl)
  const expiresAt = now + (Number.isFinite(ttl) ? ttl : LONGEST)
  const isNoted = mark?.stamp === stamp && mark.state === 'same'
  if (isNoted && Math.abs(mark.expiresAt - expiresAt) <= SAME_TTL) return { kind: 'nothing' }
  return { kind: 'note', stamp, expiresAt }
}

function isSettledFurther(record: Buffer, than: Buffer): boolean {
  const used = (record[USED_OFFSET] ?? 0) - (than[USED_OFFSET] ?? 0)
  if (used !== 0) return used > 0
  return record.readUIntBE(UNTIL_OFFSET, 6) <= than.readUIntBE(UNTIL_OFFSET, 6)
}

function ofTwo(from: Standing, to: Standing, mark: Mark | undefined): Step {
  const [fromTrail, toTrail] = [isTrailRecord(from.record), isTrailRecord(to.record)]
  // What was given up is not taken up again.
  if (fromTrail !== toTrail) {
    const given = stampText((fromTrail ? to : from).record)
    const isConflict = mark !== undefined && mark.stamp !== given
    return { kind: 'put', on: fromTrail ? 'to' : 'from', isConflict }
  }
  const [fromIsMarked, toIsMarked] = [from, to].map(
    (side) => mark?.stamp === stampText(side.record),
  )
  const isConflict = mark !== undefined && fromIsMarked !== true && toIsMarked !== true
  const [ofFrom = 0, ofTo = 0] = [from, to].map(({ record }) =>
    record.readUInt32BE(REVISION_OFFSET),
  )
  // Not only by the mark: a server that has come back with what it had a while ago has changed too.
  if (ofFrom !== ofTo) return { kind: 'put', on: ofFrom > ofTo ? 'to' : 'from', isConflict }
  const on: Side = toIsMarked === true ? 'to' : 'from'
  return { kind: 'put', on, isConflict: fromIsMarked !== true && toIsMarked !== true }
}
