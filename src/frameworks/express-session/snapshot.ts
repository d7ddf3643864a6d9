import session from 'express-session'
import type { Change, Delta } from '../../core/attributes.ts'
import { equalValues } from '../../core/values.ts'

/** The attribute that holds the cookie. */
export const COOKIE = 'cookie'

/** What a session object holds beside its cookie, with the meaning that JSON gives it. */
export function attributesOf(object: object): Map<string, unknown> {
  const json = JSON.parse(JSON.stringify(object)) as Record<string, unknown>
  const attributes = new Map<string, unknown>()
  for (const [name, value] of Object.entries(json)) {
    if (name !== COOKIE && !isReserved(name)) attributes.set(name, value)
  }
  return attributes
}

/** What was done to the object: attributes set, changed in place, and deleted. */
export function changesBetween(
  before: ReadonlyMap<string, unknown>,
  now: ReadonlyMap<string, unknown>,
): Delta {
  const delta = new Map<string, Change>()
  for (const [name, value] of now) {
    if (!equalValues(value, before.get(name))) delta.set(name, { value })
  }
  for (const name of before.keys()) {
    // A session object has never had those: it has not deleted them.
    if (!now.has(name) && name !== COOKIE && !isReserved(name))
      delta.set(name, { value: undefined })
  }
  return delta
}

/** Names that express-session does not take over into `req.session`. */
function isReserved(name: string): boolean {
  return name === 'id' || name === 'req' || name in session.Session.prototype
}
