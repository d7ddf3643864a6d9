export type Callback = (error?: unknown) => void

/**
 * What a method answers that takes a callback or none.
 * @returns with a callback `self`, for chaining; else the promise
 */
export function answer<Self, Value>(
  self: Self,
  work: Promise<Value>,
  callback: ((error: unknown, value?: NoInfer<Value>) => void) | undefined,
): Self | Promise<Value> {
  if (typeof callback !== 'function') {
    // Who waits is told; who does not must not end the process.
    work.catch(() => undefined)
    return work
  }
  // Outside of the promise: what a callback throws is the application's, and an uncaught exception there too.
  work.then(
    (value) => process.nextTick(callback, undefined, value),
    (error: unknown) => process.nextTick(callback, error),
  )
  return self
}
