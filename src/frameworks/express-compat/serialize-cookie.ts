/** What stands in a Set-Cookie header beside name and value. */
export interface CookieData {
  readonly originalMaxAge: number | null | false | undefined
  readonly partitioned: boolean | undefined
  readonly priority: string | undefined
  readonly expires: Date | null | false | undefined
  readonly secure: boolean | 'auto' | undefined
  readonly httpOnly: boolean | undefined
  readonly domain: string | undefined
  readonly path: string | undefined
  readonly sameSite: boolean | string | undefined
}

// RFC 6265, section 4.1.1: a name is a token; the others hold no control characters and no ';'.
/** As long as `cookie.name` may be. */
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/
const PATH = /^[\x20-\x3a\x3c-\x7e]*$/
const DOMAIN =
  /^\.?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i
const PRIORITIES: Readonly<Record<string, string>> = { low: 'Low', medium: 'Medium', high: 'High' }
const SAME_SITES: Readonly<Record<string, string>> = { lax: 'Lax', strict: 'Strict', none: 'None' }

export function isCookieName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

/**
 * A Set-Cookie header's value. No Max-Age, as with express-session: Expires says it.
 * @throws TypeError naming what cannot stand there
 */
export function serializeCookie(name: string, value: string, data: CookieData): string {
  if (!isCookieName(name)) throw new TypeError('argument name is invalid')
  const { domain, path, expires, httpOnly, secure, partitioned, priority, sameSite } = data
  let text = `${name}=${encodeURIComponent(value)}`
  if (domain) text += `; Domain=${matching('domain', domain, DOMAIN)}`
  if (path) text += `; Path=${matching('path', path, PATH)}`
  if (expires) {
    if (!(expires instanceof Date) || Number.isNaN(expires.getTime())) throw invalid('expires')
    text += `; Expires=${expires.toUTCString()}`
  }
  if (httpOnly) text += '; HttpOnly'
  if (secure) text += '; Secure'
  if (partitioned) text += '; Partitioned'
  if (priority) text += `; Priority=${named('priority', priority, PRIORITIES)}`
  if (sameSite) {
    text += `; SameSite=${sameSite === true ? 'Strict' : named('sameSite', sameSite, SAME_SITES)}`
  }
  return text
}

function matching(option: string, text: unknown, pattern: RegExp): string {
  if (typeof text === 'string' && pattern.test(text)) return text
  throw invalid(option)
}

function named(option: string, value: unknown, names: Readonly<Record<string, string>>): string {
  const key = typeof value === 'string' ? value.toLowerCase() : ''
  const name = Object.hasOwn(names, key) ? names[key] : undefined
  if (name === undefined) throw invalid(option)
  return name
}

function invalid(option: string): TypeError {
  return new TypeError(`option ${option} is invalid`)
}
