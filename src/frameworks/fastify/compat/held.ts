/** What `request.session` is, where a request carries it. */
export interface Held {
  value: unknown
}

const HELD: unique symbol = Symbol('sojourn.fastify-session')

interface Holder {
  [HELD]?: Held
}

/** The first one counts. */
export function hold(request: object, held: Held): void {
  ;(request as Holder)[HELD] ??= held
}

export function heldBy(request: object): Held | undefined {
  return (request as Holder)[HELD]
}
