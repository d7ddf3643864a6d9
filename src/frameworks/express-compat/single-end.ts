import type { ServerResponse } from 'node:http'

const STATE: unique symbol = Symbol('sojourn.single-end')

interface State {
  readonly end: (...args: unknown[]) => unknown
  hasEnded: boolean
}
type Ending = ServerResponse & { [STATE]?: State }

/**
 * What ends a response again is without effect, as with express-session: applications have come to rest
 * on it, and Node's own answer is an error that ends the process.
 */
export function endOnce(response: ServerResponse): void {
  const ending: Ending = response
  const { end: original } = response as unknown as Pick<State, 'end'>
  ending[STATE] = { end: original, hasEnded: false }
  response.end = end as ServerResponse['end']
}

// The same function for all responses.
function end(this: Ending, ...args: unknown[]): unknown {
  const state = this[STATE] as State
  if (state.hasEnded) return false
  state.hasEnded = true
  try {
    return state.end.apply(this, args)
  } catch (error) {
    // A chunk that Node refuses: the error handler is to answer.
    state.hasEnded = false
    throw error
  }
}
