/** `Retry-After` on what applications answer with when the store is out of order, by whatever h3 2 takes for an answer. */
import { isOutOfOrder, OUT_OF_ORDER } from '../../core/errors.ts'
import { addRetryIn, withRetry } from '../node/retry-after.ts'
import type { ErrorConfig, WebEvent } from './events.ts'
import { isThenable } from './values.ts'

type OnError = (error: unknown, event: WebEvent) => unknown

/** Events whose answer is one for a store that is out of order. */
const failing = new WeakSet<object>()
const wrapped = new WeakSet<object>()

/** Before the error is thrown on to h3, and to the `onError` of the application if it has one. */
export function sayRetry(event: WebEvent, error: unknown): void {
  if (!isOutOfOrder(error)) return
  // For h3's own answer, which has the status of the error.
  addRetryIn(event.res.errHeaders, OUT_OF_ORDER)
  failing.add(event)
  const config = event.app?.config
  if (config?.onError !== undefined && !wrapped.has(config.onError)) wrap(config)
}

/** h3 takes what `onError` returns as it is: nobody else can add to that. */
function wrap(config: ErrorConfig): void {
  if (Object.isFrozen(config)) return
  const onError = config.onError as OnError
  const own: OnError = (error, event) => {
    if (!failing.has(event)) return onError(error, event)
    event.res.errHeaders.delete('Retry-After')
    return retried(onError(error, event), event, error)
  }
  wrapped.add(own)
  config.onError = own
}

/**
 * @param answer to the error, as handlers of h3 return it
 * @returns the same, or one that stands for it; it has the header if it is a 503, and says no time of its own
 */
export function retried(answer: unknown, event: WebEvent, error: unknown): unknown {
  if (isThenable(answer)) return answer.then((value) => retried(value, event, error))
  const { res } = event
  if (answer instanceof Response) return withRetry(answer)
  // Without an answer it is h3's own, for the same error.
  const failure = answer ?? error
  if (failure instanceof Error) {
    const { status, headers } = failure as { status?: unknown; headers?: unknown }
    if (!hasOwn(headers)) addRetryIn(res.errHeaders, status)
    return answer
  }
  const { status, headers } = Object(answer) as { status?: unknown; headers?: unknown }
  const isResponse = headers instanceof Headers
  if (!hasOwn(headers)) addRetryIn(res.headers, (isResponse ? status : undefined) ?? res.status)
  return answer
}

function hasOwn(headers: unknown): boolean {
  return headers instanceof Headers && headers.has('Retry-After')
}
