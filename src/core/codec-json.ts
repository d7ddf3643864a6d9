/**
 * JSON, for those who read payloads with other tools. For other languages: values that JSON has no
 * form for are objects with one key.
 *
 * | value                  | written as                                                          |
 * | ---------------------- | ------------------------------------------------------------------- |
 * | Date                   | `{"$date": 1732440000000}`: whole milliseconds since the Unix epoch  |
 * | Map                    | `{"$map": [[key, value], …]}`                                       |
 * | Set                    | `{"$set": [member, …]}`                                             |
 * | bigint                 | `{"$bigint": "-123"}`: decimal, no leading zeros, no plus            |
 * | bytes                  | `{"$bytes": "AQI="}`: base64 with padding                           |
 * | NaN, ±Infinity, -0     | `{"$number": "NaN"}`, `"Infinity"`, `"-Infinity"`, `"-0"`           |
 * | plain object, only key | `{"$object": {"$x": …}}`: the inner object is taken as it is, its    |
 * | beginning with `$`     | values are values like all others                                   |
 *
 * Another object whose only key begins with `$` is malformed. The two outer maps, from name to
 * value, are no values: their keys are never tags. Whole numbers beyond ±(2^53 − 1) have to be
 * written as bigints. Text is UTF-8 without a byte order mark; escaped lone surrogates are
 * malformed. Bounds as in MessagePack, tags not counted as levels.
 */
import type { Format, Writer } from './codec.ts'
import {
  arrayBytes,
  bigintBytes,
  DATE_BYTES,
  elementBytes,
  isCommonKey,
  isIndex,
  isWide,
  MEMBER_BYTES,
  mapBytes,
  NUMBER_BYTES,
  objectBytes,
  setBytes,
  startsLikeIndex,
  textBytes,
  viewBytes,
} from './heap.ts'
import {
  isWellFormed,
  MAX_DEPTH,
  MAX_NODES,
  MalformedPayloadError,
  setOwn,
  ValueError,
} from './values.ts'

export const jsonFormat: Format = {
  writer: () => new JsonWriter(),
  read: (bytes) => {
    const revival = new Revival()
    return {
      parsed: parse(bytes),
      revive: (part, name) => revival.attribute(part, name),
      heapBytes: () => revival.heapBytes,
    }
  },
}

/** Makes what `JSON.stringify` writes. */
class JsonWriter implements Writer<unknown> {
  literal(value: boolean | null): unknown {
    return value
  }

  number(value: number): unknown {
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: numberText(value) }
  }

  text(value: string): string {
    if (!isWellFormed(value)) throw new ValueError('surrogate')
    return value
  }

  bigint(value: bigint): unknown {
    return { $bigint: value.toString() }
  }

  date(ms: number): unknown {
    return { $date: ms }
  }

  bytes(value: Uint8Array): unknown {
    return { $bytes: base64(value) }
  }

  openList(): unknown[] {
    return []
  }

  item(list: unknown[], item: unknown): void {
    list.push(item)
  }

  closeList(list: unknown[], kind: 'array' | 'map' | 'set'): unknown {
    if (kind === 'array') return list
    if (kind === 'set') return { $set: list }
    const entries: unknown[] = []
    for (let i = 0; i < list.length; i += 2) entries.push([list[i], list[i + 1]])
    return { $map: entries }
  }

  openObject(): Record<string, unknown> {
    return {}
  }

  key(key: string): void {
    this.text(key)
  }

  property(object: Record<string, unknown>, key: string, value: unknown): void {
    setOwn(object, key, value)
  }

  closeObject(object: object, _most: number, count: number, last: string): unknown {
    return count === 1 && last.startsWith('$') ? { $object: object } : object
  }

  finish(payload: unknown): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(payload))
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    // Without the cause: its message quotes the payload.
    return fail('not JSON in UTF-8')
  }
}

/** The walk over attributes; replaces the tags, in place where possible. */
class Revival {
  /** Of what has been walked over, estimated: see `heap.ts`. */
  heapBytes = 0
  private nodes = 0

  attribute(value: unknown, name: string): unknown {
    this.nodes = 0
    this.key(name)
    return this.value(value, 0)
  }

