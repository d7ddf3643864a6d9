/** Logins that nobody got the token of: they must not stay in the list of the principal's sessions. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { MINUTE, SECOND, setUp, type World } from './session-set-up.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** What is wrong with the store: answers to `create` are lost, and it may not have come; `destroy` fails. */
type Fault = 'create lost' | 'create not carried out' | 'destroy fails'

interface Failing {
  readonly world: World<Record<string, unknown>>
  faults: readonly Fault[]
  destroyed: number
}

function failing(): Failing {
  const wrap = (engine: Engine): Engine => ({
    ...engine,
    create: async (...args) => {
      const isLost = failure.faults.includes('create not carried out')
      if (isLost) throw new StoreUnavailableError('no answer', true)
      const answer = await engine.create(...args)
      if (failure.faults.includes('create lost')) throw new StoreUnavailableError('no answer', true)
      return answer
    },
    destroy: (...args) => {
      failure.destroyed++
      const isDown = failure.faults.includes('destroy fails')
      return isDown
        ? Promise.reject(new StoreUnavailableError('down', false))
        : engine.destroy(...args)
    },
  })
  const world = setUp({ maxSessions: { max: 1, policy: 'reject' } }, wrap)
  const failure: Failing = { world, faults: [], destroyed: 0 }
  return failure
}

it.each<[string, readonly Fault[]]>([
  ['whose answer was lost', ['create lost', 'destroy fails']],
  ['that failed later and could not be taken back', ['destroy fails']],
])('S03 a login %s is ended as soon as the store answers', async (_, faults) => {
  const failure = failing()
  const { sessions, announced } = failure.world
  const session = await sessions.open()
  session.set('a', 1)
  await session.commit()
  failure.faults = faults
  await expect(session.login('ada')).rejects.toThrow(StoreUnavailableError)
  await vi.advanceTimersByTimeAsync(3 * SECOND)
  expect(await sessions.of('ada').list()).toHaveLength(1)
  failure.faults = []
  // The next try is due four seconds after the second one.
  await vi.advanceTimersByTimeAsync(4 * SECOND)
  expect(await sessions.of('ada').list()).toEqual([])
  await session.login('ada')
  await vi.advanceTimersByTimeAsync(10 * MINUTE)
  expect((await sessions.of('ada').list()).map(({ id }) => id)).toEqual([session.id])
  expect(announced('error')).toEqual([])
})

it('is tried with growing pauses for five minutes, and told of once when that was in vain', async () => {
  const failure = failing()
  const { sessions, announced } = failure.world
  failure.faults = ['create lost', 'destroy fails']
  await expect((await sessions.open()).login('ada')).rejects.toMatchObject({ indeterminate: true })
  await vi.advanceTimersByTimeAsync(60 * MINUTE)
  expect(failure.destroyed).toBe(8)
  const error = expect.any(StoreUnavailableError) as unknown
  expect(announced('error')).toEqual([{ operation: 'login', error }])
})

it('of a login that was not carried out nothing is told: it is looked for all the same', async () => {
  const failure = failing()
  const { sessions, announced } = failure.world
  failure.faults = ['create not carried out']
  await expect((await sessions.open()).login('ada')).rejects.toMatchObject({ indeterminate: true })
  await vi.advanceTimersByTimeAsync(60 * MINUTE)
  expect(failure.destroyed).toBe(8)
  expect(announced('error')).toEqual([])
})

it('closed sessions try no more', async () => {
  const failure = failing()
  const { sessions, announced } = failure.world
  failure.faults = ['create lost', 'destroy fails']
  const session = await sessions.open()
  await session.login('ada').catch(() => undefined)
  await vi.advanceTimersByTimeAsync(SECOND)
  await sessions.close()
  await vi.advanceTimersByTimeAsync(60 * MINUTE)
  expect(failure.destroyed).toBe(1)
  expect(announced('error')).toEqual([])
})
