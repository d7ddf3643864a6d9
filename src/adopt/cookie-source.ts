import { sha256 } from '../core/crypto.ts'
import type { LegacySource } from '../core/legacy.ts'
import type { LegacyCookieJar } from './cookie.ts'
import type { Conversion, OldSession } from './source-options.ts'

type Reading = () => OldSession | undefined

/** Sessions that are in the cookie itself. */
export interface CookieForm {
  readonly name: string
  readonly jar: LegacyCookieJar
  readonly conversion: Conversion
  /**
   * How to read what a cookie's value holds.
   * @param header the whole Cookie header
   * @returns false when its signature is wrong
   */
  readonly open: (value: string, header: string) => Reading | false | undefined
  readonly clear: () => readonly string[]
}

/**
 * A source without a store. What has ended here has: its claim stands for as long as the cookie could be of use.
 * The old application itself knows of no end, so there is nothing to delete.
 */
export function cookieSource({ name, jar, conversion, open, clear }: CookieForm): LegacySource {
  const find: LegacySource['find'] = (header) =>
    jar.first(header, (value) => {
      const opened = value === '' ? undefined : open(value, header)
      if (!opened) return opened
      // The value itself may be large, and is kept with the session.
      const key = sha256(Buffer.from(value)).toString('base64url')
      return {
        key,
        read: async () => {
          const found = opened()
          return found && conversion.entry(found)
        },
      }
    })
  const { old, hasPrincipals } = conversion
  return { name, cookieName: jar.name, old, hasPrincipals, find, clear }
}
