import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Deadlines } from '../../../src/engines/redis/deadlines.ts'

describe('Deadlines', () => {
  let now = 0
  const clock = { now: () => now, monotonic: () => now }
  const passed: string[] = []
  const advance = async (ms: number) => {
    for (let i = 0; i < ms; i++) {
      now++
      await vi.advanceTimersByTimeAsync(1)
    }
    vi.runAllTicks()
  }

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate'] })
    now = 0
    passed.length = 0
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('passes in order, each at its own time, with one timer', async () => {
    const deadlines = new Deadlines(100, clock)
    deadlines.add(() => passed.push('a'))
    await advance(30)
    deadlines.add(() => passed.push('b'))
    deadlines.add(() => passed.push('c'))
    expect(vi.getTimerCount()).toBe(1)
    await advance(69)
    expect(passed).toEqual([])
    await advance(3)
    expect(passed).toEqual(['a'])
    await advance(26)
    expect(passed).toEqual(['a'])
    await advance(4)
    expect(passed).toEqual(['a', 'b', 'c'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not call what is settled, whatever the order', async () => {
    const deadlines = new Deadlines(100, clock)
    const all = ['a', 'b', 'c', 'd'].map((name) => deadlines.add(() => passed.push(name)))
    for (const i of [2, 0, 3]) {
      const deadline = all[i]
      if (deadline) deadlines.settle(deadline)
    }
    await advance(110)
    expect(passed).toEqual(['b'])
    deadlines.add(() => passed.push('e'))
    await advance(110)
    expect(passed).toEqual(['b', 'e'])
  })

  it('one that is added while others pass has its full time', async () => {
    const deadlines = new Deadlines(100, clock)
    deadlines.add(() => {
      passed.push('a')
      deadlines.add(() => passed.push('b'))
    })
    await advance(105)
    expect(passed).toEqual(['a'])
    await advance(90)
    expect(passed).toEqual(['a'])
    await advance(15)
    expect(passed).toEqual(['a', 'b'])
  })

  it('forgets all on clear', async () => {
    const deadlines = new Deadlines(100, clock)
    deadlines.add(() => passed.push('a'))
    deadlines.clear()
    expect(vi.getTimerCount()).toBe(0)
    await advance(110)
    expect(passed).toEqual([])
  })
})
