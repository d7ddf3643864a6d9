import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codecs } from '../../src/core/codec.ts'
import { isTrail, stampOf } from '../../src/core/engine.ts'
import { AttributeError, SessionTooLargeError } from '../../src/core/errors.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import {
  encodeRecord,
  nextRevision,
  openRecord,
  type RecordHeader,
  type RecordSettings,
  readHeader,
  type SealMode,
} from '../../src/core/record.ts'
import { createToken, type Token } from '../../src/core/token.ts'

const CURRENT = 'current secret 0123456789abcdef0123456789'
const FORMER = 'former secret 0123456789abcdef0123456789'
const keyring = createKeyring([CURRENT, FORMER])
const token = createToken(keyring, 5)
const header: RecordHeader = {
  revision: 1,
  createdAt: 1_732_440_000_000,
  deadline: 1_732_483_200_000,
  idleTimeout: 1_800_000,
  schema: 1,
  ownerTag: undefined,
}
const settings = (change: Partial<RecordSettings> = {}): RecordSettings => ({
  codec: codecs.messagepack,
  seal: 1,
  compressAbove: 256,
  maxBytes: 65_536,
  ...change,
})
const contextOf = (of: Token, ring = keyring): Parameters<typeof openRecord>[1] => ({
  keyring: ring,
  id: of.id,
  token: of,
})
const content = (attributes: Record<string, unknown>): Parameters<typeof encodeRecord>[1] => ({
  attributes: new Map(Object.entries(attributes)),
  meta: new Map(),
})

const modes = fc.record({
  codec: fc.constantFrom(codecs.messagepack, codecs.json),
  seal: fc.constantFrom<SealMode>(0, 1, 2),
  compressAbove: fc.constantFrom(0, 256, Number.POSITIVE_INFINITY),
})
const headers = fc.record<RecordHeader>({
  revision: fc.integer({ min: 1, max: 0xfffffffe }),
  createdAt: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  deadline: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  idleTimeout: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  schema: fc.integer({ min: 0, max: 65_535 }),
  ownerTag: fc.option(
    fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((b) => Buffer.from(b).toString('base64url')),
    { nil: undefined },
  ),
})
const attributes = fc.dictionary(
  fc
    .stringMatching(/^[a-z]{1,12}$/)
    .filter((name) => name !== 'constructor' && name !== 'prototype'),
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.string({ unit: 'grapheme' })),
  ),
)

