import type { Writer } from './codec.ts'
import { isWellFormed, ValueError } from './values.ts'

export const EXT_TIMESTAMP: number = -1
export const EXT_MAP: number = 1
export const EXT_SET: number = 2
export const EXT_BIGINT: number = 3
export const EXT_NEGATIVE_ZERO: number = 4

/** Stands for whatever is not compared with another key. */
const OBJECT: object = Object.freeze({})
const NO_BYTES = new Uint8Array()

const FIRST_BYTES = 1024
/** A larger buffer is not kept for the next payload. */
const MOST_KEPT = 65_536
/** Up to so many characters a loop is faster than a call of the runtime's encoder. */
const SHORT_TEXT = 48

/** Of the writer that has finished last. Taken while one writes: a getter may begin another one. */
let spare: Buffer | undefined

/**
 * Writes each value in its shortest form, straight into the payload: `codec-messagepack.ts` has the
 * layout. What is open is named by where it begins.
 */
export class MessagePackWriter implements Writer<number> {
  private bytesOut: Buffer
  private view: DataView
  private position = 0

  constructor() {
    this.bytesOut = spare ?? Buffer.allocUnsafeSlow(FIRST_BYTES)
    spare = undefined
    this.view = new DataView(this.bytesOut.buffer)
  }

  literal(value: boolean | null): unknown {
    this.reserve(1)
    this.bytesOut[this.position++] = value === null ? 0xc0 : value ? 0xc3 : 0xc2
    return value
  }

  number(value: number): unknown {
    this.reserve(9)
    if (Number.isSafeInteger(value)) {
      if (Object.is(value, -0)) return this.extension(EXT_NEGATIVE_ZERO, NO_BYTES)
      if (value >= 0) this.natural(value)
      else this.negative(value)
    } else {
      this.bytesOut[this.position] = 0xcb
      this.view.setFloat64(this.position + 1, value)
      this.position += 9
    }
    return value
  }

  text(value: string): string {
    const { length } = value
    if (length <= SHORT_TEXT) {
      this.reserve(length + 2)
      const bytes = this.bytesOut
      const start = this.position
      let at = start
      if (length < 32) bytes[at++] = 0xa0 | length
      else {
        bytes[at++] = 0xd9
        bytes[at++] = length
      }
      let bits = 0
      for (let i = 0; i < length; i++) {
        const unit = value.charCodeAt(i)
        bits |= unit
        bytes[at++] = unit
      }
      if (bits < 0x80) {
        this.position = at
        return value
      }
    }
    if (!isWellFormed(value)) throw new ValueError('surrogate')
    const size = Buffer.byteLength(value)
    if (size < 32) {
      this.reserve(1)
      this.bytesOut[this.position++] = 0xa0 | size
    } else {
      this.head(0xd9, size)
    }
    this.reserve(size)
    this.bytesOut.write(value, this.position, size, 'utf8')
    this.position += size
    return value
  }

  bigint(value: bigint): unknown {
    return this.extension(EXT_BIGINT, bigintToBytes(value))
  }

  date(ms: number): unknown {
    const seconds = Math.floor(ms / 1000)
    return this.extension(EXT_TIMESTAMP, timestampBytes(seconds, (ms - seconds * 1000) * 1e6))
  }

  bytes(value: Uint8Array): unknown {
    this.head(0xc4, value.length)
    this.append(value)
    return OBJECT
  }

  openList(count: number): number {
    const start = this.position
    if (count < 16) {
      this.reserve(1)
      this.bytesOut[this.position++] = 0x90 | count
    } else {
      this.longHead(0xdc, count)
    }
    return start
  }

  item(): void {}

  closeList(start: number, kind: 'array' | 'map' | 'set'): unknown {
    if (kind === 'array') return OBJECT
    const content = new Uint8Array(this.bytesOut.subarray(start, this.position))
    this.position = start
    return this.extension(kind === 'map' ? EXT_MAP : EXT_SET, content)
  }

  openObject(most: number): number {
    const start = this.position
    this.objectHead(most)
    return start
  }

  key(key: string): void {
    this.text(key)
  }

  property(): void {}

  closeObject(start: number, most: number, count: number): unknown {
    if (count !== most) this.correctHead(start, most, count)
    return OBJECT
  }

  finish(): Uint8Array {
    // Of the shared pool: it is sealed at once, and not kept.
    const payload = Buffer.from(this.bytesOut.subarray(0, this.position))
    if (this.bytesOut.length <= MOST_KEPT) spare = this.bytesOut
    return payload
  }

  private reserve(size: number): void {
    const needed = this.position + size
    if (needed > this.bytesOut.length) this.grow(needed * 2)
  }

