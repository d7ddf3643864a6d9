import { expect, onTestFinished, vi } from 'vitest'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { setUp } from './session-set-up.ts'

export interface Load {
  readonly id: string
  /** Milliseconds. */
  readonly at: number
}

export interface Crowd {
  /** What the store has been asked for since all were watched, in order. */
  readonly loads: Load[]
  /** The store does not answer from now on. */
  readonly holdOff: () => void
  /** All that wait for an answer are told in the same moment that there is none. */
  readonly failAll: () => void
  /** It answers again, those that wait as well. */
  readonly heal: () => void
  /** The store says of all that they may have changed, as it does on a new connection. */
  readonly tell: () => void
}

/** So many sessions that are watched, on timers that the test moves. */
export async function manyWatched(count: number): Promise<Crowd> {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const loads: Load[] = []
  const listeners = new Set<() => void>()
  const waiting: { answer: () => void; fail: (error: Error) => void }[] = []
  let isHeld = false
  const { sessions } = setUp<{ n: number }>({}, (store) => ({
    ...store,
    load: async (id, options) => {
      loads.push({ id, at: Date.now() })
      if (isHeld) {
        await new Promise<void>((answer, fail) => {
          waiting.push({ answer, fail })
        })
      }
      return store.load(id, options)
    },
    watch: (_: string, listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }))
  for (let n = 0; n < count; n++) {
    const session = await sessions.open()
    session.set('n', n)
    await session.commit()
    sessions.watch(session)
  }
  await vi.advanceTimersByTimeAsync(1_000)
  expect(loads).toHaveLength(count)
  loads.length = 0
  return {
    loads,
    holdOff: () => {
      isHeld = true
    },
    failAll: () => {
      for (const { fail } of waiting.splice(0)) fail(new StoreUnavailableError('gone', false))
    },
    heal: () => {
      isHeld = false
      for (const { answer } of waiting.splice(0)) answer()
    },
    tell: () => {
      for (const listener of [...listeners]) listener()
    },
  }
}

/** The most loads within so many milliseconds. */
export function mostWithin(ms: number, loads: readonly Load[]): number {
  return Math.max(
    ...loads.map(({ at }) => loads.filter((load) => load.at >= at && load.at < at + ms).length),
  )
}