  private value(value: unknown, depth: number): unknown {
    if (++this.nodes > MAX_NODES) fail('too many values')
    if (typeof value === 'string') {
      this.heapBytes += textBytes(value.length, isWide(value))
      return wellFormed(value)
    }
    if (typeof value === 'number') {
      if ((value | 0) !== value) this.heapBytes += NUMBER_BYTES
      return Number.isFinite(value) ? value : fail('number too large')
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return this.list(value, depth)
    const object = value as Record<string, unknown>
    const keys = Object.keys(object)
    const tag = keys[0]
    return keys.length === 1 && tag?.startsWith('$')
      ? this.tagged(tag, object[tag], depth)
      : this.properties(object, keys, depth)
  }

  private tagged(tag: string, content: unknown, depth: number): unknown {
    switch (tag) {
      case '$date':
        this.heapBytes += DATE_BYTES
        return date(content)
      case '$bigint': {
        const value = bigint(content)
        this.heapBytes += bigintBytes(value)
        return value
      }
      case '$bytes': {
        const value = bytes(content)
        this.heapBytes += viewBytes(value.length)
        return value
      }
      case '$number':
        return number(content)
      case '$set':
        return this.set(content, depth)
      case '$map':
        return this.map(content, depth)
      case '$object': {
        if (typeof content !== 'object' || content === null || Array.isArray(content)) {
          return fail('$object without an object')
        }
        const object = content as Record<string, unknown>
        return this.properties(object, Object.keys(object), depth)
      }
      default:
        return fail('a tag that is not known')
    }
  }

  private properties(object: Record<string, unknown>, keys: string[], depth: number): unknown {
    if (depth === MAX_DEPTH) fail('nested too deeply')
    let unknown = 0
    let indexes = 0
    for (const key of keys) {
      const value = this.value(object[key], depth + 1)
      if (startsLikeIndex(key) && isIndex(key)) indexes++
      else {
        if (!this.key(key)) unknown++
        if (typeof value === 'number') this.heapBytes += MEMBER_BYTES
      }
      setOwn(object, wellFormed(key), value)
    }
    this.heapBytes += objectBytes(keys.length - indexes, unknown, true)
    if (indexes > 0) this.heapBytes += elementBytes(object, true)
    return object
  }

  /** @returns whether it is a common one */
  private key(key: string): boolean {
    const isCommon = isCommonKey(key)
    if (!isCommon) this.heapBytes += textBytes(key.length, isWide(key))
    return isCommon
  }

  private list(list: unknown[], depth: number): unknown[] {
    if (depth === MAX_DEPTH) fail('nested too deeply')
    this.heapBytes += arrayBytes(list.length)
    for (let i = 0; i < list.length; i++) list[i] = this.value(list[i], depth + 1)
    return list
  }

  private set(content: unknown, depth: number): unknown {
    if (!Array.isArray(content)) return fail('$set without a list')
    const set = new Set(this.list(content, depth))
    this.heapBytes += setBytes(set.size) - arrayBytes(set.size)
    return set.size === content.length ? set : fail('a Set with the same member twice')
  }

  private map(content: unknown, depth: number): unknown {
    if (!Array.isArray(content)) return fail('$map without a list')
    if (depth === MAX_DEPTH) fail('nested too deeply')
    const map = new Map<unknown, unknown>()
    for (const entry of content as unknown[]) {
      if (!Array.isArray(entry) || entry.length !== 2) return fail('$map without pairs')
      map.set(this.value(entry[0], depth + 1), this.value(entry[1], depth + 1))
    }
    this.heapBytes += mapBytes(map.size)
    return map.size === content.length ? map : fail('a Map with the same key twice')
  }
}

function wellFormed(text: string): string {
  return isWellFormed(text) ? text : fail('a lone surrogate')
}

function date(content: unknown): Date {
  const date = new Date(Number.isInteger(content) ? (content as number) : Number.NaN)
  return Number.isNaN(date.getTime()) ? fail('$date without milliseconds') : date
}

function bigint(content: unknown): bigint {
  return typeof content === 'string' && /^(0|-?[1-9][0-9]*)$/.test(content)
    ? BigInt(content)
    : fail('$bigint without decimal digits')
}

function bytes(content: unknown): Uint8Array {
  if (typeof content !== 'string') return fail('$bytes without text')
  const decoded = new Uint8Array(Buffer.from(content, 'base64'))
  // Node skips what is not base64.
  return base64(decoded) === content ? decoded : fail('$bytes without base64')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

const NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function number(content: unknown): number {
  return NUMBERS.find((value) => numberText(value) === content) ?? fail('$number without one')
}

function fail(problem: string): never {
  throw new MalformedPayloadError(problem)
}
