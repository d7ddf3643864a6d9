import type { OutgoingHttpHeader, ServerResponse } from 'node:http'

/** Headers that describe a body that is not sent after all. */
export const BODY_HEADERS: readonly string[] = [
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'content-disposition',
  'transfer-encoding',
  'etag',
  'last-modified',
  'location',
]

/**
 * Adds the session's cookie, and what keeps caches from giving one user's answer to another
 * (RFC 9111, section 7.3; OWASP Session Management Cheat Sheet, "Web Content Caching").
 */
export function addSessionHeaders(
  response: ServerResponse,
  cookie: string | undefined,
  depends: boolean,
): void {
  if (cookie !== undefined) {
    response.setHeader('Set-Cookie', [...listOf(response.getHeader('set-cookie')), cookie])
    response.setHeader('Cache-Control', withoutSharedCaching(response.getHeader('cache-control')))
  }
  if (cookie === undefined && !depends) return
  const vary = listOf(response.getHeader('vary')).join(', ')
  if (/(?:^|,)\s*(?:\*|cookie)\s*(?:,|$)/i.test(vary)) return
  response.setHeader('Vary', vary === '' ? 'Cookie' : `${vary}, Cookie`)
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
  for (const [name, value] of grouped(headers)) response.setHeader(name, value)
  return reason === undefined ? [status] : [status, reason]
}

function grouped(headers: object): Map<string, OutgoingHttpHeader> {
  if (!Array.isArray(headers)) {
    return new Map(
      Object.entries(headers).filter(([, value]) => value !== undefined) as [
        string,
        OutgoingHttpHeader,
      ][],
    )
  }
  const flat: unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers
  const groups = new Map<string, OutgoingHttpHeader>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i]).toLowerCase()
    const before = groups.get(name)
    const value = flat[i + 1] as OutgoingHttpHeader
    groups.set(name, before === undefined ? value : [...listOf(before), ...listOf(value)])
  }
  return groups
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

function listOf(header: OutgoingHttpHeader | undefined): string[] {
  if (header === undefined) return []
  return Array.isArray(header) ? header : [String(header)]
}