describe('record', () => {
  it('opens to what was encoded, whatever the header, codec, compression and sealing', () => {
    fc.assert(
      fc.property(headers, attributes, attributes, modes, (head, data, inner, mode) => {
        const meta = new Map(Object.entries(inner))
        const given = { attributes: new Map(Object.entries(data)), meta }
        const record = encodeRecord(head, given, contextOf(token), settings(mode))
        expect(openRecord(record, contextOf(token))).toEqual({
          status: 'open',
          header: head,
          heapBytes: expect.any(Number),
          key: contextOf(token).keyring.primary,
          ...given,
        })
        expect(readHeader(record)).toEqual(head)
        expect(isTrail(record)).toBe(false)
      }),
    )
  })

  it('never throws, whatever stands in Redis', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Bytes that begin like a record reach further.
      fc.uint8Array({ minLength: 60, maxLength: 200 }).map((b) => {
        b[0] = 1
        b[1] = (b[1] ?? 0) & 0x3f
        return b
      }),
    )
    fc.assert(
      fc.property(bytes, (record) => {
        expect(openRecord(record, contextOf(token)).status).toBe('rejected')
      }),
      { numRuns: 2000 },
    )
  })

  it('two records of the same revision have different stamps', () => {
    const stamps = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      const record = encodeRecord(header, content({}), contextOf(token), settings())
      stamps.add(Buffer.from(stampOf(record)).toString('hex'))
    }
    expect(stamps.size).toBe(1000)
  })

  it('revisions go up by one and start anew after the highest, which trails have for themselves', () => {
    expect(nextRevision(1)).toBe(2)
    expect(nextRevision(0xfffffffd)).toBe(0xfffffffe)
    expect(nextRevision(0xfffffffe)).toBe(1)
  })

  it('is compressed above the threshold only, and only if that helps', () => {
    const flags = (data: Record<string, unknown>, compressAbove: number): number =>
      encodeRecord(header, content(data), contextOf(token), settings({ compressAbove }))[1] ?? 0
    const text = { text: 'again '.repeat(100) }
    expect(flags(text, 256) & 4).toBe(4)
    expect(flags(text, 10_000) & 4).toBe(0)
    const noise = { noise: randomBytes(400) }
    expect(flags(noise, 0) & 4).toBe(0)
  })

  it('S25 swapped between sessions it does not open', () => {
    const other = createToken(keyring, 5)
    for (const seal of [0, 1, 2] as const) {
      const record = encodeRecord(header, content({ a: 1 }), contextOf(token), settings({ seal }))
      expect(openRecord(record, contextOf(token)).status).toBe('open')
      const swapped = openRecord(record, contextOf(other))
      expect(swapped).toEqual({ status: 'rejected', reason: 'damaged' })
    }
  })

  it('S26 a new key seals, old ones open, removed ones fail closed', () => {
    const before = createKeyring([FORMER])
    const record = encodeRecord(header, content({ a: 1 }), contextOf(token, before), settings())
    expect(openRecord(record, contextOf(token)).status).toBe('open')
    const removed = createKeyring([CURRENT])
    expect(openRecord(record, contextOf(token, removed))).toEqual({
      status: 'rejected',
      reason: 'key',
    })
    const anew = encodeRecord(header, content({ a: 1 }), contextOf(token), settings())
    expect(openRecord(anew, contextOf(token, removed)).status).toBe('open')
  })

  it('token-sealed it does not open without the token, whatever secrets are known', () => {
    const record = encodeRecord(header, content({ a: 1 }), contextOf(token), settings({ seal: 2 }))
    const withoutToken = { keyring, id: token.id, token: undefined }
    expect(openRecord(record, withoutToken)).toEqual({ status: 'rejected', reason: 'token-needed' })
    const guess = {
      keyring,
      id: token.id,
      token: { secret: new Uint8Array(24), recordKey: undefined },
    }
    expect(openRecord(record, guess).status).toBe('rejected')
  })

  it('sealed, it shows nothing of its attributes', () => {
    const data = content({ canary: 'canary-value-1234567890' })
    for (const seal of [1, 2] as const) {
      const record = encodeRecord(header, data, contextOf(token), settings({ seal }))
      expect(Buffer.from(record).includes('canary')).toBe(false)
    }
    const clear = encodeRecord(header, data, contextOf(token), settings({ seal: 0 }))
    expect(Buffer.from(clear).includes('canary')).toBe(true)
  })

  it('a small record cannot become a large allocation', () => {
    const bomb = content({ zeros: '0'.repeat(20 * 1024 * 1024) })
    const record = encodeRecord(header, bomb, contextOf(token), settings({ maxBytes: 1 << 25 }))
    expect(record.length).toBeLessThan(100_000)
    expect(openRecord(record, contextOf(token))).toEqual({ status: 'rejected', reason: 'payload' })
  })

  it('too large: names the largest attributes, largest first, at most five', () => {
    const data = content({
      a: 'x'.repeat(30),
      b: 'x'.repeat(500),
      c: 1,
      d: 2,
      e: 'yyy',
      f: 'zzzzzz',
    })
    let thrown: unknown
    try {
      encodeRecord(header, data, contextOf(token), settings({ maxBytes: 100 }))
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(SessionTooLargeError)
    const { largest, bytes, maxBytes, code } = thrown as SessionTooLargeError
    expect(largest.map(({ attribute }) => attribute)).toEqual([
      'b',
      'a',
      'f',
      'e',
      expect.any(String),
    ])
    expect(bytes).toBeGreaterThan(540)
    expect([maxBytes, code]).toEqual([100, 'ERR_SOJOURN_TOO_LARGE'])
  })

  it('a value that cannot be encoded is named', () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    for (const value of [() => 1, loop, Symbol('s'), { deep: [{ fn: () => 1 }] }]) {
      const encode = (): unknown =>
        encodeRecord(header, content({ fine: 1, broken: value }), contextOf(token), settings())
      expect(encode).toThrow(AttributeError)
      expect(encode).toThrow(/"broken"/)
    }
  })
})
