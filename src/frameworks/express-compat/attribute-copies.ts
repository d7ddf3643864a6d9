/** A session's attributes as the own properties of an object, and back. */
import type { Session } from '../../core/session.ts'
import { cloneValue, equalValues } from '../../core/values.ts'
import { changesOf, type Known } from './json.ts'
import { CompatSession } from './session.ts'

type Properties = Record<string, unknown>

/**
 * Sets copies of the values.
 * @returns what is shown of them
 */
export function show(
  session: CompatSession,
  values: Iterable<readonly [string, unknown]>,
): Map<string, unknown> {
  const shown = new Map<string, unknown>()
  for (const [name, value] of values) {
    if (isHidden(name)) continue
    shown.set(name, value)
    ;(session as unknown as Properties)[name] = cloneValue(value)
  }
  return shown
}

/** What is stored: not to be changed. */
export function* valuesOf(attributes: Session): Generator<readonly [string, unknown]> {
  for (const name of attributes.names()) yield [name, attributes.get(name)]
}

/** Those of them that an object shows. */
export function shownOf(attributes: Session): Map<string, unknown> {
  return new Map([...valuesOf(attributes)].filter(([name]) => !isHidden(name)))
}

/**
 * Shows what others have stored meanwhile, where the application has not changed it since.
 * @param known what the object held when it was last the same as what is stored
 * @returns what that is now
 */
export function showNews(session: CompatSession, known: Known, attributes: Session): Known {
  const pending = changesOf(session, known)
  const now = new Map<string, unknown>()
  const target = session as unknown as Properties
  for (const [name, value] of valuesOf(attributes)) {
    if (isHidden(name)) continue
    now.set(name, value)
    // The application may hold on to the object that stands there, and go on changing it.
    const isSame = equalValues(value, known.get(name))
    if (!isSame && pending?.has(name) !== true) target[name] = cloneValue(value)
  }
  for (const name of known.keys()) {
    if (!now.has(name) && pending?.has(name) !== true) delete target[name]
  }
  return now
}

export function clear(session: CompatSession): void {
  for (const name of attributeNames(session)) delete (session as unknown as Properties)[name]
}

export function attributeNames(session: object): string[] {
  return Object.keys(session).filter((name) => name !== 'cookie')
}

/** What has a member's name is not shown, and stays as it is. */
function isHidden(name: string): boolean {
  return name === 'cookie' || name in CompatSession.prototype
}
