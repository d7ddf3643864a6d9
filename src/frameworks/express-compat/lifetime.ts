import { type Exchange, insideOf } from '../../core/exchange.ts'
import { isPersistent, type Meta, noteOf as noteIn } from '../../core/meta.ts'
import type { CookieSource, StoredCookie } from './cookie-source.ts'
import type { SessionCookie } from './session-cookie.ts'

/** What is kept with a session of ours. */
export interface Note {
  /** Absent: as the options say. */
  readonly cookie?: StoredCookie
  /** What `genid` has called it. */
  readonly name?: unknown
}

export function noteOf(exchange: Exchange<object>): Note | undefined {
  return exchange.note as Note | undefined
}

export function setNote(
  exchange: Exchange<object>,
  cookie: StoredCookie | undefined,
  name: unknown,
): void {
  const note: Note = {
    ...(cookie === undefined ? {} : { cookie }),
    ...(name === undefined ? {} : { name }),
  }
  exchange.note = Object.keys(note).length === 0 ? undefined : note
}

/** Of a session that was taken over, or by `login` or `setLifetime`: its cookie outlives the browser, whatever the options say. */
export function isPromised(exchange: Exchange<object>): boolean {
  const { live } = insideOf(exchange).state
  return live !== undefined && isPersistent(live.meta)
}

/** Whether the cookie outlives the browser, where there is no request. */
export function isLasting<Source>(meta: Meta, cookies: CookieSource<Source>): boolean {
  const stored = (noteIn(meta) as Note | undefined)?.cookie
  return cookies.isLasting(stored) || (stored === undefined && isPersistent(meta))
}

/** When the cookie ends, milliseconds since the epoch. */
export function endOf({ expires }: SessionCookie): number | undefined {
  return expires instanceof Date ? expires.getTime() : undefined
}

/** Set to a time that has passed: with that response the session is over. */
export function isOver({ originalMaxAge }: SessionCookie): boolean {
  return typeof originalMaxAge === 'number' && originalMaxAge <= 0
}

/** @returns another idle timeout than the session has; nothing where it is as the cookie says */
export function newIdleTimeout<Source>(
  { originalMaxAge }: SessionCookie,
  exchange: Exchange<object>,
  cookies: CookieSource<Source>,
): number | undefined {
  const { idleTimeout, usual } = exchange
  if (typeof originalMaxAge === 'number') {
    const wanted = Math.max(1, Math.min(Math.round(originalMaxAge), usual.absoluteTimeout))
    return wanted === idleTimeout ? undefined : wanted
  }
  // It had an end of its own, and has none any more.
  const hadEnd = !exchange.session.isNew && cookies.isLasting(noteOf(exchange)?.cookie)
  return hadEnd && idleTimeout !== usual.idleTimeout ? usual.idleTimeout : undefined
}
