/**
 * What the value of a session's attribute may be. These come back exactly as they were put in:
 * null, booleans, strings, numbers (NaN, ±Infinity and -0 too), bigints, valid Dates, arrays,
 * plain objects, Maps and Sets (with keys and members of any of these kinds) and Uint8Arrays.
 *
 * These are stored as something else, the way `JSON.stringify` does it:
 * - an object property that is `undefined` is left out; `undefined` and holes in arrays, and
 *   `undefined` in a Map or a Set, become null; symbol keys and extra properties of arrays go;
 * - an object with a `toJSON` method is stored as what that returns (ObjectId, Decimal, URL, moment,
 *   mongoose documents); arrays, Maps, Sets, Dates and Uint8Arrays stay what they are even so;
 * - an instance of another class is stored as its own enumerable properties, and comes back as a
 *   plain object, as does an object without a prototype; a Buffer comes back as a Uint8Array.
 *
 * Everything in `problems` below is refused: a value is never changed behind the writer's back.
 */
import { types } from 'node:util'
import { AttributeError } from './errors.ts'

/** Objects, arrays, Maps and Sets inside each other. */
export const MAX_DEPTH: number = 64
/** Values in one attribute, counting each container, element, property, key and member. */
export const MAX_NODES: number = 100_000
/** UTF-8 bytes of an attribute's name. */
const MAX_NAME_BYTES = 256

export type ValueProblem =
  | 'function'
  | 'symbol'
  | 'promise'
  | 'weak'
  | 'regexp'
  | 'error'
  | 'buffer'
  | 'boxed'
  | 'invalid-date'
  | 'surrogate'
  | 'cycle'
  | 'depth'
  | 'nodes'
  | 'duplicate'
  | 'unreadable'

const problems: Readonly<Record<ValueProblem, string>> = {
  function: 'a function cannot be stored',
  symbol: 'a symbol cannot be stored',
  promise: 'a Promise cannot be stored; await it first',
  weak: 'weak collections and references cannot be stored',
  regexp: 'a RegExp cannot be stored; store its source',
  error: 'an Error cannot be stored; store its message or code',
  buffer: 'of the binary types only Uint8Array and Buffer can be stored',
  boxed: 'boxed primitives (new String, new Number, …) cannot be stored; use the primitive',
  'invalid-date': 'an invalid Date cannot be stored',
  surrogate: 'text with a lone surrogate cannot be stored: UTF-8 cannot hold it',
  cycle: 'a value that contains itself cannot be stored',
  depth: `nested deeper than ${MAX_DEPTH} levels`,
  nodes: `more than ${MAX_NODES} values in one attribute`,
  duplicate: 'two keys or members become the same one when stored',
  unreadable: 'a getter, toJSON or proxy threw while it was read',
}

/** A value that cannot be stored. Internal: the codec turns it into an AttributeError. */
export class ValueError extends Error {
  readonly problem: ValueProblem
  /** Where inside the attribute: `items[2].price`; empty for the attribute's value itself. */
  path = ''

  constructor(problem: ValueProblem, options?: ErrorOptions) {
    super(problems[problem], options)
    this.name = 'ValueError'
    this.problem = problem
  }
}

/** Stored bytes that are not a payload. Internal: such a record counts as no session. */
export class MalformedPayloadError extends Error {
  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options)
    this.name = 'MalformedPayloadError'
  }
}

/** `__proto__` would reach the prototype of whatever object the attributes are copied to. */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** What is wrong with an attribute's name, or nothing. */
export function nameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return `a name is a string, not ${typeof name}`
  if (name === '') return 'a name cannot be empty'
  if (FORBIDDEN_NAMES.has(name)) return 'this name is not allowed'
  // No UTF-16 unit takes more than three bytes: counting is for long names only.
  if (name.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(name) > MAX_NAME_BYTES) {
    return `a name has at most ${MAX_NAME_BYTES} bytes in UTF-8`
  }
  return isWellFormed(name) ? undefined : problems.surrogate
}

/** Throws AttributeError for a name that no attribute can have. */
export function checkAttributeName(name: unknown): asserts name is string {
  const problem = nameProblem(name)
  if (problem !== undefined) {
    throw new AttributeError(typeof name === 'string' ? name : `(${typeof name})`, problem)
  }
}

/** In Node 20, not yet in TypeScript's `es2023`. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** Makes an own property of any name: plain assignment to `__proto__` would set the prototype. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    const property = { value, writable: true, enumerable: true, configurable: true }
    Object.defineProperty(object, key, property)
  } else {
    object[key] = value
  }
}

export type Kind = 'plain' | 'array' | 'date' | 'map' | 'set' | 'bytes' | 'other'

/** By internal slots, not `instanceof`: values from another realm (vm, Jest) are of the same kinds. */
export function kindOf(value: object): Kind {
  if (Array.isArray(value)) return 'array'
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return 'plain'
  if (types.isDate(value)) return 'date'
  if (types.isMap(value)) return 'map'
  if (types.isSet(value)) return 'set'
  if (types.isUint8Array(value)) return 'bytes'
  return 'other'
}

