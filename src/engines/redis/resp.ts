/**
 * RESP3, as much of it as a server sends without being asked for more: no streamed values, no
 * attributes. https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md
 */

/** Pieces are one argument: sent one behind the other, without a copy that joins them. */
export type Argument = string | Buffer | readonly Uint8Array[]

/** What the server has answered instead of a value. Its text can quote keys and arguments. */
export class ErrorReply extends Error {}

/** The stream is no RESP3, or is out of step: what follows cannot be told apart. */
class ProtocolError extends Error {
  readonly code = 'EPROTOCOL'
}

export interface ReplyListener {
  /** Whether strings of the answer that comes next are wanted as bytes; short ones are text always. */
  wantsBytes(): boolean
  reply(value: unknown): void
  push(items: readonly unknown[]): void
}

/** A list that is not complete yet; maps are lists of key, value, key, value, … */
interface Open {
  readonly items: unknown[]
  readonly count: number
}

/** More bytes are needed than have come. */
const MORE: unique symbol = Symbol('more')
/** A list has begun. */
const OPENED: unique symbol = Symbol('opened')

const CR = 13
const LF = 10
const MINUS = 45
const ZERO = 48
const PUSH = 62

/** Chunks of a socket to answers. Bytes in answers are views of the chunks. */
export class ReplyReader {
  readonly #listener: ReplyListener
  #bytes: Buffer = Buffer.alloc(0)
  #position = 0
  /** Chunks that wait until there are `#needed` bytes: a long string is put together once. */
  #chunks: Buffer[] = []
  #waiting = 0
  #needed = 0
  readonly #open: Open[] = []
  #isPush = false
  #asBytes = false

  constructor(listener: ReplyListener) {
    this.#listener = listener
  }

  /** Throws ProtocolError, after which nothing more can be read. */
  read(chunk: Buffer): void {
    if (this.#waiting > 0) {
      this.#chunks.push(chunk)
      this.#waiting += chunk.length
      if (this.#waiting < this.#needed) return
      this.#bytes = Buffer.concat(this.#chunks, this.#waiting)
      this.#chunks = []
      this.#waiting = 0
    } else {
      this.#bytes = chunk
    }
    this.#position = 0
    while (this.#position < this.#bytes.length) {
      const start = this.#position
      if (this.#open.length === 0) {
        this.#isPush = this.#bytes[start] === PUSH
        this.#asBytes = this.#isPush || this.#listener.wantsBytes()
      }
      this.#needed = 0
      const value = this.#value()
      if (value === MORE) {
        const rest = this.#bytes.subarray(start)
        this.#needed -= this.#needed === 0 ? 0 : start
        this.#chunks = [rest]
        this.#waiting = rest.length
        break
      }
      if (value !== OPENED) this.#complete(value)
    }
    // It would keep the chunk.
    this.#bytes = EMPTY
  }

  #complete(value: unknown): void {
    let done = value
    for (let open = this.#open.at(-1); open !== undefined; open = this.#open.at(-1)) {
      open.items.push(done)
      if (open.items.length < open.count) return
      this.#open.pop()
      done = open.items
    }
    if (this.#isPush) this.#listener.push(done as unknown[])
    else this.#listener.reply(done)
  }

  #value(): unknown {
    const type = this.#bytes[this.#position++]
    switch (type) {
      case 0x24: // $ string
      case 0x3d: // = string with its format
        return this.#string(type === 0x3d)
      case 0x3a: // : integer
        return this.#integer()
      case 0x2a: // * array
      case 0x7e: // ~ set
      case PUSH:
        return this.#list(1)
      case 0x25: // % map
        return this.#list(2)
      case 0x2b: // + short string
        return this.#line()
      case 0x2d: // - error
        return this.#error(this.#line())
      case 0x21: {
        // ! long error
        const text = this.#string(false)
        return text === MORE ? MORE : this.#error(String(text))
      }
      case 0x5f: // _ null
        return this.#mapped((): null => null)
      case 0x23: // # boolean
        return this.#mapped((line) => line === 't')
      case 0x2c: // , double
        return this.#mapped(toDouble)
      case 0x28: // ( big number
        return this.#mapped((line) => BigInt(line))
      default:
        throw new ProtocolError(`a reply of an unknown type (${type})`)
    }
  }

