import {
  type CookieOptions,
  type CookieProfile,
  type CookieReader,
  namedCookie,
} from '../../../core/cookie.ts'
import { isCookieName } from '../../node/cookie-attributes.ts'

/** Of `externalKey`: what it gives is the token, and no cookie counts. */
const NO_NAME: CookieProfile = { name: '', suffix: '' }
const wholeText: CookieReader = {
  profile: () => NO_NAME,
  first: (_, text) => text,
  candidates: (_, text) => (text === undefined ? [] : [text]),
}

/** @param key name of the cookie; absent: the token does not come in one */
export function tokenSource(key: string | undefined): CookieReader {
  return key === undefined ? wholeText : namedCookie(key)
}

/**
 * For those who read the cookie elsewhere, as `sessionOfUpgrade` does: the middleware forms it by itself. Where ours
 * cannot have that name it is one that only this host can have set, and nobody does.
 */
export function cookieNamed(key: string | undefined): CookieOptions {
  if (key === undefined || !isCookieName(key)) return { secure: true }
  return { name: key, secure: /^__(?:Host|Secure)-/i.test(key) }
}
