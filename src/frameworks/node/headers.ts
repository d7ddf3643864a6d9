import {
  type OutgoingHttpHeader,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http'
import { removeHeaders } from './body-headers.ts'
import { CDN_HEADERS, withoutSharedCaching, withVaryCookie } from './caching.ts'

export { removeBodyHeaders } from './body-headers.ts'

/**
 * Adds the session's cookie, and what keeps caches from giving one user's answer to another
 * (RFC 9111, section 7.3; OWASP Session Management Cheat Sheet, "Web Content Caching").
 * @param args those of `writeHead`
 * @returns what to call `writeHead` with
 */
export function withSessionHeaders(
  response: ServerResponse,
  args: readonly unknown[],
  cookie: string | readonly string[] | undefined,
): readonly unknown[] {
  // What most requests come to: nothing of ours to merge with.
  if (cookie === undefined && response.getHeader('vary') === undefined) {
    if (args.length === 1) {
      response.setHeader('Vary', 'Cookie')
      return args
    }
    const headers = args[1]
    // Ours first: added to a copy it would cost three times as much as the copy.
    if (args.length === 2 && isWithoutVary(headers))
      return [args[0], { Vary: 'Cookie', ...headers }]
  }
  const rest = mergeHeadArguments(response, args)
  if (cookie !== undefined) {
    const cookies = listOf(response.getHeader('set-cookie')).concat(cookie)
    // One is a string, as frameworks have it: tests that inject requests see which it is.
    response.setHeader('Set-Cookie', cookies.length === 1 ? (cookies[0] as string) : cookies)
    const cacheControl = listOf(response.getHeader('cache-control')).join(',')
    response.setHeader('Cache-Control', withoutSharedCaching(cacheControl))
    removeHeaders(response, CDN_HEADERS)
  }
  const vary = withVaryCookie(listOf(response.getHeader('vary')).join(', '))
  if (vary !== undefined) response.setHeader('Vary', vary)
  return rest
}

function isWithoutVary(headers: unknown): headers is Record<string, unknown> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return false
  // Not Object.keys: most requests come here, and a list of names would be made for each.
  for (const name in headers) {
    if (name.length === 4 && name.toLowerCase() === 'vary') return false
  }
  return true
}

/**
 * Applies the headers given to `writeHead` as Node does, so that ours can be added to them instead
 * of being replaced by them.
 * @returns the arguments that are left for the original `writeHead`
 */
export function mergeHeadArguments(
  response: ServerResponse,
  args: readonly unknown[],
): readonly unknown[] {
  const [status, ...rest] = args
  const reason = typeof rest[0] === 'string' ? rest.shift() : undefined
  // Both forms: writeHead(status, headers) and writeHead(status, undefined, headers).
  const headers = rest.find((value) => typeof value === 'object' && value !== null)
  if (headers === undefined) return args
  const pairs = Array.isArray(headers) ? grouped(headers) : Object.entries(headers)
  for (const [name, value] of pairs) response.setHeader(name, value as OutgoingHttpHeader)
  return reason === undefined ? [status] : [status, reason]
}

/**
 * The arguments of a `writeHead` that has to wait, free of what the caller may change meanwhile. Wrong
 * headers are refused now, as Node does.
 */
export function heldHeadArguments(
  response: ServerResponse,
  args: readonly unknown[],
): readonly unknown[] {
  const headers = args[1]
  const isPlain = typeof headers === 'object' && headers !== null && !Array.isArray(headers)
  if (args.length !== 2 || !isPlain) return mergeHeadArguments(response, args)
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, value as string)
  }
  return [args[0], { ...headers }]
}

/** Flat (`[name, value, …]`) or in pairs; a name that stands there twice has two values. */
function grouped(headers: readonly unknown[]): Iterable<readonly [string, OutgoingHttpHeader]> {
  const flat: readonly unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers
  const groups = new Map<string, readonly [string, OutgoingHttpHeader]>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i])
    const value = flat[i + 1] as OutgoingHttpHeader
    const before = groups.get(name.toLowerCase())
    const all = before === undefined ? value : [...listOf(before[1]), ...listOf(value)]
    groups.set(name.toLowerCase(), [before?.[0] ?? name, all])
  }
  return groups.values()
}

function listOf(header: OutgoingHttpHeader | undefined): string[] {
  if (header === undefined) return []
  return Array.isArray(header) ? header : [String(header)]
}
