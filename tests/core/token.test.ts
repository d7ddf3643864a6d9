import crypto, { createHash } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hmacSha256 } from '../../src/core/crypto.ts'
import { createKeyring, type Keyring } from '../../src/core/keyring.ts'
import { PARTITIONS, partitionTag } from '../../src/core/partitions.ts'
import {
  createToken,
  isSessionId,
  parseToken,
  tokenBytes,
  verifyToken,
} from '../../src/core/token.ts'

const keyring = createKeyring(['k'.repeat(32)])
const foreign = createKeyring(['f'.repeat(32)])
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** A token with a right MAC over whatever stands in its first 27 bytes. */
function signed(by: Keyring, change: (bytes: Buffer) => void): Buffer {
  const bytes = tokenBytes(createToken(by))
  change(bytes)
  bytes.set(hmacSha256(by.primary.token, bytes.subarray(0, 27)).subarray(0, 9), 27)
  return bytes
}

/** What is compared meanwhile by the one comparison that takes the same time everywhere: how many bytes each time. */
function compared(work: () => void): number[] {
  const original = crypto.timingSafeEqual
  const lengths: number[] = []
  crypto.timingSafeEqual = (a, b) => {
    lengths.push(a.byteLength)
    return original(a, b)
  }
  syncBuiltinESMExports()
  try {
    work()
  } finally {
    crypto.timingSafeEqual = original
    syncBuiltinESMExports()
  }
  return lengths
}

describe('the time of a refusal', () => {
  it('S05 is the same wherever the MAC is wrong: all of it is compared, with every secret', () => {
    const three = createKeyring(['k', 'l', 'm'].map((letter) => letter.repeat(32)))
    for (let at = 0; at < 36; at++) {
      const bytes = tokenBytes(createToken(three))
      bytes[at] = (bytes[at] ?? 0) ^ 1
      const work = (): void => {
        expect(parseToken(three, bytes.toString('base64url'))).toBe(undefined)
      }
      expect(compared(work)).toEqual([9, 9, 9])
    }
    // Also of one that is taken, and of one signed with a secret that is not there any more.
    for (const by of [createKeyring(['l'.repeat(32)]), foreign]) {
      const { text } = createToken(by)
      expect(compared(() => void parseToken(three, text))).toEqual([9, 9, 9])
    }
  })
})

describe('createToken', () => {
  it('S01 gives a million tokens whose random parts differ in full and whose bits are even', () => {
    const count = 1_000_000
    const secrets = new Set<string>()
    const ones = new Uint32Array(192)
    for (let i = 0; i < count; i++) {
      const secret = Buffer.from(createToken(keyring).secret)
      secrets.add(secret.toString('latin1'))
      if (i >= 20_000) continue
      for (let bit = 0; bit < 192; bit++) {
        if (((secret[bit >> 3] ?? 0) >> (bit & 7)) & 1) ones[bit] = (ones[bit] ?? 0) + 1
      }
    }
    expect(secrets.size).toBe(count)
    // Of 20,000 throws the standard deviation is 71: seven of them.
    for (const heads of ones) expect(Math.abs(heads - 10_000)).toBeLessThan(500)
  }, 60_000)

  it("S01 takes the random part from the operating system's generator, byte by byte", () => {
    const original = crypto.randomBytes
    const drawn: Buffer[] = []
    crypto.randomBytes = (size: number) => {
      const bytes = original(size)
      drawn.push(Buffer.from(bytes))
      return bytes
    }
    syncBuiltinESMExports()
    try {
      const tokens = Array.from({ length: 1_000 }, () => createToken(keyring))
      // The first ones may still be of the page drawn before.
      const late = tokens.slice(200)
      const pages = drawn.map((page) => page.toString('hex'))
      for (const { secret } of late) {
        const hex = Buffer.from(secret).toString('hex')
        expect(pages.some((page) => page.includes(hex))).toBe(true)
      }
    } finally {
      crypto.randomBytes = original
      syncBuiltinESMExports()
    }
  })

  it('S01 never hands out random bytes twice, not even in parts', () => {
    const seen = new Set<string>()
    for (let i = 0; i < 5_000; i++) {
      const secret = Buffer.from(createToken(keyring).secret)
      // 64-bit windows at every offset: pages that overlap would show.
      for (let at = 0; at + 8 <= 24; at++) seen.add(secret.toString('latin1', at, at + 8))
    }
    expect(seen.size).toBe(5_000 * 17)
  })

  it('S01 has 48 characters of base64url: 192 random bits and 72 of MAC', () => {
    const token = createToken(keyring)
    expect(token.text).toMatch(/^[A-Za-z0-9_-]{48}$/)
    expect(tokenBytes(token)).toHaveLength(36)
    expect(token.secret).toHaveLength(24)
    expect(Buffer.from(tokenBytes(token).subarray(3, 27))).toEqual(Buffer.from(token.secret))
  })

  it('draws the partition at random when none is asked for, from all 1,024', () => {
    const found = new Set<number>()
    for (let i = 0; i < 20_000; i++) found.add(createToken(keyring).partition)
    expect(found.size).toBe(PARTITIONS)
    expect(Math.max(...found)).toBe(PARTITIONS - 1)
  })

  it('carries version 1, partition and region', () => {
    for (const [partition, region] of [
      [0, 0],
      [1023, 6],
      [513, 7],
    ] as const) {
      const token = createToken(keyring, partition, region)
      expect(parseToken(keyring, token.text)).toMatchObject({ partition, region })
      expect((tokenBytes(token)[0] ?? 0) >> 5).toBe(1)
    }
  })

  it('S18 has a session id that is a one-way hash and no credential', () => {
    const token = createToken(keyring, 77)
    const hash = createHash('sha256').update(token.secret).digest().subarray(0, 16)
    expect(token.id).toBe(partitionTag(77) + hash.toString('base64url'))
    expect(token.id).toMatch(/^[0-9A-Za-z]{3}[\w-]{22}$/)
    expect(isSessionId(token.id)).toBe(true)
    expect(parseToken(keyring, token.id)).toBeUndefined()
    expect(token.text).not.toContain(token.id.slice(3))
  })
})

