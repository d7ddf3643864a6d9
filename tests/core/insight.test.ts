import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../src/core/errors.ts'
import { bucketOf } from '../../src/core/gap-histogram.ts'
import type { Session } from '../../src/core/session.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import type { MemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { HOUR, MINUTE, SECOND, setUp } from './session-set-up.ts'

/** The gaps that were counted, each as the middle of its bucket. */
async function gapsOf(sessions: Sessions): Promise<number[]> {
  const { gaps } = await sessions.insight()
  return gaps.buckets.flatMap(({ from, to, count }) => Array(count).fill((from + to) / 2))
}

/** As `gapsOf` tells them. */
function told(...gaps: number[]): number[] {
  return gaps.map((ms) => expect.closeTo(ms, -Math.log10(ms / 8)))
}

/** The engine without one of its optional abilities. */
function without(ability: 'peek' | 'sampleTtls'): (engine: MemoryEngine) => Engine {
  return (engine) => {
    const rest = { ...engine }
    Reflect.deleteProperty(rest, ability)
    return rest
  }
}

describe.each([
  ['records held near', (engine: MemoryEngine) => engine],
  ['nothing held near', without('peek')],
])('gaps, %s', (_, wrap) => {
  it('are counted by a touch and by a commit, from the last activity on', async () => {
    const { sessions, clock } = setUp({}, wrap)
    const session = await sessions.open()
    session.set('views', 1)
    await session.commit()
    clock.advance(5 * MINUTE)
    await session.touch()
    clock.advance(20 * MINUTE)
    await session.touch()
    clock.advance(10 * SECOND)
    session.set('views', 2)
    await session.commit()
    expect(await gapsOf(sessions)).toEqual(told(10 * SECOND, 5 * MINUTE, 20 * MINUTE))
  })

  it('are those of each request', async () => {
    const { sessions, clock, browser } = setUp({}, wrap)
    const ada = browser()
    await ada.visit((session) => session.set('views', 1))
    clock.advance(25 * MINUTE)
    await ada.visit((session) => session.set('views', 2))
    clock.advance(15 * MINUTE)
    await ada.visit((session) => session.touch())
    expect(await gapsOf(sessions)).toEqual(told(15 * MINUTE, 25 * MINUTE))
  })

  it.each([
    ['commits', (session: Session, i: number) => session.set(`view${i}`, i)],
    ['touches', (session: Session) => session.touch()],
  ])('of parallel %s are counted once', async (_, write) => {
    const { sessions, clock, browser } = setUp({}, wrap)
    const ada = browser()
    await ada.visit((session) => session.set('views', 1))
    clock.advance(25 * MINUTE)
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => ada.copy().visit((session) => write(session, i))),
    )
    expect(await gapsOf(sessions)).toEqual(told(25 * MINUTE))
  })

  it('move on with a rotation and a longer lifetime', async () => {
    const { sessions, clock } = setUp({}, wrap)
    const session = await sessions.open()
    session.set('views', 1)
    await session.commit()
    clock.advance(4 * MINUTE)
    await session.rotate()
    clock.advance(16 * MINUTE)
    session.setLifetime({ idleTimeout: '2h' })
    await session.commit()
    clock.advance(64 * MINUTE)
    await session.touch()
    expect(await gapsOf(sessions)).toEqual(told(4 * MINUTE, 16 * MINUTE, 64 * MINUTE))
  })

  it('are not known where the absolute timeout cuts the idle timeout short', async () => {
    const { sessions, clock } = setUp({ absoluteTimeout: '40m' }, wrap)
    const session = await sessions.open()
    session.set('views', 1)
    await session.commit()
    clock.advance(20 * MINUTE)
    await session.touch()
    clock.advance(10 * MINUTE)
    await session.touch()
    expect(await gapsOf(sessions)).toEqual(told(20 * MINUTE))
  })

  it('under a second are none', async () => {
    const { sessions, clock } = setUp({}, wrap)
    const session = await sessions.open()
    for (const views of [1, 2, 3]) {
      session.set('views', views)
      await session.commit()
      clock.advance(999)
    }
    expect((await sessions.insight()).gaps.count).toBe(0)
  })

  it('end moves with a touch', async () => {
    const { sessions, clock } = setUp({}, wrap)
    const session = await sessions.open()
    session.set('views', 1)
    await session.commit()
    clock.advance(5 * MINUTE)
    await session.touch()
    expect(session.expiresAt).toBe(clock.now() + 30 * MINUTE)
  })
})

