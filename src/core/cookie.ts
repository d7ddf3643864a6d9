import { LONGEST_LIFETIME } from './duration.ts'
import { OptionError } from './errors.ts'
import { PLAIN, type TokenForm } from './token-form.ts'

export interface CookieOptions {
  /** Default `'__Host-session'`; the prefix goes where `path`, `domain` or `secure` do not allow it. */
  readonly name?: string
  /**
   * Default `'auto'`: always, except for plain HTTP to a loopback address outside production, where
   * the cookie has neither `Secure` nor the name's prefix. `false` is for plain HTTP elsewhere.
   */
  readonly secure?: boolean | 'auto'
  /** Default `'lax'`. `'none'` needs `secure`. */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /** Default `'/'`. */
  readonly path?: string
  /** Default: this host only. */
  readonly domain?: string
  /** A separate cookie for each top-level site (CHIPS); needs `secure`. */
  readonly partitioned?: boolean
  /** Whether the cookie outlives the browser. Default false: it ends with the browser's session. */
  readonly persistent?: boolean
}

const TOKEN_FORM: unique symbol = Symbol('sojourn.token-form')

/** For adapters: options of a cookie that is read in another form. Who gives them sets the cookie by itself. */
export function inForm(options: CookieOptions, form: TokenForm): CookieOptions {
  return Object.assign({ [TOKEN_FORM]: form }, options)
}

/** What the cookie policy has to know of a request; asked only where its form depends on it. */
export interface CookieRequest {
  /** Whether the connection is TLS, or a proxy that the application trusts says so. */
  readonly secure: boolean
  /** The Host header. */
  readonly host: string | undefined
  /** Whether a proxy has left its mark (Forwarded, X-Forwarded-*): its Host says nothing of the browser's. */
  readonly proxied: boolean
}

/** The form that the cookie has for one request. */
export interface CookieProfile {
  readonly name: string
  /** Everything after the value, without Max-Age. */
  readonly suffix: string
}

/** Finds the session's cookie in a request. */
export interface CookieReader {
  /** Which form of the cookie this request has. */
  profile(request: CookieRequest): CookieProfile
  /** The first token that the header holds, at once; what is not clearly one is left to `candidates`. */
  first(profile: CookieProfile, header: string): string | undefined
  /** All that may be tokens, the one that counts most first. */
  candidates(profile: CookieProfile, header: string | undefined): string[]
}

// RFC 6265, section 4.1.1: a name is a token; path and domain hold no control characters and no ';'.
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/
// Browsers ignore an attribute value of more than 1,024 bytes (RFC 6265bis, section 5.6).
const PATH = /^\/[\x20-\x3a\x3c-\x7e]{0,1023}$/
const DOMAIN =
  /^\.?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i