/** Why an object that is of none of the kinds cannot be stored by its properties, if so. */
export function refusal(value: object): ValueProblem | undefined {
  if (types.isPromise(value)) return 'promise'
  if (types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef) return 'weak'
  if (types.isRegExp(value)) return 'regexp'
  if (types.isNativeError(value) || value instanceof Error) return 'error'
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return 'buffer'
  if (types.isBoxedPrimitive(value)) return 'boxed'
  return undefined
}

/**
 * A deep copy of a decoded value. An object of no storable kind is not copied: the copy refers to
 * the same one. Throws ValueError when nested deeper than 64 levels, which every cycle is.
 */
export function cloneValue<T>(value: T): T {
  return clone(value, 0) as T
}

/**
 * As `cloneValue`, of what is to be stored as an attribute.
 * @throws AttributeError, as storing it would
 */
export function cloneAttribute(name: string, value: unknown): unknown {
  try {
    return cloneValue(value)
  } catch (cause) {
    if (!(cause instanceof ValueError)) throw cause
    throw new AttributeError(name, cause.message, { cause })
  }
}

function clone(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  const kind = kindOf(value)
  if (kind === 'date') return new Date((value as Date).getTime())
  if (kind === 'bytes') return new Uint8Array(value as Uint8Array)
  if (kind === 'other') return value
  if (depth === MAX_DEPTH) throw new ValueError('depth')
  switch (kind) {
    case 'array': {
      const list = value as unknown[]
      const copy: unknown[] = []
      for (let i = 0; i < list.length; i++) copy.push(clone(list[i], depth + 1))
      return copy
    }
    case 'plain': {
      const copy: Record<string, unknown> = {}
      for (const key of Object.keys(value)) {
        setOwn(copy, key, clone((value as Record<string, unknown>)[key], depth + 1))
      }
      return copy
    }
    case 'map': {
      const copy = new Map<unknown, unknown>()
      for (const [key, item] of value as Map<unknown, unknown>) {
        copy.set(clone(key, depth + 1), clone(item, depth + 1))
      }
      return copy
    }
    case 'set': {
      const copy = new Set<unknown>()
      for (const item of value as Set<unknown>) copy.add(clone(item, depth + 1))
      return copy
    }
  }
}

/**
 * Whether two values are the same once stored. Numbers as `Object.is` has it: NaN equals itself, 0
 * and -0 differ. The order of a plain object's properties does not matter; that of a Map's entries
 * and a Set's members does (programs use it: "last seen first"), keys and members are compared by
 * value. An object of no storable kind equals only itself, and so does what is nested deeper than
 * 64 levels.
 */
export function equalValues(a: unknown, b: unknown): boolean {
  return equal(a, b, 0)
}

function equal(a: unknown, b: unknown, depth: number): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const kind = kindOf(a)
  if (kind !== kindOf(b) || kind === 'other') return false
  if (kind === 'date') return Object.is((a as Date).getTime(), (b as Date).getTime())
  if (kind === 'bytes') return Buffer.compare(a as Uint8Array, b as Uint8Array) === 0
  if (depth === MAX_DEPTH) return false
  switch (kind) {
    case 'array':
      return equalLists(a as unknown[], b as unknown[], depth + 1)
    case 'plain':
      return equalObjects(a as Record<string, unknown>, b as Record<string, unknown>, depth + 1)
    case 'map': {
      const [left, right] = [a as Map<unknown, unknown>, b as Map<unknown, unknown>]
      return (
        equalLists([...left.keys()], [...right.keys()], depth + 1) &&
        equalLists([...left.values()], [...right.values()], depth + 1)
      )
    }
    case 'set':
      return equalLists([...(a as Set<unknown>)], [...(b as Set<unknown>)], depth + 1)
  }
}

function equalLists(a: readonly unknown[], b: readonly unknown[], depth: number): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i], depth)) return false
  return true
}

function equalObjects(
  a: Record<string, unknown>,
  b: Record<string, unknown>,
  depth: number,
): boolean {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys) {
    if (!Object.hasOwn(b, key) || !equal(a[key], b[key], depth)) return false
  }
  return true
}

/**
 * Makes a value of our own (decoded or copied) read-only, all of it and the outermost object last,
 * and says whether it could. When the tree holds something that cannot be made read-only (Map, Set,
 * Date, Uint8Array, an instance of a class) nothing is frozen and the answer is false: hand out a copy
 * instead.
 */
export function freezeValue(value: unknown): boolean {
  if (!isFreezable(value, 0)) return false
  freeze(value)
  return true
}

function isFreezable(value: unknown, depth: number): boolean {
  if (typeof value === 'function') return false
  if (typeof value !== 'object' || value === null) return true
  const kind = kindOf(value)
  if ((kind !== 'array' && kind !== 'plain') || depth === MAX_DEPTH) return false
  for (const key of Object.keys(value)) {
    if (!isFreezable((value as Record<string, unknown>)[key], depth + 1)) return false
  }
  return true
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const key of Object.keys(value)) freeze((value as Record<string, unknown>)[key])
  Object.freeze(value)
}
