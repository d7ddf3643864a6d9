import { type Argument, bytesIn } from './resp.ts'

export interface RecentWrite {
  /** Of a monotonic clock, milliseconds. */
  readonly at: number
  readonly isEnd: boolean
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
}

interface Page {
  readonly bytes: Buffer
  length: number
  count: number
  lastAt: number
}

const PAGE_BYTES = 64 * 1024
/** Of an entry: its length, when it was, what it is, how many keys and arguments. */
const HEAD = 4 + 8 + 1 + 1 + 1
/** Of a part: its length, whether it is text. */
const PART_HEAD = 4 + 1
const [COMMIT, END, FORGOTTEN] = [0, 1, 2]

/**
 * Writes one behind the other in pages of memory. As objects, thousands of which live for a minute, each would be
 * copied by two collections of young memory and then be walked by those of old memory.
 */
export class RecentPages {
  readonly #pages: Page[] = []
  #count = 0
  #bytes = 0

  get count(): number {
    return this.#count
  }

  /** What the pages take. */
  get bytes(): number {
    return this.#bytes
  }

  append({ at, isEnd, keys, args }: RecentWrite): void {
    let most = HEAD
    for (const key of keys) most += PART_HEAD + 3 * key.length
    for (const arg of args) {
      most += PART_HEAD + mostBytesOf(arg)
    }
    const page = this.#pageWith(most)
    const { bytes } = page
    const start = page.length
    bytes.writeDoubleLE(at, start + 4)
    bytes[start + 12] = isEnd ? END : COMMIT
    bytes[start + 13] = keys.length
    bytes[start + 14] = args.length
    let end = start + HEAD
    for (const key of keys) end = addPart(bytes, end, key)
    for (const arg of args) end = addPart(bytes, end, arg)
    bytes.writeUInt32LE(end - start, start)
    page.length = end
    page.count++
    page.lastAt = at
    this.#count++
  }

  /** Oldest first; none that were forgotten. */
  *entries(): Generator<RecentWrite> {
    for (const { bytes, length } of this.#pages) {
      for (let at = 0; at < length; at += bytes.readUInt32LE(at)) {
        if (bytes[at + 12] !== FORGOTTEN) yield read(bytes, at)
      }
    }
  }

  forget(isMeant: (write: RecentWrite) => boolean): void {
    for (const { bytes, length } of this.#pages) {
      for (let at = 0; at < length; at += bytes.readUInt32LE(at)) {
        if (bytes[at + 12] !== FORGOTTEN && isMeant(read(bytes, at))) bytes[at + 12] = FORGOTTEN
      }
    }
  }

  /** Lets the oldest pages go: all whose last is older, and others while it is too much. Never the one that is being filled. */
  trim(since: number, mostBytes: number, mostWrites: number): void {
    while (this.#pages.length > 1) {
      const { bytes, count, lastAt } = this.#pages[0] as Page
      if (lastAt >= since && this.#bytes <= mostBytes && this.#count <= mostWrites) return
      this.#bytes -= bytes.length
      this.#count -= count
      this.#pages.shift()
    }
  }

  #pageWith(size: number): Page {
    const last = this.#pages.at(-1)
    if (last !== undefined && last.bytes.length - last.length >= size) return last
    const bytes = Buffer.allocUnsafeSlow(Math.max(PAGE_BYTES, size))
    const page = { bytes, length: 0, count: 0, lastAt: 0 }
    this.#pages.push(page)
    this.#bytes += bytes.length
    return page
  }
}

/** @returns its end */
function addPart(bytes: Buffer, at: number, part: Argument): number {
  const from = at + PART_HEAD
  let end = from
  if (typeof part === 'string') end += bytes.write(part, from)
  else {
    for (const piece of part instanceof Uint8Array ? [part] : part) {
      bytes.set(piece, end)
      end += piece.length
    }
  }
  bytes.writeUInt32LE(end - from, at)
  bytes[at + 4] = typeof part === 'string' ? 1 : 0
  return end
}

function mostBytesOf(arg: Argument): number {
  if (typeof arg === 'string') return 3 * arg.length
  return arg instanceof Uint8Array ? arg.length : bytesIn(arg)
}

/** Its bytes are views of the page, whose filled part does not change any more. */
function read(bytes: Buffer, start: number): RecentWrite {
  const [keys, args] = [bytes[start + 13] ?? 0, bytes[start + 14] ?? 0]
  const parts: Argument[] = []
  let at = start + HEAD
  for (let i = 0; i < keys + args; i++) {
    const from = at + PART_HEAD
    const end = from + bytes.readUInt32LE(at)
    parts.push(bytes[at + 4] === 1 ? bytes.toString('utf8', from, end) : bytes.subarray(from, end))
    at = end
  }
  return {
    at: bytes.readDoubleLE(start + 4),
    isEnd: bytes[start + 12] === END,
    keys: parts.slice(0, keys) as string[],
    args: parts.slice(keys),
  }
}
