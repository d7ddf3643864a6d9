import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Arrears } from '../../src/core/arrears.ts'
import type { Settings } from '../../src/core/options.ts'

const SECOND = 1_000
const DAY = 86_400_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** What is owed to a store that is away at first. */
function owing() {
  let now = 0
  const state = { isAway: true, asked: [] as string[], givenUp: 0 }
  const settings = { engine: { now: () => now } } as Settings
  const arrears = new Arrears(settings, (count) => {
    state.givenUp += count
  })
  const add = (...names: string[]): void => {
    for (const name of names)
      arrears.add(name, async () => {
        state.asked.push(name)
        if (state.isAway) throw new Error('away')
      })
  }
  const pass = async (ms: number): Promise<void> => {
    now += ms
    await vi.advanceTimersByTimeAsync(SECOND)
  }
  return { ...{ state, arrears, add, pass }, asked: () => state.asked.splice(0) }
}

it('asks for one while the store is away, each time another, and for all when it is back', async () => {
  const { state, add, pass, asked } = owing()
  add('a', 'b', 'c')
  await pass(SECOND)
  expect(asked()).toEqual(['a'])
  await pass(SECOND)
  expect(asked()).toEqual(['b'])
  state.isAway = false
  await pass(SECOND)
  expect(asked()).toEqual(['c', 'a', 'b'])
  await pass(SECOND)
  expect(asked()).toEqual([])
  expect(state.givenUp).toBe(0)
})

it('goes on with the others where some fail', async () => {
  const { state, arrears, add, pass, asked } = owing()
  state.isAway = false
  add('a')
  arrears.add('b', () => Promise.reject(new Error('this one')))
  add(...Array.from({ length: 20 }, (_, n) => `c${n}`))
  await pass(SECOND)
  expect(asked()).toHaveLength(21)
})

it('gives the oldest up when it is too many, and all in the end', async () => {
  const { state, arrears, add, pass } = owing()
  add(...Array.from({ length: 5_001 }, (_, n) => String(n)))
  expect(state.givenUp).toBe(1)
  await pass(SECOND)
  expect(state.asked).toEqual(['1'])
  await arrears.close()
  expect(state.givenUp).toBe(5_001)
})

it('does for a key only what is to be done last, and nothing after the entry has ended by itself', async () => {
  const { state, add, pass, asked } = owing()
  add('a', 'a')
  await pass(400 * DAY)
  await pass(SECOND)
  expect([...asked(), state.givenUp]).toEqual([0])
})
