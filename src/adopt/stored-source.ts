import type { LegacyEntry, LegacyMirror, LegacySource, MirroredSession } from '../core/legacy.ts'
import type { LegacyStore } from './client.ts'
import type { LegacyCookieJar } from './cookie.ts'
import type { Attributes } from './json.ts'
import { Misses } from './misses.ts'
import type { Conversion, OldSession } from './source-options.ts'

/** What tells one kind of sessions in a store, each under a key that a cookie names, from another. */
export interface StoredForm {
  readonly name: string
  readonly jar: LegacyCookieJar
  readonly store: LegacyStore
  readonly conversion: Conversion
  /** Of all cookies of a session. */
  readonly cookieNames: readonly string[]
  /** Of all keys in the store. */
  readonly prefix: string
  /**
   * The key that a cookie's value names.
   * @param header the whole Cookie header
   * @returns false when its signature is wrong
   */
  keyOf(value: string, header: string): string | false | undefined
  read(key: string): Promise<OldSession | undefined>
  readonly mirror?: MirrorForm | undefined
}

export interface MirrorForm {
  readonly keyOf: LegacyMirror['keyOf']
  /** The cookies of a key: names and values. The first one names the session. */
  cookies(key: string): readonly [first: Pair, ...more: Pair[]]
  /** The entry's text. */
  entry(data: Attributes, session: MirroredSession): string
}

type Pair = readonly [name: string, value: string]

/** A source whose sessions stand in a store. */
export function storedSource(form: StoredForm): LegacySource {
  const { name, jar, store, conversion, prefix } = form
  const misses = new Misses(name, prefix)
  const read = async (key: string): Promise<LegacyEntry | undefined> => {
    const found = await form.read(key)
    misses.note(found === undefined)
    return found && conversion.entry(found)
  }
  const find: LegacySource['find'] = (header) =>
    jar.first(header, (value) => {
      const key = form.keyOf(value, header)
      return typeof key === 'string' ? { key, read: () => read(key) } : key
    })
  const { old, hasPrincipals } = conversion
  const source = {
    ...{ name, cookieName: jar.name, old, hasPrincipals, find },
    remove: (key: string) => store.remove(prefix + key),
    clear: () => form.cookieNames.map((each) => jar.clear(each)),
  }
  if (old !== 'mirror' || form.mirror === undefined) return source
  const { mirror } = form
  return {
    ...source,
    mirror: {
      keyOf: mirror.keyOf,
      holds: (header, key) => jar.holds(header, mirror.cookies(key)[0][1]),
      cookies: (key, maxAge) =>
        mirror.cookies(key).map(([each, value]) => jar.set(value, maxAge, each)),
      write: (key, session) =>
        store.set(prefix + key, mirror.entry(conversion.data(session), session), session.ttl),
    },
  }
}
