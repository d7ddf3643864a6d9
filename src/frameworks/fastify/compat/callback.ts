export type Callback = (error?: unknown) => void

/**
 * Tells the callback, or gives the promise where there is none.
 * @param report told of a failure of the promise: perhaps nobody awaits it, and then it must not end the process
 * @param success what the callback is called with
 */
export function answer(
  result: Promise<void>,
  callback: Callback | undefined,
  report: (error: unknown) => void,
  success?: null,
): Promise<void> | undefined {
  if (callback === undefined) {
    result.catch(report)
    return result
  }
  // What a callback throws is the application's, not a rejection of ours.
  const tell = (error: unknown): void => process.nextTick(callback, error)
  result.then(() => tell(success), tell)
  return undefined
}
