/**
 * Attributes to bytes and back. The layout is part of the protocol that other languages share: a
 * list of one or two maps from name to value, `[attributes]` or `[attributes, meta]`, the second
 * only when it is not empty. What a value may be is said in `values.ts`, how it is written in
 * `codec-messagepack.ts` and `codec-json.ts`.
 */
import { jsonFormat } from './codec-json.ts'
import { messagePackFormat } from './codec-messagepack.ts'
import { AttributeError } from './errors.ts'
import { mapBytes } from './heap.ts'
import {
  checkAttributeName,
  type Kind,
  kindOf,
  MAX_DEPTH,
  MAX_NODES,
  MalformedPayloadError,
  nameProblem,
  refusal,
  ValueError,
} from './values.ts'

export { MalformedPayloadError } from './values.ts'

export type CodecId = 0 | 1
export type CodecName = 'messagepack' | 'json'

export interface Codec {
  /** As it stands in a record's header. */
  readonly id: CodecId
  readonly name: CodecName
  /** Throws AttributeError naming the attribute, the path in it and the problem. */
  encode(attributes: ReadonlyMap<string, unknown>, meta: ReadonlyMap<string, unknown>): Uint8Array
  /** Shares no memory with `bytes`. Throws MalformedPayloadError, and nothing else. */
  decode(bytes: Uint8Array): Decoded
  /** Bytes that one value takes, without its name. Throws ValueError when it cannot be stored. */
  encodedSize(value: unknown): number
}

export interface Decoded {
  readonly attributes: Map<string, unknown>
  readonly meta: Map<string, unknown>
  /** What both take in memory, estimated. */
  readonly heapBytes: number
}

type Revive = (part: unknown, name: string) => unknown

/** What differs between the formats. The walk over a value is the same for all. */
export interface Format {
  /** For one payload; one that is not finished, because a value was refused, is not used again. */
  writer(): Writer<unknown>
  /**
   * The payload as the format's parser has it, what makes one attribute's value of its part, and what all
   * that has been made takes in memory.
   */
  read(bytes: Uint8Array): {
    parsed: unknown
    revive: Revive
    heapBytes: () => number
  }
}

/**
 * Takes what a walk finds, in its order. What a method answers stands for the value: a primitive as
 * it is stored, by which keys are told apart, or an object.
 */
export interface Writer<Open> {
  literal(value: boolean | null): unknown
  number(value: number): unknown
  /** Throws ValueError when there is a lone surrogate in it. */
  text(value: string): unknown
  bigint(value: bigint): unknown
  date(ms: number): unknown
  bytes(value: Uint8Array): unknown

  /** A list of `count` items, or what is written as one: a Map (key, value, key, …) or a Set. */
  openList(count: number): Open
  item(list: Open, item: unknown): void
  closeList(list: Open, kind: 'array' | 'map' | 'set'): unknown

  /** Of at most so many properties. */
  openObject(most: number): Open
  /** Comes before the property's value is written. Throws ValueError as `text` does. */
  key(key: string): void
  property(object: Open, key: string, value: unknown): void
  /** So many properties there were in fact. @param last the name of the last; '' where names are no keys of a value */
  closeObject(object: Open, most: number, count: number, last: string): unknown

  finish(payload: unknown): Uint8Array
}

/** The walk over an attribute's value: checks everything and hands it to the writer. */
class Walk {
  private readonly writer: Writer<unknown>
  private readonly ancestors: object[] = []
  private nodes = 0

  constructor(writer: Writer<unknown>) {
    this.writer = writer
  }

  /** Throws ValueError, after which this walk is not used again. */
  attribute(value: unknown): unknown {
    this.nodes = 0
    try {
      return this.value(value)
    } catch (error) {
      throw within(error, '')
    }
  }

  private value(value: unknown): unknown {
    if (++this.nodes > MAX_NODES) throw new ValueError('nodes')
    switch (typeof value) {
      case 'string':
        return this.writer.text(value)
      case 'number':
        return this.writer.number(value)
      case 'boolean':
        return this.writer.literal(value)
      case 'undefined':
        return this.writer.literal(null)
      case 'bigint':
        return this.writer.bigint(value)
      case 'object':
        return value === null ? this.writer.literal(null) : this.object(value)
      case 'function':
        throw new ValueError('function')
      default:
        throw new ValueError('symbol')
    }
  }

  private object(value: object, replacement = false): unknown {
    const kind = kindOf(value)
    if (kind === 'bytes') return this.writer.bytes(value as Uint8Array)
    if (kind === 'date') return this.date(value as Date)
    if (this.ancestors.includes(value)) throw new ValueError('cycle')
    if (this.ancestors.length === MAX_DEPTH) throw new ValueError('depth')
    this.ancestors.push(value)
    const written = this.container(kind, value, replacement)
    this.ancestors.pop()
    return written
  }

  private date(value: Date): unknown {
    const ms = Date.prototype.getTime.call(value)
    if (Number.isNaN(ms)) throw new ValueError('invalid-date')
    return this.writer.date(ms)
  }

  private container(kind: Kind, value: object, replacement: boolean): unknown {
    switch (kind) {
      case 'array':
        return this.list(value as unknown[], kind, (i) => `[${i}]`)
      case 'map': {
        const flat = [...(value as Map<unknown, unknown>)].flat()
        const step = (i: number): string => `[${i % 2 === 0 ? 'key' : 'value'} ${i >> 1}]`
        return this.list(flat, kind, step)
      }
      case 'set':
        return this.list([...(value as Set<unknown>)], kind, (i) => `[member ${i}]`)
      default: {
        const problem = kind === 'other' ? refusal(value) : undefined
        if (problem !== undefined) throw new ValueError(problem)
        const { toJSON } = value as { toJSON?: unknown }
        if (typeof toJSON !== 'function' || replacement) return this.properties(value)
        const result: unknown = toJSON.call(value)
        // As in JSON.stringify, what toJSON returned is not asked again: it may be the same object.
        if (typeof result !== 'object' || result === null) return this.value(result)
        return result === value ? this.properties(value) : this.object(result, true)
      }
    }
  }

