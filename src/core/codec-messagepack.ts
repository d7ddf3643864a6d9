/**
 * MessagePack, https://github.com/msgpack/msgpack/blob/master/spec.md. For other languages:
 *
 * | value                | written as                                                             |
 * | -------------------- | ---------------------------------------------------------------------- |
 * | null, boolean        | nil, bool                                                              |
 * | string, object's key | str; valid UTF-8, so no surrogates; any key may occur, `__proto__` too  |
 * | whole number         | int, when within ±(2^53 − 1), but -0                                   |
 * | other number         | float 64; readers take float 32 too                                    |
 * | bytes                | bin                                                                    |
 * | list, plain object   | array, map                                                             |
 * | Date                 | ext -1, the standard timestamp; read to the millisecond, rounded down  |
 * | Map                  | ext 1: a MessagePack array of key, value, key, value, …                |
 * | Set                  | ext 2: a MessagePack array of the members                              |
 * | bigint               | ext 3: two's complement, big endian, one byte or more; written shortest |
 * | -0                   | ext 4: no bytes; readers take a float -0.0 too                         |
 *
 * Readers take int 64 and uint 64 beyond ±(2^53 − 1) as a bigint. Keys of a Map and members of a
 * Set are all different. At most 64 arrays, maps, Maps and Sets inside each other, and 100,000 values
 * (containers, elements, values of properties, keys, members), in one attribute.
 */
import { isUtf8 } from 'node:buffer'
import type { Format } from './codec.ts'
import {
  arrayBytes,
  bigintBytes,
  COMMON,
  DATE_BYTES,
  elementBytes,
  isCommonKey,
  isIndex,
  isWide,
  MEMBER_BYTES,
  MOST_SHAPED,
  mapBytes,
  NUMBER_BYTES,
  objectBytes,
  setBytes,
  startsLikeIndex,
  textBytes,
  viewBytes,
} from './heap.ts'
import {
  EXT_BIGINT,
  EXT_MAP,
  EXT_NEGATIVE_ZERO,
  EXT_SET,
  EXT_TIMESTAMP,
  MessagePackWriter,
} from './messagepack-writer.ts'
import { MAX_DEPTH, MAX_NODES, MalformedPayloadError, setOwn } from './values.ts'

export const messagePackFormat: Format = {
  writer: () => new MessagePackWriter(),
  read: (bytes) => {
    const reader = new Reader(bytes)
    return { parsed: reader.payload(), revive: (part) => part, heapBytes: () => reader.heapBytes }
  },
}

const KEY_SLOTS = 512
const recentKeys: string[] = new Array(KEY_SLOTS).fill('')
/** How often each of them has come. */
const recentUses = new Uint8Array(KEY_SLOTS)

/** Set one by one, more properties than so many are no object with a shape but a table, five times as large. */
const MOST_SET = 16

/**
 * Not the library's decoder, which trusts its input: it bounds neither depth nor the sum of the
 * lengths that arrays declare before it allocates them, takes any bytes for text and strips a byte
 * order mark from long ones, refuses the key `__proto__`, and answers with views of the input.
 */
