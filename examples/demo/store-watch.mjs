import { isSojournError } from 'sojourn'

/** @typedef {{ ok: boolean, code?: string, message?: string }} StoreState */

const EVERY = 1_000

/**
 * Asks once a second whether the store can serve, and tells when the answer changes.
 * @param {import('sojourn').Sessions<any>} sessions
 * @param {(state: StoreState) => void} tell
 * @returns {() => void} ends it
 */
export function watchStore(sessions, tell) {
  let ok = true
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  let ended = false

  async function ask() {
    // The engine's own: `sessions.ready()` waits for a store that is on its way.
    const problem = await sessions.engine.ready().then(
      () => undefined,
      (error) => error,
    )
    if (ended) return
    if (ok !== (problem === undefined)) {
      ok = !ok
      const code = isSojournError(problem) ? problem.code : 'ERR_STORE'
      tell(ok ? { ok } : { ok, code, message: problem.message })
    }
    timer = setTimeout(() => void ask(), EVERY)
    timer.unref()
  }

  void ask()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