  private list(
    items: readonly unknown[],
    kind: 'array' | 'map' | 'set',
    step: (index: number) => string,
  ): unknown {
    const { writer } = this
    const keys = kind === 'array' ? undefined : new Keys()
    const list = writer.openList(items.length)
    let i = 0
    try {
      // By index: holes must become null.
      for (; i < items.length; i++) {
        const item = this.value(items[i])
        if (kind === 'set' || (kind === 'map' && i % 2 === 0)) keys?.add(item)
        writer.item(list, item)
      }
    } catch (error) {
      throw within(error, step(i))
    }
    keys?.check()
    return writer.closeList(list, kind)
  }

  private properties(value: object): unknown {
    const { writer } = this
    const keys = Object.keys(value)
    const object = writer.openObject(keys.length)
    let count = 0
    let last = ''
    let at: string | undefined
    try {
      for (const key of keys) {
        at = key
        const item = (value as Record<string, unknown>)[key]
        if (item === undefined) continue
        writer.key(key)
        writer.property(object, key, this.value(item))
        count++
        last = key
      }
    } catch (error) {
      throw within(error, at === undefined ? '' : property(at))
    }
    return writer.closeObject(object, keys.length, count, last)
  }
}

/** Keys that differ can be the same once stored (two ObjectIds, undefined and null): an entry lost. */
class Keys {
  private readonly seen = new Set<unknown>()
  private count = 0

  /** @param key as the writer has answered; objects are never the same */
  add(key: unknown): void {
    if (typeof key === 'object' && key !== null) return
    this.seen.add(key)
    this.count++
  }

  check(): void {
    if (this.seen.size !== this.count) throw new ValueError('duplicate')
  }
}

function within(error: unknown, step: string): ValueError {
  const inner = error instanceof ValueError ? error : new ValueError('unreadable', { cause: error })
  const dot = step !== '' && inner.path !== '' && !inner.path.startsWith('[') ? '.' : ''
  inner.path = step + dot + inner.path
  return inner
}

function property(key: string): string {
  if (/^[A-Za-z_$][\w$]{0,59}$/.test(key)) return key
  return `[${JSON.stringify(shorten(key, 60))}]`
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text
}

function refused(name: string, error: unknown): unknown {
  if (!(error instanceof ValueError)) return error
  const place = error.path === '' ? '' : `at ${shorten(error.path, 200)}: `
  return new AttributeError(name, place + error.message, { cause: error })
}

function writeAll(writer: Writer<unknown>, values: ReadonlyMap<string, unknown>): unknown {
  const walk = new Walk(writer)
  const object = writer.openObject(values.size)
  let count = 0
  for (const [name, value] of values) {
    checkAttributeName(name)
    if (value === undefined) continue
    writer.key(name)
    try {
      writer.property(object, name, walk.attribute(value))
    } catch (error) {
      throw refused(name, error)
    }
    count++
  }
  return writer.closeObject(object, values.size, count, '')
}

function reviveAll(part: unknown, revive: Revive): Map<string, unknown> {
  if (typeof part !== 'object' || part === null || kindOf(part) !== 'plain') {
    throw new MalformedPayloadError('the payload is not a list of maps')
  }
  const values = new Map<string, unknown>()
  for (const [name, value] of Object.entries(part)) {
    const problem = nameProblem(name)
    if (problem !== undefined) throw new MalformedPayloadError(`name of an attribute: ${problem}`)
    values.set(name, revive(value, name))
  }
  return values
}

function makeCodec(id: CodecId, name: CodecName, format: Format): Codec {
  return {
    id,
    name,
    encode(attributes, meta) {
      const writer = format.writer()
      const maps = writer.openList(meta.size > 0 ? 2 : 1)
      writer.item(maps, writeAll(writer, attributes))
      if (meta.size > 0) writer.item(maps, writeAll(writer, meta))
      return writer.finish(writer.closeList(maps, 'array'))
    },
    decode(bytes) {
      try {
        const { parsed, revive, heapBytes } = format.read(bytes)
        if (!Array.isArray(parsed) || parsed.length > 2) {
          throw new MalformedPayloadError('the payload is not a list of one or two maps')
        }
        const attributes = reviveAll(parsed[0], revive)
        const meta = parsed.length === 2 ? reviveAll(parsed[1], revive) : new Map()
        const maps = mapBytes(attributes.size) + mapBytes(meta.size)
        return { attributes, meta, heapBytes: heapBytes() + maps }
      } catch (error) {
        if (error instanceof MalformedPayloadError) throw error
        throw new MalformedPayloadError('the payload cannot be read', { cause: error })
      }
    },
    encodedSize(value) {
      const writer = format.writer()
      return writer.finish(new Walk(writer).attribute(value)).length
    },
  }
}

const messagePack = makeCodec(0, 'messagepack', messagePackFormat)
const json = makeCodec(1, 'json', jsonFormat)

/** By id, as a record's header has it, and by name, as the option has it. */
export const codecs: Readonly<Record<CodecId | CodecName, Codec>> = {
  0: messagePack,
  1: json,
  messagepack: messagePack,
  json,
}