  #string(isVerbatim: boolean): Buffer | string | null | typeof MORE {
    const length = this.#integer()
    if (length === MORE) return MORE
    if (length < 0) return null
    const start = this.#position
    const end = start + length
    if (end + 2 > this.#bytes.length) {
      this.#needed = end + 2
      return MORE
    }
    if (this.#bytes[end] !== CR) throw new ProtocolError('a string without its end')
    this.#position = end + 2
    // Three letters and a colon.
    const from = isVerbatim ? start + 4 : start
    return this.#asBytes ? this.#bytes.subarray(from, end) : this.#bytes.toString('utf8', from, end)
  }

  #list(itemsEach: 1 | 2): unknown {
    const count = this.#integer()
    if (count === MORE) return MORE
    if (count < 0) return null
    if (count === 0) return []
    this.#open.push({ items: [], count: count * itemsEach })
    return OPENED
  }

  #integer(): number | typeof MORE {
    const bytes = this.#bytes
    let at = this.#position
    const isNegative = bytes[at] === MINUS
    if (isNegative) at++
    const first = at
    let value = 0
    for (; at < bytes.length; at++) {
      const digit = (bytes[at] as number) - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (at + 2 > bytes.length) return MORE
    if (at === first || bytes[at] !== CR || bytes[at + 1] !== LF) {
      throw new ProtocolError('a number that is none')
    }
    this.#position = at + 2
    return isNegative ? -value : value
  }

  #line(): string | typeof MORE {
    const end = this.#bytes.indexOf(LF, this.#position)
    if (end === -1) return MORE
    const line = this.#bytes.toString('utf8', this.#position, end - 1)
    this.#position = end + 1
    return line
  }

  #error(text: string | typeof MORE): ErrorReply | typeof MORE {
    return text === MORE ? MORE : new ErrorReply(text)
  }

  #mapped<T>(make: (line: string) => T): T | typeof MORE {
    const line = this.#line()
    return line === MORE ? MORE : make(line)
  }
}

const EMPTY: Buffer = Buffer.alloc(0)

function toDouble(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY
  if (text === '-inf') return Number.NEGATIVE_INFINITY
  return Number(text)
}

export function bytesIn(pieces: readonly Uint8Array[]): number {
  let bytes = 0
  for (let i = 0; i < pieces.length; i++) bytes += (pieces[i] as Uint8Array).length
  return bytes
}

/** Bytes that it begins with, and beyond which it does not keep what it has grown to. */
const KEPT_BYTES = 64 * 1024
const DOLLAR = 36
const STAR = 42

/**
 * Commands that leave together, in one piece: a socket takes longer for each piece than a copy does. Written byte by
 * byte: as pieces of text each command would leave a kilobyte for the collector.
 */
export class CommandBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES)
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** All of it or, where an argument is none, nothing. */
  add(args: readonly Argument[]): void {
    const start = this.#size
    try {
      this.#head(STAR, args.length)
      for (let i = 0; i < args.length; i++) {
        const arg = args[i] as Argument
        if (typeof arg !== 'string') this.#add(arg instanceof Uint8Array ? [arg] : arg)
        else if (!this.#addAscii(arg)) this.#add([Buffer.from(arg)])
      }
    } catch (error) {
      this.#size = start
      throw error
    }
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#size)
    this.#size = 0
    // The socket may hold it for long.
    if (this.#bytes.length === KEPT_BYTES) return Buffer.from(taken)
    this.#bytes = Buffer.allocUnsafeSlow(KEPT_BYTES)
    return taken
  }

  #add(pieces: readonly Uint8Array[]): void {
    const length = bytesIn(pieces)
    this.#head(DOLLAR, length)
    this.#reserve(length + 2)
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i] as Uint8Array
      this.#bytes.set(piece, this.#size)
      this.#size += piece.length
    }
    this.#end()
  }

  /** @returns whether it is ASCII: else nothing is added */
  #addAscii(text: string): boolean {
    const start = this.#size
    const { length } = text
    this.#head(DOLLAR, length)
    this.#reserve(length + 2)
    const bytes = this.#bytes
    let at = this.#size
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) {
        this.#size = start
        return false
      }
      bytes[at++] = code
    }
    this.#size = at
    this.#end()
    return true
  }

  #head(kind: number, count: number): void {
    this.#reserve(20)
    const bytes = this.#bytes
    let at = this.#size
    bytes[at++] = kind
    let unit = 1
    while (count >= unit * 10) unit *= 10
    for (; unit >= 1; unit /= 10) bytes[at++] = ZERO + (Math.floor(count / unit) % 10)
    this.#size = at
    this.#end()
  }

  #end(): void {
    this.#bytes[this.#size++] = CR
    this.#bytes[this.#size++] = LF
  }

  #reserve(more: number): void {
    const needed = this.#size + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    grown.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = grown
  }
}
