import { CsrfError, OptionError } from '../../core/errors.ts'

/** What is looked at of a request. */
export interface CsrfRequest {
  readonly method: string
  /** The value of a header, by its name in lower case. */
  readonly header: (name: string) => string | undefined
}

/** Of a request: nothing, or why it is taken for a forged one. `unsure`: its headers do not tell. */
export type Origin = 'own' | 'unsure'

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
 * @throws CsrfError for a request that another site has made
 */
export function originOf(request: CsrfRequest, trusted: ReadonlySet<string>): Origin {
  const origin = request.header('origin')
  if (origin !== undefined && trusted.has(origin)) return 'own'
  const site = request.header('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return 'own'
  if (site !== undefined) throw new CsrfError('cross-site')
  if (origin === undefined) return 'unsure'
  // The scheme is not known behind a proxy; of an opaque origin ("null") nothing is.
  const host = URL.canParse(origin) ? new URL(origin).host : undefined
  if (host === undefined || host === '' || host !== request.header('host')?.toLowerCase()) {
    throw new CsrfError('cross-site')
  }
  return 'own'
}
