import { equalValues } from './values.ts'

/**
 * Whose session it is, by what an application's `principal` says of its data: a text or a number, or what JSON makes one
 * of it, such as a database's id. All objects would have the same text, and all users one principal.
 * @returns nothing for nobody
 * @throws TypeError for anything else
 */
export function principalFrom(value: unknown): string | undefined {
  const found = hasJson(value) ? value.toJSON() : value
  if (found === undefined || found === null || found === '') return undefined
  if (typeof found === 'string') return found
  if (typeof found === 'bigint' || (typeof found === 'number' && Number.isFinite(found))) {
    return String(found)
  }
  throw new TypeError(
    'the option `principal` must give a text or a number, such as `(session) => session.passport?.user?.id`',
  )
}

/**
 * What the application's object says of its session: what it holds itself, and of what has been stored or set by other
 * means since it was made what that is now. An object that nobody has changed knows nothing of a sign-in.
 * @param known what the object was when it was last the same as the session
 * @param values of the session now
 */
export function saidBy(
  session: object,
  known: ReadonlyMap<string, unknown>,
  values: ReadonlyMap<string, unknown>,
): object {
  const isAsKnown = ([name, value]: readonly [string, unknown]): boolean =>
    known.has(name) && equalValues(value, known.get(name))
  if (values.size === known.size && [...values].every(isAsKnown)) return session
  const own = session as Record<string, unknown>
  return Object.fromEntries(
    [...values].map((entry) => (isAsKnown(entry) ? [entry[0], own[entry[0]]] : entry)),
  )
}

function hasJson(value: unknown): value is { toJSON(): unknown } {
  return typeof value === 'object' && value !== null && 'toJSON' in value
}