it('ttl is what is left of the sessions that were looked at', async () => {
  const { sessions, clock } = setUp()
  for (const idleTimeout of ['1h', '2h', '4h', '8h'] as const) {
    const session = await sessions.open()
    session.setLifetime({ idleTimeout })
    session.set('views', 1)
    await session.commit()
  }
  clock.advance(HOUR / 2)
  const { ttl, complete } = await sessions.insight()
  expect([ttl.count, complete]).toEqual([4, true])
  expect(ttl.shareLongerThan(4096 * SECOND)).toBe(0.75)
  const sample = await sessions.insight({ sample: 2 })
  expect([sample.ttl.count, sample.complete]).toEqual([2, false])
})

it('what is asked for is checked', async () => {
  const { sessions } = setUp()
  for (const sample of [-1, 0.5, 100_001, Number.NaN]) {
    await expect(sessions.insight({ sample })).rejects.toThrow(/sample/)
  }
  await expect(sessions.insight({ samples: 1 } as object)).rejects.toThrow(/samples/)
})

it('an engine that counts nothing says so, and takes no harm', async () => {
  const { sessions, clock } = setUp({}, without('sampleTtls'))
  const session = await sessions.open()
  session.set('views', 1)
  await session.commit()
  clock.advance(5 * MINUTE)
  await session.touch()
  await expect(sessions.insight()).rejects.toThrow(/engine/)
  await sessions.close()
})

describe('what was counted', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const FIVE = new Map([[bucketOf(5 * MINUTE), 1]])

  /** Sessions whose engine is asked to add, and answers as it is told. */
  async function world() {
    const addGaps = vi.fn<MemoryEngine['addGaps']>(async () => undefined)
    const made = setUp({}, (engine) => ({ ...engine, addGaps }))
    const session = await made.sessions.open()
    session.set('views', 1)
    await session.commit()
    const comeBack = (): Promise<void> => {
      made.clock.advance(5 * MINUTE)
      return session.touch()
    }
    return { ...made, addGaps, comeBack }
  }

  it('goes to the store within 60 to 75 seconds, and nothing where there is nothing', async () => {
    const { addGaps, comeBack } = await world()
    await vi.advanceTimersByTimeAsync(HOUR)
    expect(addGaps).not.toHaveBeenCalled()
    await comeBack()
    await comeBack()
    await vi.advanceTimersByTimeAsync(59_999)
    expect(addGaps).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(15_001)
    expect(addGaps.mock.calls).toEqual([[new Map([[bucketOf(5 * MINUTE), 2]])]])
    await vi.advanceTimersByTimeAsync(HOUR)
    expect(addGaps).toHaveBeenCalledTimes(1)
  })

  it('is kept for the next time when it was refused, and that is told', async () => {
    const { addGaps, comeBack, announced } = await world()
    const error = new StoreRefusedError('NOPERM', 'the user may not')
    addGaps.mockRejectedValueOnce(error)
    await comeBack()
    await vi.advanceTimersByTimeAsync(75_000)
    expect(announced('error')).toEqual([{ operation: 'insight', error }])
    await vi.advanceTimersByTimeAsync(75_000)
    expect(addGaps.mock.calls).toEqual([[FIVE], [FIVE]])
  })

  it('is not added twice when the answer was lost', async () => {
    const { addGaps, comeBack } = await world()
    addGaps.mockRejectedValueOnce(new StoreUnavailableError('late', true))
    await comeBack()
    await vi.advanceTimersByTimeAsync(HOUR)
    expect(addGaps).toHaveBeenCalledTimes(1)
  })

  it('is added when the sessions are closed, and nothing is counted afterwards', async () => {
    const { addGaps, comeBack, sessions } = await world()
    await comeBack()
    await sessions.close()
    expect(addGaps.mock.calls).toEqual([[FIVE]])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps nobody from closing', async () => {
    const { addGaps, comeBack, sessions } = await world()
    addGaps.mockRejectedValue(new StoreUnavailableError('there is no connection', false))
    await comeBack()
    await sessions.close()
    await vi.advanceTimersByTimeAsync(HOUR)
    expect(addGaps).toHaveBeenCalledTimes(1)
  })
})
