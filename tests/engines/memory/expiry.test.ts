import { describe, expect, test, vi } from 'vitest'
import { stampOf } from '../../../src/core/engine.ts'
import { hasExpiryEvents } from '../../../src/core/engine-abilities.ts'
import { testId, testRecord, testTrail } from '../../../src/testing/index.ts'
import { alive, fill, MINUTE, setUp } from './set-up.ts'

describe('expiry', () => {
  test('the sweep finds what nobody asks for', async () => {
    vi.useFakeTimers()
    const { clock, engine, expired } = setUp({ sweepInterval: 250 })
    const ids = await fill(engine, [1, 2, 3])
    clock.advance(2 * MINUTE)
    expect(engine.stats().records).toBe(3)
    await vi.advanceTimersByTimeAsync(250)
    expect(engine.stats()).toMatchObject({ records: 1, expired: 2 })
    expect(expired.sort()).toEqual(ids.slice(0, 2).sort())
  })

  test('the sweep works in bounded turns, at once again while there is more to do', async () => {
    vi.useFakeTimers()
    const { clock, engine, expired } = setUp({ sweepInterval: 1_000 })
    await fill(
      engine,
      Array.from({ length: 3_500 }, () => 1),
    )
    clock.advance(MINUTE)
    vi.advanceTimersByTime(1_000)
    expect(engine.stats().records).toBe(2_500)
    await vi.advanceTimersByTimeAsync(10)
    expect(engine.stats().records).toBe(0)
    expect(new Set(expired).size).toBe(3_500)
    expect(expired).toHaveLength(3_500)
  })

  test('there is no timer before the first record, nor after the last, nor after close', async () => {
    vi.useFakeTimers()
    const { clock, engine } = setUp()
    await engine.load(testId())
    expect(vi.getTimerCount()).toBe(0)
    await fill(engine, [1])
    await fill(engine, [1])
    expect(vi.getTimerCount()).toBe(1)
    clock.advance(MINUTE)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(vi.getTimerCount()).toBe(0)
    const ids = await fill(engine, [1])
    expect(vi.getTimerCount()).toBe(1)
    await engine.close()
    expect(vi.getTimerCount()).toBe(0)
    await expect(engine.load(ids[0]!)).rejects.toThrow(/closed/)
    expect(engine.stats().records).toBe(0)
  })

  test('every call clears away a few that are due', async () => {
    const { clock, engine } = setUp()
    await fill(
      engine,
      Array.from({ length: 10 }, () => 1),
    )
    clock.advance(MINUTE)
    await engine.load(testId())
    const left = engine.stats().records
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThan(10)
  })

  test('each expired session is told once, whoever notices first', async () => {
    vi.useFakeTimers()
    const { clock, engine, expired } = setUp()
    const ids = await fill(engine, [1, 1, 1, 1, 1, 1])
    clock.advance(MINUTE)
    await Promise.all(ids.map((id) => engine.load(id)))
    await Promise.all(ids.map((id) => engine.destroy(id)))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(expired.sort()).toEqual(ids.sort())
  })

  test('neither trails, nor sessions that ended otherwise, nor touched ones are told', async () => {
    const { clock, engine, expired } = setUp()
    const record = testRecord(1)
    const [rotated, to, left, destroyed, touched] = [1, 2, 3, 4, 5].map(() => testId())
    for (const id of [rotated, left, destroyed, touched]) {
      await engine.create(id!, record, MINUTE)
    }
    const trail = testTrail(MINUTE)
    const base = stampOf(record)
    await engine.rotate(rotated!, base, to!, record, 10 * MINUTE, { trail })
    await engine.destroy(left!, { trail })
    await engine.destroy(destroyed!)
    await engine.touch(touched!, base, 10 * MINUTE)
    clock.advance(2 * MINUTE)
    expect(await alive(engine, [rotated!, to!, left!, destroyed!, touched!])).toEqual([
      false,
      true,
      false,
      false,
      true,
    ])
    expect(expired).toEqual([])
    expect(engine.stats().records).toBe(2)
    clock.advance(10 * MINUTE)
    await alive(engine, [to!, touched!])
    expect(expired.sort()).toEqual([to!, touched!].sort())
  })

  test('a listener may call the engine, and one that unsubscribed is not told', async () => {
    const { clock, engine } = setUp()
    expect(hasExpiryEvents(engine)).toBe(true)
    const seen: string[] = []
    const stop = engine.onExpired(({ id }) => seen.push(`first ${id}`))
    const stopSecond = engine.onExpired(({ id }) => {
      seen.push(`second ${id}`)
      stop()
      void engine.create(id, testRecord(1), MINUTE)
    })
    const [a] = await fill(engine, [1])
    clock.advance(MINUTE)
    await engine.load(a!)
    expect(seen).toEqual([`first ${a}`, `second ${a}`])
    expect(await alive(engine, [a!])).toEqual([true])
    stopSecond()
    stopSecond()
    clock.advance(MINUTE)
    await engine.load(a!)
    expect(seen).toHaveLength(2)
  })
})