class Reader {
  /** Of what has been read, estimated: see `heap.ts`. */
  heapBytes = 0
  private position = 0
  private end: number
  private nodes = 0
  private readonly bytes: Buffer
  private readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.byteLength
  }

  payload(): unknown[] {
    const maps: unknown[] = []
    for (let left = this.arrayHead(); left > 0; left--) maps.push(this.attributes())
    if (this.position !== this.end) fail('bytes after the end')
    return maps
  }

  private attributes(): Record<string, unknown> {
    const head = this.unsigned(1)
    const count =
      head >> 4 === 0x8
        ? head & 0x0f
        : head === 0xde || head === 0xdf
          ? this.unsigned(head === 0xde ? 2 : 4)
          : fail('no map where one belongs')
    const attributes: Record<string, unknown> = {}
    for (let left = this.plausible(count, 2); left > 0; left--) {
      const name = this.key()
      this.nodes = 1
      setOwn(attributes, name, this.value(0))
    }
    return attributes
  }

  private arrayHead(): number {
    const head = this.unsigned(1)
    if (head >> 4 === 0x9) return head & 0x0f
    if (head === 0xdc || head === 0xdd) return this.unsigned(head === 0xdc ? 2 : 4)
    return fail('no array where one belongs')
  }

  private key(): string {
    const head = this.unsigned(1)
    if (head >> 5 === 0b101) return this.shortKey(head & 0x1f)
    if (head >= 0xd9 && head <= 0xdb) return this.longKey(this.unsigned(1 << (head - 0xd9)))
    return fail('a key that is not text')
  }

  private longKey(length: number): string {
    const before = this.heapBytes
    const key = this.text(length)
    if (isCommonKey(key)) this.heapBytes = before
    return key
  }

  /** The same keys come again with every session: a third of the time goes without this. */
  private shortKey(length: number): string {
    const start = this.skip(length)
    let hash = length
    for (let i = start; i < this.position; i++) hash = (hash * 31 + (this.bytes[i] as number)) | 0
    const slot = hash & (KEY_SLOTS - 1)
    const known = recentKeys[slot] as string
    if (known.length === length && this.matches(known, start)) {
      if ((recentUses[slot] as number) < COMMON) {
        recentUses[slot] = (recentUses[slot] as number) + 1
        this.heapBytes += textBytes(length, false)
      }
      return known
    }
    this.position = start
    const key = this.longKey(length)
    // As many units as bytes: ASCII. Others could be mistaken for bytes that are not UTF-8.
    if (key.length === length) {
      recentKeys[slot] = key
      recentUses[slot] = 0
    }
    return key
  }

  private matches(ascii: string, start: number): boolean {
    for (let i = 0; i < ascii.length; i++) {
      if (ascii.charCodeAt(i) !== this.bytes[start + i]) return false
    }
    return true
  }

  private value(depth: number): unknown {
    const head = this.unsigned(1)
    if (head < 0x80) return head
    if (head < 0x90) return this.map(head & 0x0f, depth)
    if (head < 0xa0) return this.array(head & 0x0f, depth)
    if (head < 0xc0) return this.text(head & 0x1f)
    if (head >= 0xe0) return head - 0x100
    switch (head) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.binary(this.unsigned(1 << (head - 0xc4)))
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.extension(this.unsigned(1 << (head - 0xc7)), depth)
      case 0xca:
        this.heapBytes += NUMBER_BYTES
        return this.view.getFloat32(this.skip(4))
      case 0xcb:
        this.heapBytes += NUMBER_BYTES
        return this.view.getFloat64(this.skip(8))
      case 0xcc:
      case 0xcd:
        return this.unsigned(1 << (head - 0xcc))
      case 0xce:
        this.heapBytes += NUMBER_BYTES
        return this.unsigned(4)
      case 0xcf:
        this.heapBytes += NUMBER_BYTES
        return safe(this.view.getBigUint64(this.skip(8)))
      case 0xd0:
        return this.view.getInt8(this.skip(1))
      case 0xd1:
        return this.view.getInt16(this.skip(2))
      case 0xd2:
        return this.view.getInt32(this.skip(4))
      case 0xd3:
        this.heapBytes += NUMBER_BYTES
        return safe(this.view.getBigInt64(this.skip(8)))
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.extension(1 << (head - 0xd4), depth)
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(this.unsigned(1 << (head - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.array(this.unsigned(head === 0xdc ? 2 : 4), depth)
      case 0xde:
      case 0xdf:
        return this.map(this.unsigned(head === 0xde ? 2 : 4), depth)
      default:
        return fail('a byte that begins nothing')
    }
  }

  private array(count: number, depth: number): unknown[] {
    this.enter(this.plausible(count, 1), depth)
    this.heapBytes += arrayBytes(count)
    if (count === 0) return []
    // Of its final size: one that grows has room for 17 to begin with, and then for half as many again.
    const array: unknown[] = new Array(count)
    for (let i = 0; i < count; i++) array[i] = this.value(depth + 1)
    return array
  }

  private map(count: number, depth: number): Record<string, unknown> {
    this.enter(this.plausible(count, 2), depth)
    let object: Record<string, unknown> = {}
    const entries: [string, unknown][] | undefined = count > MOST_SET ? [] : undefined
    let unknown = 0
    let indexes = 0
    for (let left = count; left > 0; left--) {
      const before = this.heapBytes
      const key = this.key()
      const isElement = startsLikeIndex(key) && isIndex(key)
      if (isElement) {
        indexes++
        this.heapBytes = before
      } else if (this.heapBytes !== before) unknown++
      const value = this.value(depth + 1)
      if (typeof value === 'number' && !isElement) this.heapBytes += MEMBER_BYTES
      if (entries === undefined) setOwn(object, key, value)
      else entries.push([key, value])
    }
    if (entries !== undefined) {
      if (unknown === 0 && count <= MOST_SHAPED) object = Object.fromEntries(entries)
      else for (const [key, value] of entries) setOwn(object, key, value)
    }
    this.heapBytes += objectBytes(count - indexes, unknown)
    if (indexes > 0) this.heapBytes += elementBytes(object)
    return object
  }

  /** Counts what a container declares, before room is made for it. */
  private enter(count: number, depth: number): void {
    if (depth === MAX_DEPTH) fail('nested too deeply')
    this.nodes += count
    if (this.nodes > MAX_NODES) fail('too many values')
  }

  private extension(length: number, depth: number): unknown {
    const type = this.view.getInt8(this.skip(1))
    switch (type) {
      case EXT_TIMESTAMP:
        this.heapBytes += DATE_BYTES
        return timestamp(this.take(length))
      case EXT_MAP: {
        const flat = this.collection(length, depth)
        this.heapBytes += mapBytes(flat.length / 2)
        const map = new Map<unknown, unknown>()
        for (let i = 0; i < flat.length; i += 2) map.set(flat[i], flat[i + 1])
        return map.size * 2 === flat.length ? map : fail('a Map with half an entry or a key twice')
      }
      case EXT_SET: {
        const members = this.collection(length, depth)
        this.heapBytes += setBytes(members.length)
        const set = new Set(members)
        return set.size === members.length ? set : fail('a Set with a member twice')
      }
      case EXT_BIGINT:
        this.heapBytes += bigintBytes(length)
        return length > 0 ? bigintFromBytes(this.take(length)) : fail('a bigint without bytes')
      case EXT_NEGATIVE_ZERO:
        return length === 0 ? -0 : fail('a negative zero with bytes')
      default:
        return fail('an extension that is not known')
    }
  }

  /** The array that is all the content of a Map or a Set. */
  private collection(length: number, depth: number): unknown[] {
    const outerEnd = this.end
    this.end = this.plausible(length, 1) + this.position
    const count = this.arrayHead()
    const items = this.array(count, depth)
    // It is gone when the Map or Set is there.
    this.heapBytes -= arrayBytes(count)
    if (this.position !== this.end) fail('bytes after the end of a Map or Set')
    this.end = outerEnd
    return items
  }

  private text(length: number): string {
    const start = this.skip(length)
    let bits = 0
    for (let i = start; i < this.position; i++) bits |= this.bytes[i] as number
    if (bits < 0x80) {
      this.heapBytes += textBytes(length, false)
      return this.bytes.toString('latin1', start, this.position)
    }
    if (!isUtf8(this.bytes.subarray(start, this.position))) fail('text that is not UTF-8')
    const text = this.bytes.toString('utf8', start, this.position)
    this.heapBytes += textBytes(text.length, isWide(text))
    return text
  }

  private binary(length: number): Uint8Array {
    this.heapBytes += viewBytes(length)
    return new Uint8Array(this.take(length))
  }

  private take(length: number): Uint8Array {
    const start = this.skip(length)
    return this.bytes.subarray(start, this.position)
  }

  private unsigned(length: number): number {
    const start = this.skip(length)
    let value = 0
    for (let i = start; i < this.position; i++) value = value * 256 + (this.bytes[i] as number)
    return value
  }

  /** Moves on by `length` bytes, which have to be there, and answers with where they begin. */
  private skip(length: number): number {
    const start = this.position
    this.position = start + this.plausible(length, 1)
    return start
  }

  /** A declared length is believed only as far as there are bytes left. */
  private plausible(count: number, bytesEach: number): number {
    return count * bytesEach > this.end - this.position ? fail('cut off') : count
  }
}

function safe(value: bigint): bigint | number {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Seconds in 32 bits; nanoseconds in 30 and seconds in 34; nanoseconds in 32 and signed seconds in 64. */
function timestamp(bytes: Uint8Array): Date {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let seconds: number
  let nanoseconds = 0
  if (bytes.length === 4) {
    seconds = view.getUint32(0)
  } else if (bytes.length === 8) {
    const high = view.getUint32(0)
    nanoseconds = high >>> 2
    seconds = (high & 3) * 2 ** 32 + view.getUint32(4)
  } else if (bytes.length === 12) {
    nanoseconds = view.getUint32(0)
    seconds = Number(view.getBigInt64(4))
  } else {
    return fail('a timestamp of the wrong length')
  }
  const date = new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6))
  return nanoseconds < 1e9 && !Number.isNaN(date.getTime())
    ? date
    : fail('a timestamp out of range')
}

function bigintFromBytes(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes).toString('hex')
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`))
}

function fail(problem: string): never {
  throw new MalformedPayloadError(problem)
}
