import type { AnyExchange } from './response-hook.ts'

const EXCHANGE: unique symbol = Symbol('sojourn.exchange')
const PROPERTIES: unique symbol = Symbol('sojourn.properties')

interface SessionHolder {
  [EXCHANGE]?: AnyExchange
  [PROPERTIES]?: object
}

/** Makes it the session of `sessionOf(request)`, which the first one stays. */
export function holdSession(request: object, exchange: AnyExchange): void {
  const holder: SessionHolder = request
  holder[EXCHANGE] ??= exchange
}

/** The session, which the answer depends on from now on; nothing before `holdSession`. */
export function sessionOf(request: object): object | undefined {
  const holder: SessionHolder = request
  const exchange = holder[EXCHANGE]
  if (exchange === undefined) return undefined
  exchange.accessed = true
  return (holder[PROPERTIES] ??= exchange.withProperties())
}

/** What `holdSession` was given first. */
export function heldExchange(request: object): AnyExchange | undefined {
  return (request as SessionHolder)[EXCHANGE]
}
