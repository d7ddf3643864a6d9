/**
 * Raw DEFLATE (RFC 1951) of small payloads, in one block with the fixed Huffman codes: any inflater
 * reads it. For a few hundred bytes, which most sessions have, zlib's result is of the same size, and
 * its set-up and clean-up cost several times the work (docs/decisions/0017).
 */

/** More than so many bytes deserve codes of their own, which zlib makes. */
export const LARGEST_FOR_FIXED = 512

const SHORTEST_MATCH = 3
const LONGEST_MATCH = 258
const MOST_TRIES = 8
/** A match that is long enough to look no further. */
const LONG_MATCH = 32
const HASH_BITS = 11
const END_OF_BLOCK = 256

/** RFC 1951, 3.2.5: the first length of each length symbol from 257 on, the first distance of each distance symbol. */
const LENGTH_STARTS: readonly number[] = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
]
const DISTANCE_STARTS: readonly number[] = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513,
]

// Codes are written from their first bit on, everything else from the last: so codes are kept reversed.
const CODES = new Uint16Array(288)
const CODE_BITS = new Uint8Array(288)
/** Of each length from 3 on: its symbol, and how far it lies behind the symbol's first. */
const LENGTH_SYMBOLS = new Uint16Array(LONGEST_MATCH + 1)
const LENGTH_EXTRAS = new Uint8Array(LONGEST_MATCH + 1)
/** Of each distance the same. */
const DISTANCE_SYMBOLS = new Uint8Array(LARGEST_FOR_FIXED + 1)
const DISTANCE_CODES = new Uint8Array(DISTANCE_STARTS.length)

for (let symbol = 0; symbol < 288; symbol++) {
  const [bits, code] =
    symbol < 144
      ? [8, 0x30 + symbol]
      : symbol < 256
        ? [9, 0x190 + symbol - 144]
        : symbol < 280
          ? [7, symbol - 256]
          : [8, 0xc0 + symbol - 280]
  CODES[symbol] = reversed(code, bits)
  CODE_BITS[symbol] = bits
}
for (let length = SHORTEST_MATCH; length <= LONGEST_MATCH; length++) {
  const index = lastAtMost(LENGTH_STARTS, length)
  LENGTH_SYMBOLS[length] = 257 + index
  LENGTH_EXTRAS[length] = length - (LENGTH_STARTS[index] ?? 0)
}
for (let distance = 1; distance <= LARGEST_FOR_FIXED; distance++) {
  DISTANCE_SYMBOLS[distance] = lastAtMost(DISTANCE_STARTS, distance)
}
for (let symbol = 0; symbol < DISTANCE_CODES.length; symbol++) {
  DISTANCE_CODES[symbol] = reversed(symbol, 5)
}

/** Behind the last position with each hash, one more; earlier payloads' are below `origin`. */
const heads = new Int32Array(1 << HASH_BITS)
/** Of each position the one before with the same hash, in the same count. */
const before = new Int32Array(LARGEST_FOR_FIXED)
let origin = 0
/** A symbol never has more than 31 bits, and the loop ends when the result is no smaller. */
const out: Buffer = Buffer.alloc(LARGEST_FOR_FIXED + 16)

/**
 * The compressed bytes, or nothing when they are not fewer.
 * @param bytes at most `LARGEST_FOR_FIXED`
 * @returns a view that is good until the next call
 */
export function deflateFixed(bytes: Uint8Array): Uint8Array | undefined {
  const { length } = bytes
  if (origin > 0x3fff_ffff) {
    heads.fill(0)
    origin = 0
  }
  let position = 0
  let end = 0
  // The last block, with fixed codes.
  let bits = 0b011
  let count = 3

  while (position < length && end < length) {
    let matched = 0
    let distance = 0
    if (position + SHORTEST_MATCH <= length) {
      let candidate = enter(bytes, position)
      for (let tries = MOST_TRIES; candidate >= 0 && tries > 0 && matched < LONG_MATCH; tries--) {
        const size = matchLength(bytes, candidate, position)
        if (size > matched) {
          matched = size
          distance = position - candidate
        }
        candidate = (before[candidate] as number) - origin - 1
      }
    }
    if (matched < SHORTEST_MATCH) {
      const symbol = bytes[position++] as number
      bits |= (CODES[symbol] as number) << count
      count += CODE_BITS[symbol] as number
    } else {
      const symbol = LENGTH_SYMBOLS[matched] as number
      bits |= (CODES[symbol] as number) << count
      count += CODE_BITS[symbol] as number
      bits |= (LENGTH_EXTRAS[matched] as number) << count
      count += symbol < 265 || symbol === 285 ? 0 : (symbol - 261) >> 2
      // Up to here at most 7 + 8 + 5 bits; the distance may have 12.
      const index = DISTANCE_SYMBOLS[distance] as number
      bits |= (DISTANCE_CODES[index] as number) << count
      count += 5
      while (count >= 8) {
        out[end++] = bits
        bits >>>= 8
        count -= 8
      }
      bits |= (distance - (DISTANCE_STARTS[index] as number)) << count
      count += index < 4 ? 0 : (index >> 1) - 1
      const next = position + matched
      const last = Math.min(next, length - SHORTEST_MATCH + 1)
      for (position++; position < last; position++) enter(bytes, position)
      position = next
    }
    while (count >= 8) {
      out[end++] = bits
      bits >>>= 8
      count -= 8
    }
  }
  origin += length
  bits |= (CODES[END_OF_BLOCK] as number) << count
  count += CODE_BITS[END_OF_BLOCK] as number
  for (; count > 0; count -= 8) {
    out[end++] = bits
    bits >>>= 8
  }
  return position === length && end < length ? out.subarray(0, end) : undefined
}

/** Notes what stands at a position. @returns the last position where the same may stand, or less than 0 */
function enter(bytes: Uint8Array, at: number): number {
  const three =
    (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)
  const hash = Math.imul(three, 0x9e37_79b1) >>> (32 - HASH_BITS)
  const head = heads[hash] as number
  before[at] = head
  heads[hash] = origin + at + 1
  return head - origin - 1
}

function matchLength(bytes: Uint8Array, from: number, at: number): number {
  const most = Math.min(LONGEST_MATCH, bytes.length - at)
  let length = 0
  while (length < most && bytes[from + length] === bytes[at + length]) length++
  return length
}

function reversed(code: number, bits: number): number {
  let result = 0
  for (let bit = 0; bit < bits; bit++) result |= ((code >> bit) & 1) << (bits - 1 - bit)
  return result
}

function lastAtMost(starts: readonly number[], value: number): number {
  let index = 0
  while (index + 1 < starts.length && (starts[index + 1] as number) <= value) index++
  return index
}
