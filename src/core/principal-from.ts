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

function hasJson(value: unknown): value is { toJSON(): unknown } {
  return typeof value === 'object' && value !== null && 'toJSON' in value
}
