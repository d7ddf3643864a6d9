import { AttributeError } from '../../core/errors.ts'
import { cloneAttribute, equalValues } from '../../core/values.ts'

/** What a session held when it was last the same as what is stored. */
export type Known = ReadonlyMap<string, unknown>

/** What is to be stored; `undefined`: nothing. */
export type JsonChanges = Map<string, unknown>

/**
 * What the properties of a session have become, each as JSON has it: dates are text, `toJSON` is asked,
 * functions and `undefined` are not there.
 * @param known as the session held it; a property that still equals it is not changed, whatever it is
 * @returns nothing where nothing has changed
 * @throws AttributeError for what JSON cannot hold: a cycle, a bigint
 */
export function changesOf(session: object, known: Known): JsonChanges | undefined {
  let changes: JsonChanges | undefined
  for (const name of Object.keys(session)) {
    if (name === 'cookie') continue
    const value = (session as Record<string, unknown>)[name]
    const before = known.get(name)
    if (equalValues(value, before)) continue
    const json = jsonOf(name, value)
    if (equalValues(json, before)) continue
    changes ??= new Map()
    changes.set(name, json)
  }
  for (const name of known.keys()) {
    if (Object.prototype.propertyIsEnumerable.call(session, name)) continue
    changes ??= new Map()
    changes.set(name, undefined)
  }
  return changes
}

/** With the changes made. */
export function knownAfter(known: Known, changes: JsonChanges): Known {
  const after = new Map(known)
  for (const [name, value] of changes) {
    if (value === undefined) after.delete(name)
    // The store is given the value, and what is known must not change with it.
    else after.set(name, cloneAttribute(name, value))
  }
  return after
}

function jsonOf(name: string, value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  let text: string
  try {
    // `toJSON` is told the property's name.
    text = JSON.stringify({ [name]: value })
  } catch (cause) {
    throw new AttributeError(
      name,
      'JSON cannot hold it (a cycle, a bigint, a getter that throws)',
      {
        cause,
      },
    )
  }
  return (JSON.parse(text) as Record<string, unknown>)[name]
}
