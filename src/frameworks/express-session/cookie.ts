import { LONGEST_LIFETIME } from '../../core/duration.ts'

/** What express-session keeps of a session's cookie, as JSON. When it ends is told by the session's lifetime. */
export type StoredCookie = Readonly<Record<string, unknown>>

/** A cookie as a session object was given it. */
export interface KnownCookie {
  readonly stored: StoredCookie
  /** Milliseconds since the epoch; absent: it ends with the browser. */
  readonly expires: number | undefined
}

export interface CookieReading {
  readonly stored: StoredCookie
  /** Milliseconds; absent: that of the store. */
  readonly idleTimeout: number | undefined
  /** It is set to a time that has passed. */
  readonly isOver: boolean
}

/**
 * `cookie.maxAge = cookie.originalMaxAge`, as express-session does with each request, takes off a millisecond
 * when the clock moves on in between. That is no change; so many are taken for such.
 */
const DRIFT = 100

/** @param known the cookie that the session object was made with */
export function readCookie(cookie: unknown, known?: KnownCookie): CookieReading {
  const { expires, maxAge, ...rest } = asObject(JSON.parse(JSON.stringify(cookie ?? {})))
  const now = Date.now()
  const end = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  const original = rest['originalMaxAge']
  const left = Number.isFinite(end) ? end - now : maxAge
  const isUnsaid = expires === undefined && left === undefined
  const age = (typeof left === 'number' || isUnsaid) && isAge(original) ? original : left
  if (typeof age !== 'number') {
    return { stored: { ...rest, originalMaxAge: null }, idleTimeout: undefined, isOver: false }
  }
  const before = known?.stored['originalMaxAge']
  const isSame = typeof before === 'number' && age <= before && before - age < DRIFT
  const originalMaxAge = isSame ? before : age
  return {
    stored: { ...rest, originalMaxAge },
    idleTimeout: Math.min(Math.max(Math.round(originalMaxAge), 1), LONGEST_LIFETIME),
    // Of a session object that is stored late the end may have passed, while others have renewed the session.
    isOver: typeof left === 'number' && left <= 0 && end !== known?.expires,
  }
}

function isAge(value: unknown): value is number {
  return typeof value === 'number' && value > 0
}

/** Whether the cookie has an end of its own, and does not go with the browser. */
export function hasEnd(stored: StoredCookie): boolean {
  return typeof stored['originalMaxAge'] === 'number'
}

/** Whether an attribute is such a cookie: tells sessions of this store from others. */
export function isStoredCookie(value: unknown): value is StoredCookie {
  return typeof value === 'object' && value !== null && 'originalMaxAge' in value
}

/** The cookie for `createSession`. @param left milliseconds until the session ends if nobody comes */
export function giveCookie(stored: StoredCookie, left: number): Record<string, unknown> {
  return { ...stored, expires: hasEnd(stored) ? new Date(Date.now() + Math.round(left)) : null }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
