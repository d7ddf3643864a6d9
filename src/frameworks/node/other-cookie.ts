import type { CookieReader } from '../../core/cookie.ts'
import { OptionError } from '../../core/errors.ts'
import type { ExchangeRequest } from '../../core/exchange.ts'

/** Sessions that the cookie of a store's framework leads to, and none of theirs; and what to do instead. */
const instead = new WeakMap<object, string>()
/** Of cookies that lead to sessions beside their own, by name. */
const readers = new WeakMap<object, Map<string, CookieReader>>()

export function markOtherCookie(sessions: object, advice: string): void {
  instead.set(sessions, advice)
}

/**
 * Where a handshake's session is found by the cookie of `createSessions`: none ever would be.
 * @throws OptionError
 */
export function refuseOtherCookie(sessions: object): void {
  const advice = instead.get(sessions)
  if (advice !== undefined && !readers.has(sessions)) throw new OptionError('sessions', advice)
}

/** For middleware that keeps sessions, whoever has made them, in a cookie of its own: handshakes find them by that. */
export function readInHandshakes(sessions: object, name: string, reader: CookieReader): void {
  const named = readers.get(sessions) ?? new Map<string, CookieReader>()
  readers.set(sessions, named.set(name, reader))
}

/** What reads the handshake's cookie; absent: it has none of `readInHandshakes`, or those sessions have none. */
export function handshakeReader(
  sessions: object,
  request: ExchangeRequest,
): CookieReader | undefined {
  for (const reader of readers.get(sessions)?.values() ?? []) {
    if (reader.candidates(reader.profile(request), request.cookie).length > 0) return reader
  }
  return undefined
}
