import { OptionError } from '../../core/errors.ts'
import { isForwardedHttps } from '../node/forwarded.ts'
import { isOfHost } from '../node/origin.ts'

/** What is looked at of a request. */
export interface CsrfRequest {
  readonly method: string
  /** The value of a header, by its name in lower case. */
  readonly header: (name: string) => string | undefined
  /** Whether it has come by TLS, if no proxy's X-Forwarded-Proto says otherwise. */
  readonly secure?: boolean | undefined
}

/** Which page has sent a request. `unsure`: its headers do not tell. */
export type Origin = 'own' | 'other' | 'unsure'

/** RFC 9110, 9.2.1: they change nothing, by the application's own promise. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export const isSafe = ({ method }: CsrfRequest): boolean => SAFE.has(method.toUpperCase())

/** @throws OptionError */
export function checkedOrigins(origins: unknown): ReadonlySet<string> {
  if (!Array.isArray(origins)) throw new OptionError('origins', 'takes a list of origins')
  for (const origin of origins) {
    if (typeof origin !== 'string' || !URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new OptionError(
        'origins',
        'takes origins such as https://app.example.org, without a path',
      )
    }
  }
  return new Set(origins as string[])
}

/**
 * By what browsers say themselves: Fetch Metadata (https://www.w3.org/TR/fetch-metadata/), which all have sent since 2023
 * over https and to localhost, else the Origin (RFC 6454), which they send with each POST.
 */
export function originOf(request: CsrfRequest, trusted: ReadonlySet<string>): Origin {
  const origin = request.header('origin')
  if (origin !== undefined && trusted.has(origin)) return 'own'
  const site = request.header('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return 'own'
  if (site !== undefined) return 'other'
  if (origin === undefined) return 'unsure'
  // Believed whoever has set it: a forged request cannot, and it only makes this stricter.
  const proto = request.header('x-forwarded-proto')
  const isSecure = proto === undefined ? request.secure === true : isForwardedHttps(proto)
  return isOfHost(origin, request.header('host') ?? '', isSecure) ? 'own' : 'other'
}
