import type {
  LegacyCookie,
  LegacyEntry,
  LegacyMirror,
  LegacySource,
  MirroredSession,
} from '../core/legacy.ts'
import type { LegacyStore } from './client.ts'
import type { LegacyCookieJar } from './cookie.ts'
import type { Attributes } from './json.ts'
import { Misses } from './misses.ts'
import type { Conversion } from './source-options.ts'

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

export interface OldSession {
  readonly data: Attributes
  /** Milliseconds; absent: it ends with the browser. */
  readonly maxAge: number | undefined
  /** Of the entry, if it is used on and on. Milliseconds. */
  readonly lasts: number
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
    if (found === undefined) return undefined
    const { data, maxAge, lasts } = found
    return conversion.entry(data, { idleTimeout: maxAge, persistent: maxAge !== undefined, lasts })
  }
  const find = (header: string): LegacyCookie | 'forged' | undefined => {
    let forged: 'forged' | undefined
    for (const value of jar.values(header)) {
      const key = form.keyOf(value, header)
      if (key === false) forged = 'forged'
      else if (key !== undefined) return { key, read: () => read(key) }
    }
    return forged
  }
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
