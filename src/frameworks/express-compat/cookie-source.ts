import { OptionError } from '../../core/errors.ts'
import { requireObject } from '../../core/unknown-options.ts'
import { serializeCookie } from './serialize-cookie.ts'
import { SessionCookie, type SessionCookieOptions } from './session-cookie.ts'

/** What is kept with a session whose cookie is not as the options say. */
export type StoredCookie = Readonly<Record<string, unknown>>

const NAMES = new Set([
  ...['maxAge', 'expires', 'path', 'domain', 'httpOnly', 'secure', 'sameSite'],
  ...['partitioned', 'priority', 'originalMaxAge'],
  // Without effect on the session's cookie, there as here.
  ...['signed', 'encode', 'overwrite'],
])

/** Makes the cookie of a session, new or stored. */
export class CookieSource<Source> {
  readonly #options: SessionCookieOptions | ((request: Source) => SessionCookieOptions)
  /** What a session's cookie is like that needs nothing kept; absent where requests decide. */
  readonly #usual: SessionCookie | undefined
  readonly #isSecure: (request: Source) => boolean

  /** @throws OptionError */
  constructor(cookie: unknown, isSecure: (request: Source) => boolean) {
    this.#isSecure = isSecure
    if (typeof cookie === 'function') {
      this.#options = cookie as (request: Source) => SessionCookieOptions
      return
    }
    this.#options = checked(cookie ?? {})
    const { secure, sameSite } = this.#options
    if (secure !== 'auto' && sameSite !== 'auto') {
      this.#usual = new SessionCookie(this.#options)
    }
  }

  /** Whether all requests have the same. */
  get fixed(): SessionCookieOptions | undefined {
    return typeof this.#options === 'function' ? undefined : this.#options
  }

  /** @throws what the application's function does */
  pathFor(request: Source): string {
    return this.#optionsFor(request).path || '/'
  }

  /** Of a new session. */
  make(request: Source): SessionCookie {
    const options = this.#optionsFor(request)
    const cookie = new SessionCookie(options)
    const { secure, sameSite } = options
    if (secure !== 'auto' && sameSite !== 'auto') return cookie
    const isSecure = this.#isSecure(request)
    if (secure === 'auto') cookie.secure = isSecure
    if (sameSite === 'auto') cookie.sameSite = isSecure ? 'none' : 'lax'
    return cookie
  }

  /**
   * Of a session that is stored.
   * @param idleTimeout the session's, milliseconds
   * @param expiresAt when it ends if nobody comes, milliseconds since the epoch
   * @param isPromised its cookie outlives the browser, whatever the options say
   */
  restore(
    request: Source,
    stored: StoredCookie | undefined,
    idleTimeout: number,
    expiresAt: number,
    isPromised: boolean,
  ): SessionCookie {
    if (stored !== undefined) return until(new SessionCookie(stored), expiresAt)
    const cookie = this.make(request)
    if (isPromised) cookie.originalMaxAge = idleTimeout
    return this.#lasting(cookie, idleTimeout, expiresAt)
  }

  /** As `restore`, where there is no request. */
  restoreStored(
    stored: StoredCookie | undefined,
    idleTimeout: number,
    expiresAt: number,
  ): SessionCookie {
    if (stored !== undefined) return until(new SessionCookie(stored), expiresAt)
    return this.#lasting(new SessionCookie(this.#usual?.data), idleTimeout, expiresAt)
  }

  #lasting(cookie: SessionCookie, idleTimeout: number, expiresAt: number): SessionCookie {
    if (typeof cookie.originalMaxAge === 'number') cookie.originalMaxAge = idleTimeout
    return until(cookie, expiresAt)
  }

  /**
   * What is to be kept with the session; nothing where the options say the same.
   * @param isPromised nothing kept would say what was promised, and not the options
   */
  keep(cookie: SessionCookie, isPromised = false): StoredCookie | undefined {
    if (!isPromised && this.#usual !== undefined && isAlike(cookie, this.#usual)) return undefined
    const { path, domain, httpOnly, secure, sameSite, partitioned, priority } = cookie
    const { originalMaxAge } = cookie
    const all = { path, domain, httpOnly, secure, sameSite, partitioned, priority, originalMaxAge }
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  }

  /** Whether a session has an end of its own. @param stored what was kept with it */
  isLasting(stored: StoredCookie | undefined): boolean {
    const { originalMaxAge } = stored ?? this.#usual ?? {}
    return typeof originalMaxAge === 'number'
  }

  #optionsFor(request: Source): SessionCookieOptions {
    const options = this.#options
    return typeof options === 'function' ? checked(options(request)) : options
  }
}

function until(cookie: SessionCookie, expiresAt: number): SessionCookie {
  const { originalMaxAge } = cookie
  cookie._expires = typeof originalMaxAge === 'number' ? new Date(expiresAt) : originalMaxAge
  return cookie
}

/** But for how long: that is the session's idle timeout. */
function isAlike(a: SessionCookie, b: SessionCookie): boolean {
  return (
    a.path === b.path &&
    a.domain === b.domain &&
    a.httpOnly === b.httpOnly &&
    a.secure === b.secure &&
    a.sameSite === b.sameSite &&
    a.partitioned === b.partitioned &&
    a.priority === b.priority &&
    (typeof a.originalMaxAge === 'number') === (typeof b.originalMaxAge === 'number')
  )
}

function checked(cookie: unknown): SessionCookieOptions {
  requireObject('cookie', cookie)
  for (const name of Object.keys(cookie as object)) {
    if (NAMES.has(name)) continue
    throw new OptionError(`cookie.${name}`, `is not known; known are ${[...NAMES].join(', ')}`)
  }
  try {
    const { data } = new SessionCookie(cookie as object)
    const sameSite = data.sameSite === 'auto' ? 'lax' : data.sameSite
    serializeCookie('name', '', { ...data, sameSite })
  } catch (error) {
    throw new OptionError('cookie', (error as Error).message)
  }
  return cookie as SessionCookieOptions
}
