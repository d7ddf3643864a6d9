import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTrail, stampOf } from '../../src/core/engine.ts'
import { createKeyring, type Keyring } from '../../src/core/keyring.ts'
import { openRecord } from '../../src/core/record.ts'
import { createToken, type Token } from '../../src/core/token.ts'
import {
  makeForward,
  makeSuperseded,
  readTrail,
  settledForward,
  successorOf,
} from '../../src/core/trail.ts'

const A = 'A'.repeat(32)
const B = 'B'.repeat(32)
const keyring = createKeyring([A])
const from = createToken(keyring, 5)
const UNTIL = 1_732_440_000_000
const to = createToken(keyring, 5)

const kind = (by: Keyring, token: Token, trail: Uint8Array): string =>
  readTrail(by, token, trail).kind

describe('a forward', () => {
  it('leads the holder of the former token to the successor', () => {
    const trail = makeForward(keyring, from, to, UNTIL)
    const found = { kind: 'forward', token: to, until: UNTIL, isUsed: false }
    expect(readTrail(keyring, from, trail)).toEqual(found)
    expect(trail).toHaveLength(16 + 25 + 6 + 1 + 36 + 16)
  })

  it('opens for nobody else', () => {
    const trail = makeForward(keyring, from, to, UNTIL)
    for (let i = 0; i < 50; i++) {
      expect(kind(keyring, createToken(keyring, 5), trail)).toBe('unreadable')
    }
    expect(kind(keyring, to, trail)).toBe('unreadable')
  })

  it('does not open with the session id alone: the random part of the token is needed', () => {
    const trail = makeForward(keyring, from, to, UNTIL)
    const guessed: Token = { ...createToken(keyring, 5), id: from.id }
    expect(kind(keyring, guessed, trail)).toBe('unreadable')
    const moved: Token = { ...from, id: to.id }
    expect(kind(keyring, moved, trail)).toBe('unreadable')
  })

  it('S26 opens under former secrets, not under removed ones', () => {
    const trail = makeForward(keyring, from, to, UNTIL)
    expect(kind(createKeyring([B, A]), from, trail)).toBe('forward')
    expect(kind(createKeyring([A, B]), from, trail)).toBe('forward')
    expect(kind(createKeyring([B]), from, trail)).toBe('unreadable')
  })

  it('is settled once: until is never raised, and the rest stays', () => {
    const trail = makeForward(keyring, from, to, UNTIL)
    for (const until of [UNTIL - 1, UNTIL, UNTIL + 1]) {
      const settled = settledForward(trail, until) ?? new Uint8Array()
      const found = { kind: 'forward', until: Math.min(until, UNTIL), isUsed: true }
      expect(readTrail(keyring, from, settled)).toMatchObject(found)
      expect(successorOf(settled)).toBe(to.id)
      expect(settledForward(settled, UNTIL - 2)).toBeUndefined()
    }
    expect(settledForward(makeSuperseded(), UNTIL)).toBeUndefined()
    expect(settledForward(makeSuperseded(to.id), UNTIL)).toBeUndefined()
  })

  it('S25 does not open when any bit of it is changed but those that say until when', () => {
    const trail = makeForward(keyring, from, to, UNTIL)
    for (let bit = 0; bit < trail.length * 8; bit++) {
      if (bit >= 41 * 8 && bit < 48 * 8) continue
      const changed = new Uint8Array(trail)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const read = readTrail(keyring, from, changed)
      expect([bit, read.kind]).toEqual([bit, 'unreadable'])
    }
  })

  it('S25 does not open when it is cut or lengthened', () => {
    const trail = makeForward(keyring, from, to, UNTIL)
    for (let length = 0; length < trail.length; length++) {
      expect(kind(keyring, from, trail.subarray(0, length))).toBe('unreadable')
    }
    expect(kind(keyring, from, Buffer.concat([trail, Buffer.alloc(1)]))).toBe('unreadable')
  })

  it('does not lead to a token that is not of this keyring', () => {
    const foreign = createToken(createKeyring([B]), 5)
    expect(kind(keyring, from, makeForward(keyring, from, foreign, UNTIL))).toBe('unreadable')
  })

  it('S06 does not hold the successor in clear, nor the same bytes twice', () => {
    const [one, two] = [
      makeForward(keyring, from, to, UNTIL),
      makeForward(keyring, from, to, UNTIL),
    ]
    const secret = Buffer.from(to.secret).toString('latin1')
    expect(Buffer.from(one).toString('latin1')).not.toContain(secret.slice(0, 6))
    expect(Buffer.from(one.subarray(16)).equals(two.subarray(16))).toBe(false)
  })
})

describe('a marker of a login', () => {
  it('says that the id was superseded, to everybody', () => {
    expect(kind(keyring, from, makeSuperseded())).toBe('superseded')
    expect(kind(createKeyring([B]), to, makeSuperseded())).toBe('superseded')
  })

  it('of a step-up names the successor, and leads nobody there', () => {
    const marker = makeSuperseded(to.id)
    expect(kind(keyring, from, marker)).toBe('superseded')
    expect(successorOf(marker)).toBe(to.id)
    expect(successorOf(makeSuperseded())).toBeUndefined()
  })

  it('does not pass for a forward, nor the reverse', () => {
    const forward = new Uint8Array(makeForward(keyring, from, to, UNTIL))
    forward[1] = 0x81
    expect(kind(keyring, from, forward)).toBe('unreadable')
    const marker = new Uint8Array(makeSuperseded())
    marker[1] = 0x80
    expect(kind(keyring, from, marker)).toBe('unreadable')
  })
})

describe('every trail', () => {
  it('is told from a record, and is no session', () => {
    for (const trail of [makeForward(keyring, from, to, UNTIL), makeSuperseded()]) {
      expect(isTrail(trail)).toBe(true)
      const context = { keyring, id: from.id, token: from }
      expect(openRecord(trail, context)).toEqual({ status: 'rejected', reason: 'format' })
    }
  })

  it('has a stamp of the highest revision, which no record has, and never the same', () => {
    const stamps = [makeSuperseded(), makeSuperseded(), makeForward(keyring, from, to, UNTIL)].map(
      (trail) => Buffer.from(stampOf(trail)).toString('hex'),
    )
    for (const stamp of stamps) expect(stamp).toMatch(/^ffffffff/)
    expect(new Set(stamps).size).toBe(3)
  })

  it('F25 of any bytes is read without an exception', () => {
    const start = fc.constantFrom([1, 0x80], [1, 0x81], [1, 0x82], [2, 0x80])
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 90 }), (head, rest) => {
        const found = kind(keyring, from, Uint8Array.from([...head, ...rest]))
        const isMarker = head[1] === 0x81 && [12, 39].includes(rest.length)
        expect(found).toBe(isMarker ? 'superseded' : 'unreadable')
      }),
      { numRuns: 2_000 },
    )
  })
})
