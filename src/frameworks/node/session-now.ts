/** Of a connection that outlives its handshake: gives its session as it is now, one for each event. */
export type SessionNow = () => Promise<object>

const NOW: unique symbol = Symbol('sojourn.now')

interface Holder {
  [NOW]?: SessionNow
}

/** @param holder the handshake's request, or the socket */
export function holdSessionNow(holder: object, now: SessionNow): void {
  ;(holder as Holder)[NOW] ??= now
}

/** What `holdSessionNow` was given first. */
export function sessionNowOf(holder: object): SessionNow | undefined {
  return (holder as Holder)[NOW]
}
