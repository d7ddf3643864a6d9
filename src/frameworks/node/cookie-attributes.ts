// RFC 6265, section 4.1.1: a name is a token, here as long as `cookie.name` may be; the others hold no control characters and no ';'.
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/
const PATH = /^[\x20-\x3a\x3c-\x7e]*$/
const DOMAIN =
  /^\.?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i
const PRIORITY = /^(?:low|medium|high)$/i
const SAME_SITE = /^(?:lax|strict|none)$/i

/** Of another library's cookie, by what it is called there; a value that is absent or empty is its default. */
const CHECKS: Readonly<Record<string, (value: unknown) => boolean>> = {
  path: (value) => matches(value, PATH),
  domain: (value) => matches(value, DOMAIN),
  priority: (value) => matches(value, PRIORITY),
  sameSite: (value) => value === true || matches(value, SAME_SITE),
}

export function isCookieName(name: unknown): name is string {
  return matches(name, NAME)
}

/**
 * Whether it can stand in a Set-Cookie header without being read as something else.
 * @param attribute `path`, `domain`, `priority` or `sameSite`; any other is not looked at
 */
export function isCookieAttribute(attribute: string, value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true
  return !Object.hasOwn(CHECKS, attribute) || CHECKS[attribute]?.(value) === true
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}
