import { OptionError } from '../../core/errors.ts'

/** Sessions that the cookie of a store's framework leads to, and none of theirs; and what to do instead. */
const instead = new WeakMap<object, string>()

export function markOtherCookie(sessions: object, advice: string): void {
  instead.set(sessions, advice)
}

/**
 * Where a handshake's session is found by the cookie of `createSessions`: none ever would be.
 * @throws OptionError
 */
export function refuseOtherCookie(sessions: object): void {
  const advice = instead.get(sessions)
  if (advice !== undefined) throw new OptionError('sessions', advice)
}
