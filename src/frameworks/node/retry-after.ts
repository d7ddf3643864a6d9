/** `Retry-After` (RFC 9110, section 10.2.3) on answers that say that the store is out of order. */
import { isSojournError, RETRY_AFTER } from '../../core/errors.ts'

/** What of a response is needed: Node's, or another by the same names. */
interface Target {
  readonly headersSent?: boolean
  hasHeader(name: string): boolean
  setHeader(name: string, value: string): unknown
}

const NAME = 'Retry-After'
const OUT_OF_ORDER = 503

export function isOutOfOrder(error: unknown): boolean {
  return isSojournError(error) && error.status === OUT_OF_ORDER
}

/**
 * Before an error handler answers for `error`, whichever it is. It may leave the header out: with another status it
 * means nothing.
 */
export function sayRetry(response: Target, error: unknown): void {
  if (isOutOfOrder(error) && response.headersSent !== true) add(response)
}

/** `sayRetry`, and then `next`. */
export function retryOf(
  response: Target,
  next: (error: unknown) => void,
): (error: unknown) => void {
  return (error) => {
    sayRetry(response, error)
    next(error)
  }
}

/** `sayRetry` for web standard headers. */
export function sayRetryIn(headers: Headers, error: unknown): void {
  if (isOutOfOrder(error)) addRetryIn(headers, OUT_OF_ORDER)
}

/** For the head of an answer of which it is known that the session could not be stored. */
export function addRetry(response: Target, status: unknown): void {
  if (status === OUT_OF_ORDER) add(response)
}

/** `addRetry` for web standard headers. */
export function addRetryIn(headers: Headers, status: unknown): void {
  if (status === OUT_OF_ORDER && !headers.has(NAME)) headers.set(NAME, RETRY_AFTER)
}

/** `addRetry` for a `Response`: the same one, or one that stands for it. */
export function withRetry(response: Response): Response {
  if (response.status !== OUT_OF_ORDER || response.headers.has(NAME)) return response
  try {
    response.headers.set(NAME, RETRY_AFTER)
    return response
  } catch (error) {
    // What was fetched cannot be changed.
    if (!(error instanceof TypeError)) throw error
    const copy = new Response(response.body, response)
    copy.headers.set(NAME, RETRY_AFTER)
    return copy
  }
}

function add(response: Target): void {
  // Handshakes are given `{}` in place of a response.
  if (typeof response.hasHeader !== 'function') return
  if (!response.hasHeader(NAME)) response.setHeader(NAME, RETRY_AFTER)
}
