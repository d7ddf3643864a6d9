import type { IncomingMessage } from 'node:http'
import { OptionError } from '../../core/errors.ts'
import { type ConnectionOptions, forwarded, securityOf } from './connection.ts'

/** Which pages may connect. */
export type AllowedOrigins =
  | 'same'
  | readonly string[]
  | ((origin: string | undefined, request: IncomingMessage) => boolean)

/**
 * Browsers send the cookie with handshakes that other sites start, and ask nobody before (cross-site WebSocket
 * hijacking: RFC 6455, section 10.2; OWASP WebSocket Security Cheat Sheet). What is no browser sends no Origin.
 * @throws OptionError
 */
export function originCheck(
  allowed: AllowedOrigins,
  options: ConnectionOptions,
): (request: IncomingMessage) => boolean {
  if (typeof allowed === 'function') return (request) => allowed(request.headers.origin, request)
  if (allowed === 'same') return sameOrigin(options)
  if (!Array.isArray(allowed) || !allowed.every(isOrigin)) {
    throw new OptionError(
      'origin',
      "takes 'same', a list of origins such as 'https://app.example.com', or a function",
    )
  }
  const origins = new Set<string | undefined>([undefined, ...(allowed as readonly string[])])
  return ({ headers }) => origins.has(headers.origin)
}

function sameOrigin(options: ConnectionOptions): (request: IncomingMessage) => boolean {
  const isSecure = securityOf(options)
  let isWarned = false
  return (request) => {
    const { origin } = request.headers
    if (origin === undefined) return true
    const byProxy = options.trustProxy === true ? forwarded(request, 'x-forwarded-host') : undefined
    const host = byProxy ?? request.headers.host ?? ''
    const isByTls = isSecure(request)
    if (isOfHost(origin, host, isByTls)) return true
    if (!isWarned) {
      isWarned = true
      process.emitWarning(
        `a socket of a page of ${JSON.stringify(origin)} was refused: this is ` +
          `${JSON.stringify(`${isByTls ? 'https://' : ''}${host}`)}. If that page is yours, name it in the option ` +
          'origin; a proxy has to pass on Host, or set X-Forwarded-Host with trustProxy. Told once.',
        { code: 'SOJOURN_ORIGIN_REFUSED' },
      )
    }
    return false
  }
}

/** Whether a page of that origin is of this host: by http too, where it is not known that we are reached by https. */
export function isOfHost(origin: string, host: string, isSecure: boolean): boolean {
  try {
    const page = new URL(origin)
    if (page.protocol !== 'https:' && (page.protocol !== 'http:' || isSecure)) return false
    // By way of a URL: without the scheme's own port, and in small letters.
    return page.host === new URL(`${page.protocol}//${host}`).host
  } catch {
    return false // `null`, of sandboxed pages and files
  }
}

function isOrigin(value: unknown): boolean {
  try {
    return value === 'null' || new URL(value as string).origin === value
  } catch {
    return false
  }
}
