import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  decide,
  type Mark,
  type Standing,
  stampText,
} from '../../../src/operations/migrate/decide.ts'

const NOW = 1_800_000_000_000
const TTL = 60_000

function standing(revision: number, ttl = TTL): Standing {
  const record = randomBytes(80)
  record[0] = 1
  record[1] = 1 << 3
  record.writeUInt32BE(revision, 2)
  return { record, ttl }
}

function forward({ used = 0, until = NOW, seed = randomBytes(8) } = {}): Standing {
  const record = Buffer.alloc(84)
  record[0] = 1
  record[1] = 0x80
  record.writeUInt32BE(0xffffffff, 2)
  seed.copy(record, 6)
  record.writeUIntBE(until, 41, 6)
  record[47] = used
  return { record, ttl: TTL }
}

const markOf = ({ record }: Standing, expiresAt = NOW + TTL): Mark => ({
  stamp: stampText(record),
  expiresAt,
  state: 'same',
})

describe('decide', () => {
  const one = standing(3)

  it('what stands nowhere is forgotten, or was never known', () => {
    expect(decide(undefined, undefined, undefined, NOW).kind).toBe('nothing')
    expect(decide(undefined, undefined, markOf(one), NOW).kind).toBe('forget')
  })

  it('what is new on one side comes to the other', () => {
    const put = (on: string) => ({ kind: 'put', on, isConflict: false })
    expect(decide(one, undefined, undefined, NOW)).toEqual(put('to'))
    expect(decide(undefined, one, undefined, NOW)).toEqual(put('from'))
  })

  it('what was on both and is missing on one before its time has ended', () => {
    expect(decide(undefined, one, markOf(one), NOW)).toEqual({ kind: 'end' })
    expect(decide(one, undefined, markOf(one), NOW)).toEqual({ kind: 'end' })
    // Also when it has been changed meanwhile where it still is.
    expect(decide(undefined, standing(9), markOf(one), NOW)).toEqual({ kind: 'end' })
  })

  it('what is on its way back is not missing there, and when it is missing where it came from has ended', () => {
    const pending = { ...markOf(one), state: 'pending' as const }
    expect(decide(undefined, one, pending, NOW)).toMatchObject({ kind: 'put', on: 'from' })
    expect(decide(one, undefined, pending, NOW)).toEqual({ kind: 'end' })
    expect(decide(one, { ...one }, pending, NOW).kind).toBe('note')
  })

  it('what has expired on one side and was used on the other goes on', () => {
    const mark = markOf(one, NOW - 5)
    expect(decide(undefined, one, mark, NOW)).toMatchObject({ kind: 'put', on: 'from' })
    expect(decide(one, undefined, mark, NOW)).toMatchObject({ kind: 'put', on: 'to' })
  })

  it('what has expired on one side expires on the other by itself', () => {
    const late = { ...one, ttl: 12 }
    expect(decide(undefined, late, markOf(one, NOW - 5), NOW).kind).toBe('nothing')
    expect(decide(late, undefined, markOf(one, NOW + 12), NOW).kind).toBe('nothing')
  })

  it('of a side that loses records by itself, that one is missing says nothing', () => {
    const loses = { from: false, to: true }
    expect(decide(one, undefined, markOf(one), NOW, loses)).toMatchObject({ kind: 'put', on: 'to' })
    expect(decide(undefined, one, markOf(one), NOW, loses)).toEqual({ kind: 'end' })
  })

  it('what has ended stays so, wherever it comes back from', () => {
    const ended = { ...markOf(one), state: 'ended' as const }
    expect(decide(one, undefined, ended, NOW)).toEqual({ kind: 'end' })
    expect(decide(undefined, one, ended, NOW)).toEqual({ kind: 'end' })
    expect(decide(one, { ...one }, ended, NOW)).toEqual({ kind: 'end' })
    expect(decide(undefined, undefined, ended, NOW).kind).toBe('nothing')
  })

  it('a long lifetime is noted as it is, and one without end as a very long one', () => {
    const weeks = { ...one, ttl: 14 * 24 * 3_600_000 }
    expect(decide(weeks, { ...weeks }, undefined, NOW)).toMatchObject({
      expiresAt: NOW + weeks.ttl,
    })
    const endless = { ...one, ttl: Number.POSITIVE_INFINITY }
    const step = decide(endless, { ...endless }, undefined, NOW)
    expect(step.kind === 'note' && step.expiresAt - NOW).toBeGreaterThan(365 * 24 * 3_600_000)
  })

  it('the same on both sides is noted once', () => {
    const twin = { ...one }
    const step = decide(one, twin, undefined, NOW)
    expect(step).toEqual({ kind: 'note', stamp: stampText(one.record), expiresAt: NOW + TTL })
    expect(decide(one, twin, markOf(one), NOW).kind).toBe('nothing')
    expect(decide(one, twin, markOf(standing(2)), NOW).kind).toBe('note')
  })

  it('the longer lifetime of the same record counts', () => {
    const longer = { ...one, ttl: TTL * 2 }
    expect(decide(longer, one, markOf(one), NOW)).toEqual({
      kind: 'extend',
      on: 'to',
      ttl: TTL * 2,
    })
    expect(decide(one, longer, markOf(one), NOW)).toEqual({
      ...{ kind: 'extend', on: 'from', ttl: TTL * 2 },
    })
  })

  it('of two that differ the higher revision counts, whatever the mark says', () => {
    const [low, high] = [standing(3), standing(4)]
    expect(decide(high, low, markOf(low), NOW)).toEqual({
      kind: 'put',
      on: 'to',
      isConflict: false,
    })
    expect(decide(low, high, markOf(low), NOW)).toEqual({
      ...{ kind: 'put', on: 'from', isConflict: false },
    })
    // `from` has come back from a snapshot.
    expect(decide(low, high, markOf(high), NOW)).toMatchObject({ kind: 'put', on: 'from' })
    expect(decide(high, low, markOf(one), NOW)).toMatchObject({ on: 'to', isConflict: true })
    expect(decide(high, low, undefined, NOW)).toMatchObject({ on: 'to', isConflict: false })
  })

  it('of two of the same revision the one counts that has changed, in doubt that of the new side', () => {
    const [left, right] = [standing(3), standing(3)]
    expect(decide(left, right, markOf(right), NOW)).toMatchObject({ on: 'to', isConflict: false })
    expect(decide(left, right, markOf(left), NOW)).toMatchObject({ on: 'from', isConflict: false })
    expect(decide(left, right, undefined, NOW)).toMatchObject({ on: 'from', isConflict: true })
  })

  it('what was given up is not taken up again', () => {
    const high = standing(0xfffffffe)
    expect(decide(forward(), high, markOf(high), NOW)).toMatchObject({ kind: 'put', on: 'to' })
    expect(decide(high, forward(), markOf(high), NOW)).toMatchObject({ kind: 'put', on: 'from' })
  })

  it('of one forward the state counts that leads on for less', () => {
    const seed = randomBytes(8)
    const [open, settled] = [forward({ seed }), forward({ seed, used: 1, until: NOW - 9 })]
    expect(decide(settled, open, undefined, NOW)).toMatchObject({ kind: 'put', on: 'to' })
    expect(decide(open, settled, undefined, NOW)).toMatchObject({ kind: 'put', on: 'from' })
    const sooner = forward({ seed, until: NOW - 9 })
    expect(decide(sooner, open, undefined, NOW)).toMatchObject({ kind: 'put', on: 'to' })
  })
})
