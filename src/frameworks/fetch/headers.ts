import type { SetCookies } from '../../core/exchange.ts'
import { CDN_HEADERS, withoutSharedCaching, withVaryCookie } from '../node/caching.ts'

/**
 * Adds the session's cookies, and what keeps caches from giving one user's answer to another
 * (RFC 9111, section 7.3; OWASP Session Management Cheat Sheet, "Web Content Caching"). Other cookies stay.
 * @throws TypeError for headers that cannot be changed; nothing has been changed then
 */
export function addSessionHeaders(headers: Headers, cookies: SetCookies): void {
  const vary = withVaryCookie(headers.get('vary') ?? '')
  if (vary !== undefined) headers.set('Vary', vary)
  if (cookies === undefined) return
  const all = typeof cookies === 'string' ? [cookies] : cookies
  for (const cookie of all) headers.append('Set-Cookie', cookie)
  headers.set('Cache-Control', withoutSharedCaching(headers.get('cache-control') ?? ''))
  for (const name of CDN_HEADERS) headers.delete(name)
}
