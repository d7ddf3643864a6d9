import {
  type OutgoingHttpHeader,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http'

/** Node's response, or a framework's own collection. */
export interface Headers {
  hasHeader(name: string): boolean
  removeHeader(name: string): void
  setHeader(name: string, value: string): void
}

/** Headers that speak of one body and not of the one that an error handler sends instead. */
const BODY_HEADERS: readonly string[] = [
  'content-length',
  'content-type',
  'content-encoding',
  'content-language',
  'content-location',
  'content-range',
  'content-disposition',
  'content-digest',
  'repr-digest',
  'transfer-encoding',
  'trailer',
  'accept-ranges',
  'etag',
  'last-modified',
  'expires',
  'location',
  'refresh',
]
/** Speak to shared caches over the head of Cache-Control (RFC 9213; Edge Architecture). */
const CDN_HEADERS: readonly string[] = ['cdn-cache-control', 'surrogate-control']

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
    response.setHeader('Set-Cookie', listOf(response.getHeader('set-cookie')).concat(cookie))
    response.setHeader('Cache-Control', withoutSharedCaching(response.getHeader('cache-control')))
    removeHeaders(response, CDN_HEADERS)
  }
  const vary = listOf(response.getHeader('vary')).join(', ')
  if (!/(?:^|,)\s*(?:\*|cookie)\s*(?:,|$)/i.test(vary)) {
    response.setHeader('Vary', vary === '' ? 'Cookie' : `${vary}, Cookie`)
  }
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

/** Takes back what was said of a body that is not sent after all, and of how long to keep it. */
export function removeBodyHeaders(response: Headers): void {
  removeHeaders(response, BODY_HEADERS)
  removeHeaders(response, CDN_HEADERS)
  if (response.hasHeader('cache-control')) response.setHeader('Cache-Control', 'no-store')
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

function withoutSharedCaching(header: OutgoingHttpHeader | undefined): string {
  const directives = listOf(header)
    .join(',')
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '' && !/^(?:public|s-maxage\b.*)$/i.test(directive))
  const isClosed = directives.some((directive) => /^(?:private|no-store)$/i.test(directive))
  return (isClosed ? directives : ['private', ...directives]).join(', ')
}

function removeHeaders(response: Headers, names: readonly string[]): void {
  for (const name of names) {
    // Node remembers a removal, of an absent header too: without Content-Length and
    // Transfer-Encoding the error's answer would end only with the connection.
    if (response.hasHeader(name)) response.removeHeader(name)
  }
}

function listOf(header: OutgoingHttpHeader | undefined): string[] {
  if (header === undefined) return []
  return Array.isArray(header) ? header : [String(header)]
}
