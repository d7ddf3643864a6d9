import { type ReadonlySignal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { asProblem, call, type Problem } from './api.ts'

/** What has been asked for: the former answer stays until the new one is there. */
export interface Loaded<Answer> {
  readonly answer: Answer | undefined
  readonly problem: Problem | undefined
  readonly busy: boolean
}

/** Asks for `path` now and whenever it changes; nothing where it is undefined. `again` asks anew. */
export function useLoad<Answer>(
  path: string | undefined,
): [ReadonlySignal<Loaded<Answer>>, again: () => void] {
  const state = useSignal<Loaded<Answer>>({
    answer: undefined,
    problem: undefined,
    busy: path !== undefined,
  })
  const turn = useSignal(0)
  useEffect(() => {
    if (path === undefined) {
      state.value = { answer: undefined, problem: undefined, busy: false }
      return
    }
    const abort = new AbortController()
    state.value = { ...state.peek(), busy: true }
    call<Answer>(path, { signal: abort.signal }).then(
      (answer) => {
        if (!abort.signal.aborted) state.value = { answer, problem: undefined, busy: false }
      },
      (error: unknown) => {
        if (abort.signal.aborted) return
        state.value = { answer: undefined, problem: asProblem(error), busy: false }
      },
    )
    return () => abort.abort()
  }, [path, turn.value])
  return [state, () => turn.value++]
}