const LONGEST_DOMAIN = 253
const LOOPBACK = /^(?:localhost|[a-z0-9.-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i
/** A flood of cookies with our name costs at most so many checks. */
const MOST_CANDIDATES = 8
/** Browsers compare the prefixes without regard to case. */
const HOST_PREFIX = /^__Host-/i
const SECURE_PREFIX = /^__Secure-/i
const ANY_PREFIX = /^__(?:Host|Secure)-/i
const EQUALS = 61
const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const

/** Of a Set-Cookie header: with the name it says in which place a browser keeps the cookie. */
export function scopeOf(path: string, domain: string | undefined): string {
  return `; Path=${path}${domain ? `; Domain=${domain}` : ''}`
}

/** How the session cookie is named, read, set and cleared. */
export class CookiePolicy implements CookieReader {
  readonly persistent: boolean
  readonly #usual: CookieProfile
  /** For plain HTTP to loopback in development; absent where that is not allowed. */
  readonly #loopback: CookieProfile | undefined
  readonly #form: TokenForm
  #warned = false

  /** @throws OptionError for values that browsers refuse or that would inject header text */
  constructor(options: CookieOptions = {}) {
    const { secure = 'auto', sameSite = 'lax', path = '/', domain } = options
    const { partitioned = false, persistent = false } = options
    if (secure !== true && secure !== false && secure !== 'auto') {
      throw new OptionError('cookie.secure', "takes true, false or 'auto'")
    }
    if (typeof sameSite !== 'string' || !Object.hasOwn(SAME_SITE, sameSite)) {
      throw new OptionError('cookie.sameSite', "takes 'lax', 'strict' or 'none'")
    }
    if (typeof path !== 'string' || !PATH.test(path)) {
      throw new OptionError('cookie.path', "takes a path that begins with '/'")
    }
    if (domain !== undefined && !isDomain(domain)) {
      throw new OptionError('cookie.domain', 'takes a domain name')
    }
    if (typeof partitioned !== 'boolean') {
      throw new OptionError('cookie.partitioned', 'takes true or false')
    }
    if (typeof persistent !== 'boolean') {
      throw new OptionError('cookie.persistent', 'takes true or false')
    }
    if (sameSite === 'none' && secure === false) {
      throw new OptionError(
        'cookie.sameSite',
        "'none' needs secure cookies: browsers refuse it else",
      )
    }
    if (partitioned && secure === false) {
      throw new OptionError('cookie.partitioned', 'needs secure cookies: browsers refuse it else')
    }
    const isWide = path === '/' && domain === undefined
    const { name = defaultName(secure !== false, isWide) } = options
    checkName(name, secure !== false, path, domain)
    this.persistent = persistent
    this.#form = (options as { [TOKEN_FORM]?: TokenForm })[TOKEN_FORM] ?? PLAIN
    const scope = `${scopeOf(path, domain)}; HttpOnly`
    const site = `; SameSite=${SAME_SITE[sameSite]}`
    const usual = secure === false ? '' : `; Secure${partitioned ? '; Partitioned' : ''}`
    this.#usual = { name, suffix: scope + site + usual }
    // SameSite=None without Secure would be refused; Lax is what a browser would fall back to.
    const plainSite = sameSite === 'none' ? '; SameSite=Lax' : site
    // Looked at once: the environment is slow to read.
    const isProduction = process.env['NODE_ENV'] === 'production'
    this.#loopback =
      secure === 'auto' && !isProduction
        ? { name: name.replace(ANY_PREFIX, ''), suffix: scope + plainSite }
        : undefined
  }

  /** Under which the cookie may come. */
  get names(): readonly string[] {
    return [this.#usual.name, ...(this.#loopback === undefined ? [] : [this.#loopback.name])]
  }

  /** Which form of the cookie this request has. */
  profile(request: CookieRequest): CookieProfile {
    if (this.#loopback === undefined || request.secure || request.proxied) return this.#usual
    if (request.host !== undefined && LOOPBACK.test(request.host)) return this.#loopback
    this.#warnOnce(
      'plain HTTP to a host that is not loopback: browsers will not keep the Secure session cookie. ' +
        'Behind a proxy that ends TLS, let the framework trust it (Express: app.set("trust proxy", 1)); ' +
        'for development without TLS set cookie.secure to false. NODE_ENV=production ends this check.',
    )
    return this.#usual
  }

  /** Browsers send the cookie of the longest path first (RFC 6265, section 5.4). */
  first(profile: CookieProfile, header: string): string | undefined {
    return this.#form.at(header, nextValue(header, profile.name, 0))
  }

  /** All values that the header holds under the name, at most eight; no parsing of the others. */
  candidates(profile: CookieProfile, header: string | undefined): string[] {
    return header === undefined ? [] : cookieTokens(header, profile.name, this.#form)
  }

  /** @param maxAge milliseconds; without it the cookie ends with the browser's session */
  set(profile: CookieProfile, value: string, maxAge?: number): string {
    const age = maxAge === undefined ? '' : `; Max-Age=${toSeconds(maxAge)}`
    return `${profile.name}=${value}${age}${profile.suffix}`
  }

  clear(profile: CookieProfile): string {
    return `${profile.name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT${profile.suffix}`
  }

  #warnOnce(message: string): void {
    if (this.#warned) return
    this.#warned = true
    process.emitWarning(message, { code: 'SOJOURN_INSECURE_REQUEST' })
  }
}

/** A cookie that an adapter forms itself: found by its name alone. */
export function namedCookie(name: string, form: TokenForm = PLAIN): CookieReader {
  const profile: CookieProfile = { name, suffix: '' }
  return {
    profile: () => profile,
    first: (_, header) => form.at(header, nextValue(header, name, 0)),
    candidates: (_, header) => (header === undefined ? [] : cookieTokens(header, name, form)),
  }
}

function cookieTokens(header: string, name: string, form: TokenForm): string[] {
  const values = cookieValues(header, name)
  return form === PLAIN ? values : values.map((value) => form.of(value))
}

function toSeconds(ms: number): number {
  return Math.max(1, Math.floor(Math.min(ms, LONGEST_LIFETIME) / 1000))
}

/** All values that a Cookie header holds under the name, at most eight; no parsing of the others. */
export function cookieValues(header: string, name: string): string[] {
  const values: string[] = []
  let at = nextValue(header, name, 0)
  while (at !== -1 && values.length < MOST_CANDIDATES) {
    const end = header.indexOf(';', at)
    const value = header.slice(at, end === -1 ? undefined : end).trim()
    if (!values.includes(value)) values.push(value)
    at = nextValue(header, name, at)
  }
  return values
}

/** The position behind the next `name=` at the start of a pair, or -1. */
export function nextValue(header: string, name: string, from: number): number {
  let at = header.indexOf(name, from)
  while (at !== -1) {
    const equals = at + name.length
    if (header.charCodeAt(equals) === EQUALS && startsPair(header, at)) return equals + 1
    at = header.indexOf(name, equals)
  }
  return -1
}

function startsPair(header: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && (header[before] === ' ' || header[before] === '\t')) before--
  return before < 0 || header[before] === ';'
}

function isDomain(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LONGEST_DOMAIN && DOMAIN.test(value)
}

function defaultName(secure: boolean, hostOnly: boolean): string {
  if (!secure) return 'session'
  return hostOnly ? '__Host-session' : '__Secure-session'
}

function checkName(name: unknown, secure: boolean, path: string, domain: string | undefined): void {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new OptionError('cookie.name', "takes 1 to 200 letters, digits and -_.!#$%&'*+^`|~")
  }
  const hostOnly = secure && path === '/' && domain === undefined
  if (HOST_PREFIX.test(name) && !hostOnly) {
    throw new OptionError('cookie.name', "'__Host-' needs secure, path '/' and no domain")
  }
  if (SECURE_PREFIX.test(name) && !secure) {
    throw new OptionError('cookie.name', "'__Secure-' needs secure")
  }
}
