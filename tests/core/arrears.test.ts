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

it('goes on with the others where one is never answered, and tries it again', async () => {
  const { state, arrears, add, pass, asked } = owing()
  state.isAway = false
  let tried = 0
  arrears.add('hangs', () => {
    tried++
    return new Promise(() => undefined)
  })
  add('a', 'b')
  await pass(SECOND)
  expect([tried, ...asked()]).toEqual([1])
  await vi.advanceTimersByTimeAsync(30 * SECOND)
  await pass(SECOND)
  expect(asked()).toEqual(['a', 'b'])
  expect(tried).toBe(2)
})

it('ends a close in which one is never answered, and tells of that one', async () => {
  const { state, arrears, add } = owing()
  state.isAway = false
  add('a')
  arrears.add('hangs', () => new Promise(() => undefined))
  add('b')
  let isClosed = false
  const closing = arrears.close().then(() => {
    isClosed = true
  })
  await vi.advanceTimersByTimeAsync(20 * SECOND)
  expect([isClosed, state.givenUp, ...state.asked]).toEqual([false, 0, 'a', 'b'])
  await vi.advanceTimersByTimeAsync(10 * SECOND)
  await closing
  expect(state.givenUp).toBe(1)
})

it('what comes while it closes, or afterwards, is tried once, and told of where that fails', async () => {
  const { state, arrears, add, asked } = owing()
  add('a')
  const closing = arrears.close()
  add('a', 'b')
  await closing
  expect(state.givenUp).toBe(2)
  expect(asked()).toEqual(['a', 'a', 'b'])
  add('c')
  await vi.advanceTimersByTimeAsync(5 * SECOND)
  expect([...asked(), state.givenUp]).toEqual(['c', 3])
  state.isAway = false
  add('d')
  await vi.advanceTimersByTimeAsync(5 * SECOND)
  expect([...asked(), state.givenUp]).toEqual(['d', 3])
})
