export type Callback = (error?: unknown) => void

/**
 * What a method answers that takes a callback or none.
 * @param report told of a failure where there is no callback: whether anybody waits for a promise cannot be known
 * @returns with a callback `self`, for chaining; else the promise
 */
export function answer<Self, Value>(
  self: Self,
  work: Promise<Value>,
  callback: ((error: unknown, value?: NoInfer<Value>) => void) | undefined,
  report: (error: unknown) => void = () => undefined,
): Self | Promise<Value> {
  if (typeof callback !== 'function') {
    // Who waits is told; who does not must not end the process.
    work.catch(report)
    return work
  }
  // Outside of the promise: what a callback throws is the application's, and an uncaught exception there too.
  work.then(
    (value) => process.nextTick(callback, undefined, value),
    (error: unknown) => process.nextTick(callback, error),
  )
  return self
}