  private grow(size: number): void {
    const larger = Buffer.allocUnsafeSlow(size)
    larger.set(this.bytesOut.subarray(0, this.position))
    this.bytesOut = larger
    this.view = new DataView(larger.buffer)
  }

  private natural(value: number): void {
    if (value < 0x80) {
      this.bytesOut[this.position++] = value
    } else if (value <= 0xffff_ffff) {
      this.head(0xcc, value)
    } else {
      this.wide(0xcf, value)
    }
  }

  private negative(value: number): void {
    const { view, position } = this
    if (value >= -0x20) {
      view.setInt8(position, value)
      this.position += 1
    } else if (value >= -0x80) {
      view.setUint8(position, 0xd0)
      view.setInt8(position + 1, value)
      this.position += 2
    } else if (value >= -0x8000) {
      view.setUint8(position, 0xd1)
      view.setInt16(position + 1, value)
      this.position += 3
    } else if (value >= -0x8000_0000) {
      view.setUint8(position, 0xd2)
      view.setInt32(position + 1, value)
      this.position += 5
    } else {
      this.wide(0xd3, value)
    }
  }

  /** 64 bits; of a negative number its two's complement. */
  private wide(head: number, value: number): void {
    const { view, position } = this
    view.setUint8(position, head)
    view.setUint32(position + 1, Math.floor(value / 2 ** 32))
    view.setUint32(position + 5, value)
    this.position += 9
  }

  /** `first` and 8 bits, `first` + 1 and 16, or `first` + 2 and 32. */
  private head(first: number, value: number): void {
    if (value > 0xff) return this.longHead(first + 1, value)
    this.reserve(2)
    this.bytesOut[this.position++] = first
    this.bytesOut[this.position++] = value
  }

  /** `first` and 16 bits, or `first` + 1 and 32. */
  private longHead(first: number, value: number): void {
    this.reserve(5)
    const { view, position } = this
    if (value <= 0xffff) {
      view.setUint8(position, first)
      view.setUint16(position + 1, value)
      this.position += 3
    } else {
      view.setUint8(position, first + 1)
      view.setUint32(position + 1, value)
      this.position += 5
    }
  }

  private objectHead(count: number): void {
    if (count < 16) {
      this.reserve(1)
      this.bytesOut[this.position++] = 0x80 | count
    } else {
      this.longHead(0xde, count)
    }
  }

  /** Properties were left out, and the head may have become shorter by that. */
  private correctHead(start: number, most: number, count: number): void {
    const end = this.position
    const content = start + objectHeadSize(most)
    this.position = start
    this.objectHead(count)
    this.bytesOut.copyWithin(this.position, content, end)
    this.position += end - content
  }

  private extension(type: number, content: Uint8Array): unknown {
    const size = content.length
    const fixed = size === 0 ? -1 : FIXED_EXTENSIONS.indexOf(size)
    if (fixed === -1) this.head(0xc7, size)
    else {
      this.reserve(1)
      this.bytesOut[this.position++] = 0xd4 + fixed
    }
    this.reserve(1)
    this.view.setInt8(this.position++, type)
    this.append(content)
    return OBJECT
  }

  private append(content: Uint8Array): void {
    this.reserve(content.length)
    this.bytesOut.set(content, this.position)
    this.position += content.length
  }
}

const FIXED_EXTENSIONS: readonly number[] = [1, 2, 4, 8, 16]

function objectHeadSize(count: number): number {
  return count < 16 ? 1 : count <= 0xffff ? 3 : 5
}

/** The shortest of the three forms of the standard's timestamp. */
function timestampBytes(seconds: number, nanoseconds: number): Uint8Array {
  if (seconds < 0 || seconds >= 2 ** 34) {
    const view = new DataView(new ArrayBuffer(12))
    view.setUint32(0, nanoseconds)
    view.setBigInt64(4, BigInt(seconds))
    return new Uint8Array(view.buffer)
  }
  const isShort = nanoseconds === 0 && seconds < 2 ** 32
  const view = new DataView(new ArrayBuffer(isShort ? 4 : 8))
  if (isShort) view.setUint32(0, seconds)
  else {
    view.setUint32(0, nanoseconds * 4 + Math.floor(seconds / 2 ** 32))
    view.setUint32(4, seconds)
  }
  return new Uint8Array(view.buffer)
}

function bigintToBytes(value: bigint): Uint8Array {
  // The bits of a negative number are those of its complement, inverted.
  const magnitude = value < 0n ? ~value : value
  let hex = magnitude.toString(16)
  if (hex.length % 2 === 1) hex = `0${hex}`
  // The first bit is the sign's.
  if (Number.parseInt(hex.slice(0, 2), 16) > 0x7f) hex = `00${hex}`
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
  return value < 0n ? bytes.map((byte) => ~byte) : bytes
}
