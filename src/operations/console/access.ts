import { deriveKey, equalBytes, hmacSha256, randomBytes } from '../../core/crypto.ts'
import { OptionError } from '../../core/errors.ts'
import type { Access } from './api.ts'
import { forbidden, Problem } from './problem.ts'
import { isWellFormed } from './query.ts'

/** Who may look, and what they may do. */
export interface Operator {
  /** For the header of the page, and for the audit: 1 to 128 characters. */
  readonly name: string
  /** `write` may end sessions. */
  readonly access: Access
  /** Whether they may see what attributes hold, where the option `values` allows that at all. */
  readonly values?: boolean
  /** Ends what they watch at once, such as `session.signal`. It is asked again every 15 seconds all the same. */
  readonly signal?: AbortSignal | undefined
}

/** `false`: who it is is known, and they may not (403). Nothing: nobody is signed in (401). */
export type Authorized = Operator | undefined | null | false

const LONGEST_NAME = 128

/** What is told to nobody: an application has its own way to be let in, `sojourn console` its links. */
const NOT_LET_IN =
  'You may not look here, or are not signed in: sign in to the application, or ask who runs it.'

/** @throws Problem for nobody, TypeError for an operator that is none */
export function checkOperator(authorized: Authorized, refusal: string = NOT_LET_IN): Operator {
  if (authorized === false) throw forbidden('You may not look here: ask who runs the application.')
  if (!authorized) throw new Problem(401, 'UNAUTHORIZED', refusal)
  const { name, access } = authorized
  const isNamed = typeof name === 'string' && name !== '' && isWellFormed(name)
  if (!isNamed || name.length > LONGEST_NAME) {
    throw new TypeError(`authorize: \`name\` takes 1 to ${LONGEST_NAME} characters`)
  }
  if (access !== 'read' && access !== 'write') {
    throw new TypeError("authorize: `access` takes 'read' or 'write'")
  }
  return authorized
}

/**
 * Whether a request is from our own page. The cookie of whoever is signed in comes with requests of other sites too, and a
 * name that leads here by somebody's trick (DNS rebinding) makes theirs look like ours.
 */
export class OriginCheck {
  readonly #origins: ReadonlySet<string> | undefined
  readonly #hosts: ReadonlySet<string> | undefined

  /**
   * @param origins where the page is; undefined: wherever requests say that they have found it, since behind a proxy nobody
   * else knows. Then a name that leads here by a trick is none of another site's, and only the operator's cookies, which do
   * not come with it, keep it out.
   * @throws OptionError
   */
  constructor(origins: readonly string[] | undefined) {
    if (origins === undefined) return
    if (!Array.isArray(origins) || origins.length === 0 || !origins.every(isOrigin)) {
      throw new OptionError('origins', "takes a list of origins such as 'https://ops.example.com'")
    }
    this.#origins = new Set(origins)
    this.#hosts = new Set(origins.map((origin) => new URL(origin).host))
  }

  /** @throws Problem */
  check({ headers, url, method }: Request, isNavigation: boolean): void {
    const host = hostOf(headers.get('host') ?? new URL(url).host)
    if (this.#hosts !== undefined && !this.#hosts.has(host)) {
      throw forbidden(
        `The console is not to be found at ${JSON.stringify(host)}. If it is, name the origin: the option \`origins\`, or --origin.`,
      )
    }
    const site = headers.get('sec-fetch-site')
    const isOurs = site === null || site === 'same-origin' || (site === 'none' && method !== 'POST')
    // A link from elsewhere may lead to the page: that shows it, and nothing more.
    const isLink = isNavigation && headers.get('sec-fetch-mode') === 'navigate'
    if (!isOurs && !isLink) throw forbidden('This request is from another site.')
    const origin = headers.get('origin')
    if (origin === null) return
    const isSame =
      this.#origins === undefined ? originHost(origin) === host : this.#origins.has(origin)
    if (!isSame) {
      throw forbidden(
        'This request is from a page of another origin. Behind a proxy that changes Host, name the origin: the option `origins`.',
      )
    }
  }
}

function isOrigin(value: unknown): boolean {
  try {
    const { origin, protocol } = new URL(value as string)
    return origin === value && /^https?:$/.test(protocol)
  } catch {
    return false
  }
}

/** In small letters. The port stays: which is the scheme's own one is not known behind a proxy. */
const hostOf = (host: string): string => host.toLowerCase().replace(/:(?:80|443)$/, '')

function originHost(origin: string): string | undefined {
  try {
    return hostOf(new URL(origin).host)
  } catch {
    return undefined // `null`, of sandboxed pages and files
  }
}

const DAY = 86_400_000

/**
 * Proofs that a POST is made by a script that could read our answers. The same in all processes with the same secrets, since
 * the next request may be answered by another one; but of one deployment, and until the end of the next day.
 */
export class CsrfTokens {
  readonly #key: Buffer
  readonly #deployment: readonly string[]
  readonly #now: () => number

  /** @param deployment what tells it from others that have the same secrets */
  constructor(
    secret: string | undefined,
    deployment: readonly string[],
    now: () => number = Date.now,
  ) {
    this.#deployment = deployment
    this.#now = now
    this.#key = deriveKey(
      secret === undefined ? randomBytes(32) : Buffer.from(secret),
      'sojourn/1/console-csrf',
    )
  }

  of(operator: Operator): string {
    return this.#tokenOf(operator, this.#today)
  }

  /** @throws Problem */
  check({ headers }: Request, operator: Operator): void {
    const given = Buffer.from(headers.get('x-sojourn-console') ?? '')
    const days = [this.#today, this.#today - 1]
    if (!days.some((day) => equalBytes(given, Buffer.from(this.#tokenOf(operator, day))))) {
      throw forbidden(
        'The header X-Sojourn-Console is not that of this operator, or older than a day: load the page anew.',
      )
    }
  }

  get #today(): number {
    return Math.floor(this.#now() / DAY)
  }

  #tokenOf({ name }: Operator, day: number): string {
    const content = JSON.stringify([...this.#deployment, name, day])
    return hmacSha256(this.#key, Buffer.from(content)).toString('base64url')
  }
}