describe('parseToken', () => {
  it('opens its own tokens to what they were', () => {
    const token = createToken(keyring)
    expect(parseToken(keyring, token.text)).toEqual(token)
  })

  it('S04 refuses every truncation and every extension', () => {
    const { text } = createToken(keyring)
    for (let length = 0; length < 48; length++) {
      expect(parseToken(keyring, text.slice(0, length))).toBeUndefined()
      expect(parseToken(keyring, text.slice(48 - length))).toBeUndefined()
    }
    for (const more of ['A', '=', ' ', '\n', '\0', '\r\n', ...text.split('')]) {
      expect(parseToken(keyring, text + more)).toBeUndefined()
      expect(parseToken(keyring, more + text)).toBeUndefined()
    }
  })

  it('S04 refuses every change of one character', () => {
    const { text } = createToken(keyring)
    for (let at = 0; at < 48; at++) {
      for (const other of `${ALPHABET}+/=.%é\0\r\n `) {
        if (other === text[at]) continue
        const changed = text.slice(0, at) + other + text.slice(at + 1)
        expect(parseToken(keyring, changed)).toBeUndefined()
      }
    }
  })

  it('S04 refuses every change of one bit', () => {
    const bytes = tokenBytes(createToken(keyring))
    for (let bit = 0; bit < 36 * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(verifyToken(keyring, changed)).toBeUndefined()
    }
  })

  it('S04 refuses made-up text of every kind without an exception', () => {
    const madeUp = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 100 }),
      fc.string({ unit: fc.constantFrom(...ALPHABET.split('')), minLength: 48, maxLength: 48 }),
      fc.string({ unit: fc.constantFrom('\0', '\r', '\n', 'A', '=', 'é'), maxLength: 60 }),
    )
    fc.assert(
      fc.property(madeUp, (text) => parseToken(keyring, text) === undefined),
      { numRuns: 5_000 },
    )
  })

  it('S04 refuses mixtures of two of its tokens', () => {
    const [a, b] = [createToken(keyring).text, createToken(keyring).text]
    // From the random part on: what stands before may be the same in both.
    for (let at = 8; at < 44; at++) {
      expect(parseToken(keyring, a.slice(0, at) + b.slice(at))).toBeUndefined()
    }
  })

  it("refuses a foreign keyring's token", () => {
    expect(parseToken(keyring, createToken(foreign).text)).toBeUndefined()
    expect(parseToken(foreign, createToken(foreign).text)).toBeDefined()
  })

  it.each([0, 2, 3, 4, 5, 6, 7])('refuses version %i, though its MAC is right', (version) => {
    const bytes = signed(keyring, (b) => b.writeUInt8(version << 5, 0))
    expect(verifyToken(keyring, bytes)).toBeUndefined()
    expect(parseToken(keyring, bytes.toString('base64url'))).toBeUndefined()
  })

  it.each([1024, 1025, 65_535])('refuses partition %i, though its MAC is right', (partition) => {
    const bytes = signed(keyring, (b) => b.writeUInt16BE(partition, 1))
    expect(verifyToken(keyring, bytes)).toBeUndefined()
  })

  it('takes the highest partition', () => {
    const bytes = signed(keyring, (b) => b.writeUInt16BE(1023, 1))
    expect(verifyToken(keyring, bytes)?.partition).toBe(1023)
  })

  it.each([0, 35, 37, 72])('refuses %i bytes', (length) => {
    expect(verifyToken(keyring, Buffer.alloc(length))).toBeUndefined()
  })
})

describe('isSessionId', () => {
  it('S30 lets nothing into a key that could leave its place', () => {
    const id = createToken(keyring).id
    for (const bad of [
      '',
      id.slice(1),
      `${id}A`,
      `${id}\n`,
      `a}b${id.slice(3)}`,
      `-aa${id.slice(3)}`,
    ]) {
      expect(isSessionId(bad)).toBe(false)
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 20, maxLength: 30 }), (text) => {
        return !isSessionId(text) || /^[\w-]{25}$/.test(text)
      }),
    )
  })
})
