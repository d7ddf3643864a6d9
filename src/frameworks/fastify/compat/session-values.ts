import { AttributeError } from '../../../core/errors.ts'
import { cloneValue } from '../../../core/values.ts'

/** Data by name, as JSON gives them back. What they hold is never changed. */
export type Values = ReadonlyMap<string, unknown>

/** Text of JSON; undefined: what JSON leaves out. */
type Text = string | undefined

/** Members that are not data of the application. */
const OWN: ReadonlySet<string> = new Set(['cookie', 'sessionId', 'encryptedSessionId'])
/** Objects that have been found to be as JSON has them, and frozen throughout: those of the near cache come again and again. */
const checked = new WeakSet()

/** Those of the application's data on a session. */
export function dataNames(session: object): string[] {
  return Object.keys(session).filter((name) => !OWN.has(name))
}

/**
 * Whether the application's data on a session, as `JSON.stringify` sees them, are other than these.
 * @throws AttributeError for what JSON cannot write
 */
export function differs(session: object, known: Values): boolean {
  let count = 0
  for (const name of Object.keys(session)) {
    if (OWN.has(name)) continue
    const value = (session as Record<string, unknown>)[name]
    if (!isSame(name, value, known)) return true
    if (known.has(name)) count++
  }
  return count < known.size
}

/**
 * What of the data is other; `undefined`: it is not there any more.
 * @returns nothing where all is the same
 * @throws AttributeError for what JSON cannot write
 */
export function changesOf(session: object, known: Values): Map<string, unknown> | undefined {
  let changes: Map<string, unknown> | undefined
  for (const name of Object.keys(session)) {
    if (OWN.has(name)) continue
    const value = (session as Record<string, unknown>)[name]
    if (isSame(name, value, known)) continue
    changes ??= new Map()
    changes.set(name, valueOf(write(name, value)))
  }
  for (const name of known.keys()) {
    if (Object.prototype.propertyIsEnumerable.call(session, name)) continue
    changes ??= new Map()
    changes.set(name, undefined)
  }
  return changes
}

/** With the changes made. */
export function knownAfter(known: Values, changes: ReadonlyMap<string, unknown>): Values {
  const after = new Map(known)
  for (const [name, value] of changes) {
    if (value === undefined) after.delete(name)
    else after.set(name, value)
  }
  return after
}

/**
 * A stored value as JSON has it: itself, where it is that already and nobody can change it.
 * @returns undefined for what JSON leaves out
 * @throws AttributeError for what JSON cannot write
 */
export function known(name: string, stored: unknown): unknown {
  if (typeof stored === 'string' || typeof stored === 'boolean' || stored === null) return stored
  // JSON has no -0.
  if (typeof stored === 'number' && Number.isFinite(stored)) return stored + 0
  if (typeof stored === 'object') {
    if (checked.has(stored)) return stored
    if (isFixed(stored)) {
      checked.add(stored)
      return stored
    }
  }
  return valueOf(write(name, stored))
}

/** A copy that the application may change. */
export function copyOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? cloneValue(value) : value
}

function write(name: string, value: unknown): Text {
  try {
    return JSON.stringify(value)
  } catch (error) {
    throw new AttributeError(name, 'cannot be written as JSON', { cause: error })
  }
}

function valueOf(text: Text): unknown {
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}

function isSame(name: string, value: unknown, values: Values): boolean {
  const before = values.get(name)
  if (typeof value === 'string' || typeof value === 'boolean') return value === before
  if (isAlike(name, value, before)) return true
  return write(name, value) === write(name, before)
}

/** Whether it is certain, without writing them, that both are the same in JSON. */
function isAlike(name: string, value: unknown, before: unknown): boolean {
  try {
    return isEqual(value, before)
  } catch (error) {
    throw new AttributeError(name, 'cannot be read', { cause: error })
  }
}

function isEqual(value: unknown, before: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === before
  if (typeof before !== 'object' || before === null) return false
  if ('toJSON' in value) return false
  if (Array.isArray(value)) {
    if (!Array.isArray(before) || value.length !== before.length) return false
    for (let at = 0; at < value.length; at++) if (!isEqual(value[at], before[at])) return false
    return true
  }
  if (Array.isArray(before) || !isPlain(value)) return false
  const others = Object.keys(before)
  let at = 0
  for (const name of Object.keys(value)) {
    // Their order is in the text too.
    if (name !== others[at++]) return false
    if (!isEqual(Reflect.get(value, name), Reflect.get(before, name))) return false
  }
  return at === others.length
}

/** Whether it is as JSON would give it back, and frozen throughout. */
function isFixed(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      if (value === null) return true
      if (!Object.isFrozen(value) || 'toJSON' in value) return false
      if (!Array.isArray(value) && !isPlain(value)) return false
      return Object.values(value).every(isFixed)
    default:
      return false
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
