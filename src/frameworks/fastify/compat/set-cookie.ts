import type { CookieOptions, SessionCookie } from './session-cookie.ts'

// RFC 6265, section 4.1.1: neither control characters nor ';'.
const ATTRIBUTE = /^[\x20-\x3a\x3c-\x7e]*$/
const EPOCH = 'Thu, 01 Jan 1970 00:00:00 GMT'

/**
 * The Set-Cookie header.
 * @param value may hold any character
 * @throws TypeError for an attribute that would inject header text
 */
export function setCookie(name: string, value: string, cookie: SessionCookie): string {
  const { domain, path, expires, httpOnly, secure, partitioned } = cookie
  const parts = [`${name}=${encodeURIComponent(value)}`]
  if (domain) parts.push(`Domain=${checked('domain', domain)}`)
  if (path) parts.push(`Path=${checked('path', path)}`)
  if (expires instanceof Date) parts.push(`Expires=${expires.toUTCString()}`)
  if (httpOnly) parts.push('HttpOnly')
  if (secure === true) parts.push('Secure')
  if (partitioned === true) parts.push('Partitioned')
  const site = siteOf(cookie)
  if (site !== undefined) parts.push(`SameSite=${site}`)
  return parts.join('; ')
}

/** Takes the cookie out of the browser. */
export function clearCookie(name: string, { domain, path = '/' }: CookieOptions): string {
  const parts = [`${name}=`, 'Max-Age=0']
  if (domain) parts.push(`Domain=${checked('domain', domain)}`)
  parts.push(`Path=${checked('path', path)}`, `Expires=${EPOCH}`)
  // Browsers refuse these names without it.
  if (/^__(?:Host|Secure)-/i.test(name)) parts.push('Secure')
  parts.push('SameSite=Lax')
  return parts.join('; ')
}

function siteOf({ sameSite }: SessionCookie): 'Lax' | 'Strict' | 'None' | undefined {
  if (!sameSite) return undefined
  switch (sameSite === true ? 'strict' : sameSite.toLowerCase()) {
    case 'lax':
      return 'Lax'
    case 'strict':
      return 'Strict'
    case 'none':
      return 'None'
    default:
      throw new TypeError('session.cookie.sameSite takes a boolean, lax, strict or none')
  }
}

function checked(name: string, text: string): string {
  if (typeof text === 'string' && ATTRIBUTE.test(text)) return text
  throw new TypeError(`session.cookie.${name} holds characters that a cookie cannot have`)
}
