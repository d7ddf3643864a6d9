/** `Retry-After` (RFC 9110, section 10.2.3) on answers that say that the store is out of order. */
import type { ServerResponse } from 'node:http'
import { isOutOfOrder, OUT_OF_ORDER, RETRY_AFTER } from '../../core/errors.ts'

/** What of a response is needed: Node's, or another by the same names. */
interface Target {
  hasHeader(name: string): boolean
  setHeader(name: string, value: string): unknown
}

const NAME = 'Retry-After'

/**
 * Before an error handler answers for `error`, whichever it is: its answer has the header if it is a 503, and says no
 * time of its own. With another status, as that of a redirect, it would mean something else.
 */
export function sayRetry(response: ServerResponse, error: unknown): void {
  if (!isOutOfOrder(error) || response.headersSent) return
  const { writeHead } = response as unknown as { writeHead: (...args: unknown[]) => ServerResponse }
  response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    if (!this.headersSent) addRetry(this, args[0])
    return writeHead.apply(this, args)
  }
}

/** `sayRetry`, and then `next`. */
export function retryOf(
  response: ServerResponse,
  next: (error: unknown) => void,
): (error: unknown) => void {
  return (error) => {
    sayRetry(response, error)
    next(error)
  }
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
