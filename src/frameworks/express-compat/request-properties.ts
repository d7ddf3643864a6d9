import type { Visit } from './visit.ts'

const VISIT: unique symbol = Symbol('sojourn.express-compat')

interface Holder {
  [VISIT]?: Visit
}

export function visitOf(request: object): Visit | undefined {
  return (request as Holder)[VISIT]
}

// The same for all requests: with getters of its own each would keep the last one alive for a while.
const SESSION: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: Holder): unknown {
    return this[VISIT]?.session
  },
  set(this: Holder, value: unknown) {
    if (this[VISIT] !== undefined) this[VISIT].session = value
  },
}
const PROPERTIES: PropertyDescriptorMap = {
  session: SESSION,
  sessionID: {
    configurable: true,
    enumerable: true,
    get(this: Holder): unknown {
      return this[VISIT]?.id
    },
    set(this: Holder, value: unknown) {
      if (this[VISIT] !== undefined) this[VISIT].id = value
    },
  },
}

/** Gives the request `session`, `sessionID` and `sessionStore`. */
export function defineProperties(request: object, visit: Visit, sessionStore: object): void {
  ;(request as Holder)[VISIT] = visit
  Object.defineProperties(request, PROPERTIES)
  Object.assign(request, { sessionStore })
}

/** Where the application has deleted `session`, or has set it since. */
export function restoreSession(request: object): void {
  const own = Object.getOwnPropertyDescriptor(request, 'session')
  if (own?.get !== SESSION.get) Object.defineProperty(request, 'session', SESSION)
}
