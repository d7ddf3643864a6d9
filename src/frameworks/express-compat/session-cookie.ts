import { type CookieData, serializeCookie } from './serialize-cookie.ts'
import type { Cookie } from './types.ts'

export interface SessionCookieOptions {
  /** Milliseconds. The session's idle timeout, and what the cookie's Expires is made of. */
  readonly maxAge?: number | null | undefined
  readonly expires?: Date | null | false | undefined
  readonly path?: string | undefined
  readonly domain?: string | undefined
  readonly httpOnly?: boolean | undefined
  /** `'auto'`: as the connection is. */
  readonly secure?: boolean | 'auto' | undefined
  /** `true`: `'strict'`. `'auto'`: `'none'` where the connection is secure, else `'lax'`. */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
  readonly partitioned?: boolean | undefined
  readonly priority?: 'low' | 'medium' | 'high' | undefined
}

type MaxAge = number | null | false | undefined

/**
 * `req.session.cookie`: what may be changed for one session. Typed as express-session's is, so that code for that one
 * compiles: `null` and `false` may be set, and are read then, which those types do not say.
 */
export class SessionCookie implements Cookie {
  path: string | undefined = '/'
  // By this name, because it is what an object of express-session prints.
  _expires: Date | null | false | undefined = null
  /** What `maxAge` was set to, milliseconds; nothing: the cookie ends with the browser's session. */
  originalMaxAge: number | null = null
  httpOnly: boolean | undefined = true
  // `declare`: without a value they are not there, and are not printed.
  declare domain?: string | undefined
  declare secure?: boolean | 'auto' | undefined
  declare sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined
  declare partitioned?: boolean | undefined
  declare priority?: string | undefined

  /** @param options of `maxAge` and `expires` the one that stands later counts */
  constructor(options: object = {}) {
    for (const [name, value] of Object.entries(options)) {
      if (name !== 'data') (this as Record<string, unknown>)[name] = value
    }
  }

  get expires(): Date | null | undefined {
    return this._expires as Date | null | undefined
  }

  set expires(date: Date | null | false | undefined) {
    this._expires = date
    this.originalMaxAge = this.maxAge as number | null
  }

  /** Milliseconds that are left. */
  get maxAge(): number | undefined {
    const { _expires: expires } = this
    return expires instanceof Date ? expires.getTime() - Date.now() : (expires as undefined)
  }

  set maxAge(age: MaxAge | Date) {
    if (age instanceof Date) {
      this.expires = age
    } else if (typeof age === 'number') {
      this._expires = new Date(Date.now() + age)
      // Not computed from the date: the clock may have moved on since.
      this.originalMaxAge = age
    } else if (age) {
      throw new TypeError('maxAge must be a number or Date')
    } else {
      this.expires = age
    }
  }

  get data(): CookieData {
    const { originalMaxAge, partitioned, priority, expires, secure } = this
    const { httpOnly, domain, path, sameSite } = this
    return {
      ...{ originalMaxAge, partitioned, priority, expires, secure },
      ...{ httpOnly, domain, path, sameSite },
    }
  }

  /** The Set-Cookie header's value. */
  serialize(name: string, value: string): string {
    return serializeCookie(name, value, this.data)
  }

  toJSON(): CookieData {
    return this.data
  }
}

/** Of what stands at `session.cookie`, which the application may have replaced. */
export function cookieIn(session: { cookie?: unknown }): SessionCookie | undefined {
  const { cookie } = session
  if (cookie instanceof SessionCookie) return cookie
  if (typeof cookie !== 'object' || cookie === null) return undefined
  return restoredCookie(cookie)
}

/** Of a stored session's `cookie`, where dates are text. */
export function restoredCookie(stored: object): SessionCookie {
  const { expires, originalMaxAge, ...rest } = stored as Record<string, unknown>
  const cookie = new SessionCookie(rest)
  if (typeof expires === 'string') cookie.expires = new Date(expires)
  else cookie.expires = expires as Date | null | undefined
  cookie.originalMaxAge = originalMaxAge as number | null
  return cookie
}
