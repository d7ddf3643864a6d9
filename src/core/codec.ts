/**
 * Attributes to bytes and back. The layout is part of the protocol that other languages share: a
 * list of one or two maps from name to value, `[attributes]` or `[attributes, meta]`, the second
 * only when it is not empty. What a value may be is said in `values.ts`, how it is written in
 * `codec-messagepack.ts` and `codec-json.ts`.
 */
import { jsonFormat } from './codec-json.ts'
import { messagePackFormat } from './codec-messagepack.ts'
import { AttributeError } from './errors.ts'
import {
  checkAttributeName,
  isWellFormed,
  type Kind,
  kindOf,
  MAX_DEPTH,
  MAX_NODES,
  MalformedPayloadError,
  nameProblem,
  refusal,
  setOwn,
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
  decode(bytes: Uint8Array): { attributes: Map<string, unknown>; meta: Map<string, unknown> }
  /** Bytes that one value takes, without its name. Throws ValueError when it cannot be stored. */
  encodedSize(value: unknown): number
}

/**
 * What differs between the formats. The walk over a value is the same for all; the methods stand
 * for the kinds that a format may have to write as something else.
 */
export interface Format {
  number(value: number): unknown
  bigint(value: bigint): unknown
  date(ms: number): unknown
  bytes(value: Uint8Array): unknown
  /** Entries are written already: key, value, key, value, … */
  map(flat: unknown[]): unknown
  set(members: unknown[]): unknown
  /** `count` properties, the last of them named `last`. */
  object(properties: Record<string, unknown>, count: number, last: string): unknown

  write(prepared: unknown): Uint8Array
  /** The payload as the format's parser has it, and what makes one attribute's value of its part. */
  read(bytes: Uint8Array): { parsed: unknown; revive: (part: unknown) => unknown }
}

/** The walk over an attribute's value: checks everything and builds what the format writes. */
class Preparation {
  private readonly format: Format
  private readonly ancestors: object[] = []
  private nodes = 0

  constructor(format: Format) {
    this.format = format
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
        return wellFormed(value)
      case 'number':
        return this.format.number(value)
      case 'boolean':
        return value
      case 'undefined':
        return null
      case 'bigint':
        return this.format.bigint(value)
      case 'object':
        return value === null ? null : this.object(value)
      case 'function':
        throw new ValueError('function')
      default:
        throw new ValueError('symbol')
    }
  }

  private object(value: object, replacement = false): unknown {
    const kind = kindOf(value)
    if (kind === 'bytes') return this.format.bytes(value as Uint8Array)
    if (kind === 'date') return this.date(value as Date)
    if (this.ancestors.includes(value)) throw new ValueError('cycle')
    if (this.ancestors.length === MAX_DEPTH) throw new ValueError('depth')
    this.ancestors.push(value)
    const prepared = this.container(kind, value, replacement)
    this.ancestors.pop()
    return prepared
  }

  private date(value: Date): unknown {
    const ms = Date.prototype.getTime.call(value)
    if (Number.isNaN(ms)) throw new ValueError('invalid-date')
    return this.format.date(ms)
  }

  private container(kind: Kind, value: object, replacement: boolean): unknown {
    switch (kind) {
      case 'array':
        return this.list(value as unknown[], (i) => `[${i}]`)
      case 'map': {
        const flat = [...(value as Map<unknown, unknown>)].flat()
        const step = (i: number): string => `[${i % 2 === 0 ? 'key' : 'value'} ${i >> 1}]`
        return this.format.map(distinct(this.list(flat, step), 2))
      }
      case 'set': {
        const step = (i: number): string => `[member ${i}]`
        return this.format.set(distinct(this.list([...(value as Set<unknown>)], step), 1))
      }
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

  private list(items: readonly unknown[], step: (index: number) => string): unknown[] {
    const prepared: unknown[] = []
    let i = 0
    try {
      // By index: holes must become null.
      for (; i < items.length; i++) prepared.push(this.value(items[i]))
    } catch (error) {
      throw within(error, step(i))
    }
    return prepared
  }

  private properties(value: object): unknown {
    const prepared: Record<string, unknown> = {}
    let count = 0
    let last = ''
    let at: string | undefined
    try {
      for (const key of Object.keys(value)) {
        at = key
        const item = (value as Record<string, unknown>)[key]
        if (item === undefined) continue
        setOwn(prepared, wellFormed(key), this.value(item))
        count++
        last = key
      }
    } catch (error) {
      throw within(error, at === undefined ? '' : property(at))
    }
    return this.format.object(prepared, count, last)
  }
}

function wellFormed(text: string): string {
  if (!isWellFormed(text)) throw new ValueError('surrogate')
  return text
}

/** Keys that differ can be the same once stored (two ObjectIds, undefined and null): an entry lost. */
function distinct(prepared: unknown[], stride: 1 | 2): unknown[] {
  const keys = prepared.filter(
    (key, i) => i % stride === 0 && (typeof key !== 'object' || key === null),
  )
  if (new Set(keys).size !== keys.length) throw new ValueError('duplicate')
  return prepared
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

function prepareAll(format: Format, values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const prepared: Record<string, unknown> = {}
  const preparation = new Preparation(format)
  for (const [name, value] of values) {
    checkAttributeName(name)
    if (value === undefined) continue
    try {
      prepared[name] = preparation.attribute(value)
    } catch (error) {
      throw refused(name, error)
    }
  }
  return prepared
}

function reviveAll(part: unknown, revive: (part: unknown) => unknown): Map<string, unknown> {
  if (typeof part !== 'object' || part === null || kindOf(part) !== 'plain') {
    throw new MalformedPayloadError('the payload is not a list of maps')
  }
  const values = new Map<string, unknown>()
  for (const [name, value] of Object.entries(part)) {
    const problem = nameProblem(name)
    if (problem !== undefined) throw new MalformedPayloadError(`name of an attribute: ${problem}`)
    values.set(name, revive(value))
  }
  return values
}

function makeCodec(id: CodecId, name: CodecName, format: Format): Codec {
  return {
    id,
    name,
    encode(attributes, meta) {
      const maps = [prepareAll(format, attributes)]
      if (meta.size > 0) maps.push(prepareAll(format, meta))
      return format.write(maps)
    },
    decode(bytes) {
      try {
        const { parsed, revive } = format.read(bytes)
        if (!Array.isArray(parsed) || parsed.length > 2) {
          throw new MalformedPayloadError('the payload is not a list of one or two maps')
        }
        const attributes = reviveAll(parsed[0], revive)
        return { attributes, meta: parsed.length === 2 ? reviveAll(parsed[1], revive) : new Map() }
      } catch (error) {
        if (error instanceof MalformedPayloadError) throw error
        throw new MalformedPayloadError('the payload cannot be read', { cause: error })
      }
    },
    encodedSize(value) {
      return format.write(new Preparation(format).attribute(value)).length
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
