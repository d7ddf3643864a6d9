import { AttributeError } from '../../../core/errors.ts'

/** A value as JSON has it: primitives as they are, all else as text. */
export type Written = string | number | boolean | null | { readonly json: string }

export type Values = ReadonlyMap<string, Written>

/** Members that are not data of the application. */
const OWN: ReadonlySet<string> = new Set(['cookie', 'sessionId', 'encryptedSessionId'])

/**
 * The application's data on a session, as `JSON.stringify` sees it.
 * @throws AttributeError for what JSON cannot write
 */
export function valuesOf(session: object): Values {
  const values = new Map<string, Written>()
  for (const [name, value] of Object.entries(session)) {
    if (OWN.has(name)) continue
    const written = write(name, value)
    if (written !== undefined) values.set(name, written)
  }
  return values
}

/** @returns nothing for what JSON leaves out */
export function write(name: string, value: unknown): Written | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (error) {
    throw new AttributeError(name, 'cannot be written as JSON', { cause: error })
  }
  return json === undefined ? undefined : { json }
}

/** A copy that the application may change. */
export function read(written: Written): unknown {
  return typeof written === 'object' && written !== null
    ? (JSON.parse(written.json) as unknown)
    : written
}

function isSame(one: Written | undefined, other: Written | undefined): boolean {
  if (typeof one === 'object' && one !== null && typeof other === 'object' && other !== null) {
    return one.json === other.json
  }
  return one === other
}

/** Names of what differs. */
export function* changed(before: Values, after: Values): Iterable<string> {
  for (const [name, value] of after) if (!isSame(before.get(name), value)) yield name
  for (const name of before.keys()) if (!after.has(name)) yield name
}
