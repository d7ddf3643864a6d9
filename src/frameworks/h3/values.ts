import { CDN_HEADERS } from '../node/caching.ts'
import type { AnyExchange } from '../node/response-hook.ts'
import type { WebEvent } from './events.ts'

/** How h3 says what became of a request. */
const NOT_FOUND = Symbol.for('h3.notFound')
export const HANDLED: symbol = Symbol.for('h3.handled')

/** What of `event.res` speaks of caching. */
const CACHING = ['vary', 'cache-control', ...CDN_HEADERS]

const EXCHANGE: unique symbol = Symbol('sojourn.exchange')
const EVENT: unique symbol = Symbol('sojourn.event')

interface Holder {
  [EXCHANGE]?: AnyExchange
  /** Whose session it is. */
  [EVENT]?: WebEvent
}

// The same for all events: a getter made for each would be a hidden class for each, which the collector has to clear.
const SESSION: PropertyDescriptor & ThisType<Holder> = {
  configurable: true,
  enumerable: true,
  get() {
    const exchange = this[EXCHANGE]
    if (exchange === undefined) return undefined
    // h3 makes its JSON when the headers are made: what a handler returns unread has been used by then.
    exchange.accessed = true
    return exchange.session
  },
}

/** With sessions under several cookies the first is `session`; the others are at their own `from`. */
export function hold(event: WebEvent, exchange: AnyExchange): void {
  const { context } = event
  const holder: Holder = context
  if (holder[EVENT] === event) return
  // The application's own.
  if (holder[EVENT] === undefined && 'session' in context) return
  const own = isOfOneEvent(context) && holder[EVENT] === undefined ? holder : branchOff(event)
  own[EVENT] = event
  own[EXCHANGE] = exchange
  Object.defineProperty(own, 'session', SESSION)
}

/**
 * Whether h3 has made the context for this event. What `toWebHandler` and `app.request` are given beside the request may
 * be the same object each time, as Bun's server is: a session must not stay on it for the next one's.
 */
function isOfOneEvent(context: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(context)
  // That of h3's own class, which has none above it.
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    prototype !== Object.prototype &&
    Object.getPrototypeOf(prototype) === null
  )
}

/** A context of the event's own, on top of the one that it was given. */
function branchOff(event: WebEvent): Holder {
  const own: Holder = Object.create(event.context) as object
  const { req } = event
  Object.assign(event, { context: own })
  // h3 keeps it there too.
  Object.assign(req, { context: own })
  return own
}

/**
 * Adds headers for what a handler has returned, where that is not a `Response`.
 * @param add to the headers of `event.res` that h3 will take
 */
export function addToPrepared(
  { res }: WebEvent,
  value: unknown,
  add: (headers: Headers) => void,
): void {
  const isFailure = value === NOT_FOUND || value instanceof Error
  const target = isFailure ? res.errHeaders : res.headers
  // Of h3's own kind of response, which an application may give to everybody: theirs would be replaced.
  const given = (value as { headers?: unknown } | null | undefined)?.headers
  if (!(given instanceof Headers)) return add(target)
  for (const name of CACHING) {
    const own = given.get(name)
    if (own !== null && !target.has(name)) target.set(name, own)
  }
  add(target)
  for (const name of CDN_HEADERS) {
    if (given.has(name) && !target.has(name)) target.set(name, 'no-store')
  }
}

/** h3 would put what `event.res` says in the place of what we say of caching. */
export function withPrepared(event: WebEvent, response: Response): Response {
  const { headers, errHeaders } = event.res
  const prepared = response.status < 400 ? headers : errHeaders
  const names = CACHING.filter((name) => prepared.has(name))
  if (names.length === 0) return response
  const copy = new Response(response.body, response)
  for (const name of names) {
    copy.headers.set(name, prepared.get(name) ?? '')
    prepared.delete(name)
  }
  return copy
}

/** Whether a body may go on after the headers. */
export function mayStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return 'body' in value || 'pipe' in value || value instanceof ReadableStream
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function'
}
