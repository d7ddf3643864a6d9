import { inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deflateFixed, LARGEST_FOR_FIXED } from '../../src/core/deflate.ts'
import { sampleSession } from '../support/sample-session.ts'

/** Bytes of few kinds, repeated parts and noise, as payloads are. */
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: LARGEST_FOR_FIXED }),
  fc
    .array(fc.integer({ min: 97, max: 99 }), { maxLength: LARGEST_FOR_FIXED })
    .map((codes) => Uint8Array.from(codes)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(LARGEST_FOR_FIXED))
    .map(([unit, length]) => Uint8Array.from({ length }, (_, i) => unit[i % unit.length] ?? 0)),
)

describe('deflateFixed', () => {
  it('makes what any inflater reads, and only what is smaller', () => {
    fc.assert(
      fc.property(payloads, (bytes) => {
        const compressed = deflateFixed(bytes)
        if (compressed === undefined) return
        expect(compressed.length).toBeLessThan(bytes.length)
        expect(Buffer.compare(inflateRawSync(compressed), bytes)).toBe(0)
      }),
      { numRuns: 2_000 },
    )
  })

  it('knows every length and distance', () => {
    for (let distance = 1; distance <= LARGEST_FOR_FIXED / 2; distance++) {
      const unit = Uint8Array.from({ length: distance }, (_, i) => (i * 151 + distance) % 256)
      const bytes = Uint8Array.from(
        { length: LARGEST_FOR_FIXED },
        (_, i) => unit[i % distance] ?? 0,
      )
      const compressed = deflateFixed(bytes)
      if (compressed === undefined) continue
      expect(Buffer.compare(inflateRawSync(compressed), bytes)).toBe(0)
    }
    for (let length = 1; length <= 300; length++) {
      const bytes = new Uint8Array(LARGEST_FOR_FIXED).fill(7, 100, 100 + length)
      const compressed = deflateFixed(bytes) ?? new Uint8Array()
      expect(Buffer.compare(inflateRawSync(compressed), bytes)).toBe(0)
    }
  })

  it('says nothing where there is nothing to gain', () => {
    const noise = Uint8Array.from({ length: 256 }, (_, i) => (i * 167 + 13) % 256)
    expect(deflateFixed(noise)).toBeUndefined()
    expect(deflateFixed(new Uint8Array())).toBeUndefined()
  })

  it('is about as small as zlib for a typical session', () => {
    const payload = Buffer.from(JSON.stringify(sampleSession))
    expect(deflateFixed(payload)?.length ?? payload.length).toBeLessThan(payload.length * 0.95)
  })
})
