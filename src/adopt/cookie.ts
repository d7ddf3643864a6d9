import { OptionError } from '../core/errors.ts'
import type { LegacyCookie } from '../core/legacy.ts'
import { refuseUnknown } from '../core/unknown-options.ts'

/** As the other application sets its cookie: a cookie of the browser is replaced by one of the same domain and path only. */
export interface LegacyCookieOptions {
  /** Default `'/'`. */
  readonly path?: string | undefined
  /** Default: the host only. */
  readonly domain?: string | undefined
  /** Default false. Not `'auto'`: what the connections of the other application are has to be said here. */
  readonly secure?: boolean | undefined
  /** Default true. */
  readonly httpOnly?: boolean | undefined
  /** `true`: `'strict'`. `false`, the default: none is named. */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined
  /** Default false. */
  readonly partitioned?: boolean | undefined
  /** Default: none is named. */
  readonly priority?: 'low' | 'medium' | 'high' | undefined
}

const NAMES = ['path', 'domain', 'secure', 'httpOnly', 'sameSite', 'partitioned', 'priority']
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/
const ATTRIBUTE = /^[\x20-\x3a\x3c-\x7e]{1,1024}$/
const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const
const PRIORITY = { low: 'Low', medium: 'Medium', high: 'High' } as const
/** A source makes no difference between connections, as the other application does by itself. */
const AUTO =
  "'auto' goes by the connection, which is not seen here: give what it comes to in the other application, "
const MOST_VALUES = 8

/** The cookie of the other application. */
export class LegacyCookieJar {
  readonly name: string
  readonly options: LegacyCookieOptions
  readonly #suffix: string

  /** @throws OptionError */
  constructor(name: unknown, options: LegacyCookieOptions = {}) {
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw new OptionError('cookieName', 'takes the name of a cookie')
    }
    refuseUnknown(options, NAMES, 'cookie.')
    const { path = '/', domain, secure = false, httpOnly = true } = options
    const { partitioned = false, priority } = options
    const sameSite = options.sameSite === true ? 'strict' : (options.sameSite ?? false)
    for (const [option, value] of Object.entries({ path, domain })) {
      if (value === undefined || (typeof value === 'string' && ATTRIBUTE.test(value))) continue
      throw new OptionError(`cookie.${option}`, 'takes a text without control characters and ;')
    }
    for (const [option, value] of Object.entries({ secure, httpOnly, partitioned })) {
      if (typeof value === 'boolean') continue
      const isAuto = option === 'secure' && value === 'auto'
      const takes = isAuto ? `${AUTO}true where it is reached by HTTPS` : 'takes true or false'
      throw new OptionError(`cookie.${option}`, takes)
    }
    if (sameSite !== false && !Object.hasOwn(SAME_SITE, sameSite)) {
      const isAuto = (sameSite as unknown) === 'auto'
      const takes = isAuto
        ? `${AUTO}'none' where it is reached by HTTPS, else 'lax'`
        : "takes 'lax', 'strict', 'none', true or false"
      throw new OptionError('cookie.sameSite', takes)
    }
    if (priority !== undefined && !Object.hasOwn(PRIORITY, priority)) {
      throw new OptionError('cookie.priority', "takes 'low', 'medium' or 'high'")
    }
    this.name = name
    this.options = options
    this.#suffix = [
      `; Path=${path}`,
      domain === undefined ? '' : `; Domain=${domain}`,
      httpOnly ? '; HttpOnly' : '',
      sameSite === false ? '' : `; SameSite=${SAME_SITE[sameSite]}`,
      secure ? '; Secure' : '',
      partitioned ? '; Partitioned' : '',
      priority === undefined ? '' : `; Priority=${PRIORITY[priority]}`,
    ].join('')
  }

  /** All values that the header holds, at most eight, as they were before they were put into a cookie. */
  values(header: string, name: string = this.name): string[] {
    const values: string[] = []
    for (const pair of header.split(';')) {
      const equals = pair.indexOf('=')
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue
      const value = decode(pair.slice(equals + 1).trim())
      if (value !== undefined && values.length < MOST_VALUES) values.push(value)
    }
    return values
  }

  /**
   * The first one that is a session's; `forged` where there is none but one whose signature is wrong.
   * @param open false for a wrong signature, undefined for what is of somebody else
   */
  first(
    header: string,
    open: (value: string) => LegacyCookie | false | undefined,
  ): LegacyCookie | 'forged' | undefined {
    let forged: 'forged' | undefined
    for (const value of this.values(header)) {
      const found = open(value)
      if (found === false) forged = 'forged'
      else if (found !== undefined) return found
    }
    return forged
  }

  /** Whether the header holds this very value. */
  holds(header: string, value: string): boolean {
    return header.includes(`${this.name}=${encodeURIComponent(value)}`)
  }

  /** @param maxAge milliseconds; absent: it ends with the browser's session */
  set(value: string, maxAge?: number, name: string = this.name): string {
    const age = maxAge === undefined ? '' : `; Max-Age=${Math.max(1, Math.floor(maxAge / 1000))}`
    return `${name}=${encodeURIComponent(value)}${age}${this.#suffix}`
  }

  clear(name: string = this.name): string {
    return `${name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT${this.#suffix}`
  }
}

function decode(text: string): string | undefined {
  const quoted = text.startsWith('"') && text.endsWith('"') && text.length > 1
  const value = quoted ? text.slice(1, -1) : text
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}
