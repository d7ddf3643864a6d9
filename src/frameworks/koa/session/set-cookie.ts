import type { Context } from 'koa'
import type { CookieSettings } from './options.ts'

const EPOCH = new Date(0)

/** A Set-Cookie header as Koa's own cookies have it. @param settings each a valid `isCookieSetting` */
export function setCookie(
  name: string,
  value: string,
  settings: CookieSettings,
  isSecure: boolean,
  isOver: boolean,
): string {
  const { path = '/', domain, priority, partitioned } = settings
  const expires = isOver ? EPOCH : expiryOf(settings.maxAge)
  const site = settings.sameSite === true ? 'strict' : settings.sameSite
  return [
    `${name}=${value}`,
    path ? `path=${path}` : '',
    expires === undefined ? '' : `expires=${expires.toUTCString()}`,
    domain ? `domain=${domain}` : '',
    priority ? `priority=${priority.toLowerCase()}` : '',
    site ? `samesite=${site.toLowerCase()}` : '',
    (settings.secure ?? isSecure) ? 'secure' : '',
    settings.httpOnly === false ? '' : 'httponly',
    partitioned === true ? 'partitioned' : '',
  ]
    .filter((part) => part !== '')
    .join('; ')
}

/**
 * What Koa's own cookies put beside a signed one: without it `ctx.cookies.get` does not find the session's. A token has
 * a code of its own, which is what counts here.
 * @returns nothing where the application has no keys
 */
export function signatureOf(ctx: Context, cookie: string): string | undefined {
  // Koa's types do not tell of them.
  const { keys } = ctx.cookies as unknown as { keys?: { sign(text: string): string } }
  return keys?.sign(cookie)
}

function expiryOf(maxAge: CookieSettings['maxAge']): Date | undefined {
  // A wall clock: it is the browser that compares.
  return typeof maxAge === 'number' && maxAge !== 0 ? new Date(Date.now() + maxAge) : undefined
}
