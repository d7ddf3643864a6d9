import { describe, expect, it, vi } from 'vitest'
import { SessionEndedError } from '../../src/core/errors.ts'
import { manyWatched, mostWithin } from './watch-crowd.ts'
import { hourLong, type Sessions } from './watch-set-up.ts'

/** Everything that is under way has come to its end. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

const ways: Record<string, (other: Sessions, token: string, id: string) => Promise<unknown>> = {
  logout: async (other, token) => (await other.open(token)).logout(),
  'revoke by id': (other, _, id) => other.revoke(id),
  'revoke all of the principal': (other) => other.of('ada').revokeAll(),
  'a login': async (other, token) => (await other.open(token)).login('grace'),
}

describe('sessions.watch', () => {
  it.each(Object.keys(ways))('its signal fires on another node after %s', async (way) => {
    const { sessions, other, session } = await hourLong()
    const watch = sessions.watch(session)
    await settled()
    expect(watch.signal.aborted).toBe(false)
    await ways[way]?.(other, session.token ?? '', session.id ?? '')
    await settled()
    expect(watch.signal.aborted).toBe(true)
    expect(watch.signal.reason).toBeInstanceOf(SessionEndedError)
  })

  it('fires when the idle timeout has passed', async () => {
    const { sessions, session, clock, sweep } = await hourLong()
    const watch = sessions.watch(session)
    await settled()
    clock.advance(31 * 60_000)
    await sweep()
    await settled()
    expect(watch.signal.aborted).toBe(true)
  })

  it('fires for an id that has ended already', async () => {
    const { sessions, session } = await hourLong()
    const { id = '' } = session
    await session.logout()
    const watch = sessions.watch(id)
    await settled()
    expect(watch.signal.aborted).toBe(true)
  })

  it('follows rotations, and says so', async () => {
    const { sessions, other, session } = await hourLong()
    const onChange = vi.fn<() => void>()
    const watch = sessions.watch(session.id ?? '', { onChange })
    await settled()
    const far = await other.open(session.token)
    await far.rotate()
    await settled()
    expect(watch.id).toBe(far.id)
    expect(watch.signal.aborted).toBe(false)
    expect(onChange).toHaveBeenCalled()
    await far.logout()
    await settled()
    expect(watch.signal.aborted).toBe(true)
  })

  it('tells of changes since the session was read, and not of a touch', async () => {
    const { sessions, other, session } = await hourLong()
    const far = await other.open(session.token)
    far.set('n', 2)
    await far.commit()
    const onChange = vi.fn<() => void>()
    sessions.watch(session, { onChange })
    await settled()
    expect(onChange).toHaveBeenCalledTimes(1)
    await far.touch()
    await settled()
    expect(onChange).toHaveBeenCalledTimes(1)
    far.set('n', 3)
    await far.commit()
    await settled()
    expect(onChange).toHaveBeenCalledTimes(2)
  })

  it('a listener that throws is an error event, and harms nobody', async () => {
    const { sessions, other, session } = await hourLong()
    const errors: unknown[] = []
    sessions.on('error', ({ operation }) => errors.push(operation))
    const watch = sessions.watch(session, {
      onChange: () => {
        throw new Error('mine')
      },
    })
    const far = await other.open(session.token)
    far.set('n', 2)
    await far.commit()
    await settled()
    expect(errors).toEqual(['watch'])
    await far.logout()
    await settled()
    expect(watch.signal.aborted).toBe(true)
  })

  it('is asked for once, however many watch', async () => {
    const { sessions, other, session, loads } = await hourLong()
    const watches = Array.from({ length: 50 }, () => sessions.watch(session))
    await settled()
    expect(loads()).toBe(1)
    await other.revoke(session.id ?? '')
    await settled()
    expect(watches.every(({ signal }) => signal.aborted)).toBe(true)
    expect(loads()).toBe(2)
  })

  it('after close it asks nothing and does not fire', async () => {
    const { sessions, other, session, loads } = await hourLong()
    const watch = sessions.watch(session)
    await settled()
    watch.close()
    watch.close()
    await other.revoke(session.id ?? '')
    await settled()
    expect(watch.signal.aborted).toBe(false)
    expect(loads()).toBe(1)
  })

  it('one that is closed by another that is told just now is not told', async () => {
    const { sessions, other, session } = await hourLong()
    const first = sessions.watch(session)
    const second = sessions.watch(session)
    first.signal.addEventListener('abort', () => second.close())
    await settled()
    await other.revoke(session.id ?? '')
    await settled()
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false])
  })

  it('one that is closed by another that is told of a rotation just now is not told', async () => {
    const { sessions, other, session } = await hourLong()
    const second = vi.fn<() => void>()
    const first = sessions.watch(session, { onChange: () => closed.close() })
    const closed = sessions.watch(session, { onChange: second })
    await settled()
    const far = await other.open(session.token)
    await far.rotate()
    await settled()
    expect([first.id, closed.id]).toEqual([far.id, session.id])
    await far.logout()
    await settled()
    expect([first.signal.aborted, closed.signal.aborted]).toEqual([true, false])
    expect(second).not.toHaveBeenCalled()
  })

  it('an unreachable store is no sign-out', async () => {
    const { sessions, other, session, breakStore } = await hourLong()
    const watch = sessions.watch(session)
    await settled()
    breakStore(true)
    await other.revoke(session.id ?? '')
    await settled()
    expect(watch.signal.aborted).toBe(false)
    breakStore(false)
    await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), 3_000)
  })

  it('refuses what is no session', async () => {
    const { sessions } = await hourLong()
    expect(() => sessions.watch('not an id')).toThrow(/target/)
    const nobody = await sessions.open()
    expect(() => sessions.watch(nobody)).toThrow(/target/)
    expect(() => sessions.watch(undefined as never)).toThrow(/target/)
    expect(() => sessions.watch('x', { onchange: () => undefined } as object)).toThrow(/onchange/)
  })
})

describe('1,000 watches', () => {
  it.each([
    ['it is told of its return', true, 100],
    ['nobody tells of its return', false, 2_100],
  ])('ask the store in bursts after an outage, when %s', async (_, isTold, within) => {
    const { loads, holdOff, failAll, heal, tell } = await manyWatched(1_000)
    // All fail in the same moment, as those do that have waited for a connection.
    holdOff()
    tell()
    await vi.advanceTimersByTimeAsync(500)
    failAll()
    await vi.advanceTimersByTimeAsync(500)
    heal()
    loads.length = 0
    if (isTold) tell()
    await vi.advanceTimersByTimeAsync(within)
    expect(new Set(loads.map(({ id }) => id)).size).toBe(1_000)
    expect(mostWithin(10, loads)).toBeLessThanOrEqual(100)
    expect(loads).toHaveLength(1_000)
  })

  it('are asked for once more by turns, when all are told of while they are asked for', async () => {
    const { loads, holdOff, heal, tell } = await manyWatched(1_000)
    holdOff()
    tell()
    await vi.advanceTimersByTimeAsync(500)
    tell()
    loads.length = 0
    heal()
    await vi.advanceTimersByTimeAsync(100)
    expect(loads).toHaveLength(1_000)
    expect(mostWithin(10, loads)).toBeLessThanOrEqual(100)
  })
})

describe('session.signal', () => {
  it('fires when the session ends elsewhere, and at once when it has ended', async () => {
    const { other, session } = await hourLong()
    const { signal } = session
    expect(session.signal).toBe(signal)
    await other.revoke(session.id ?? '')
    await settled()
    expect(signal.aborted).toBe(true)
    session.set('n', 9)
    await session.commit()
    expect(session.signal.aborted).toBe(true)
  })

  it("fires at the request's own logout, not at its rotation or login", async () => {
    const { other, session } = await hourLong()
    const { signal } = session
    await session.rotate()
    await session.login('grace')
    await settled()
    expect(signal.aborted).toBe(false)
    const far = await other.open(session.token)
    await far.rotate()
    await settled()
    expect(signal.aborted).toBe(false)
    await session.logout()
    await settled()
    expect(signal.aborted).toBe(true)
  })

  it("of nobody's session it waits for one", async () => {
    const { sessions, other } = await hourLong()
    const session = await sessions.open()
    const { signal } = session
    session.set('n', 1)
    await session.commit()
    await settled()
    expect(signal.aborted).toBe(false)
    await other.revoke(session.id ?? '')
    await settled()
    expect(signal.aborted).toBe(true)
  })

  it('a login that fails leaves it where it was', async () => {
    const { other, session, breakStore } = await hourLong()
    const { signal } = session
    await settled()
    breakStore(true)
    await expect(session.login('grace')).rejects.toThrow(/broken/)
    breakStore(false)
    await other.revoke(session.id ?? '')
    await vi.waitFor(() => expect(signal.aborted).toBe(true), 3_000)
  })

  it('stops with the response', async () => {
    const { sessions, other, session, request } = await hourLong()
    const exchange = await sessions.exchange({}, request)
    const { signal } = exchange.session
    exchange.release()
    await other.revoke(session.id ?? '')
    await settled()
    expect(signal.aborted).toBe(false)
  })

  it('asked for after the response it watches nothing', async () => {
    const { sessions, request, loads } = await hourLong()
    const exchange = await sessions.exchange({}, request)
    exchange.release()
    expect(exchange.session.signal.aborted).toBe(false)
    await settled()
    expect(loads()).toBe(0)
  })
})

describe('session.refresh', () => {
  it('sees what was revoked or changed elsewhere, whatever is at hand', async () => {
    const { other, session } = await hourLong()
    const far = await other.open(session.token)
    far.set('n', 2)
    await far.commit()
    await session.refresh()
    expect(session.get('n')).toBe(2)
    await far.logout()
    await session.refresh()
    expect(session.isNew).toBe(true)
    expect(session.get('n')).toBeUndefined()
  })

  it('stores what has been changed here', async () => {
    const { other, session } = await hourLong()
    const far = await other.open(session.token)
    far.set('n', 2)
    await far.commit()
    session.set('m', 3)
    await session.refresh()
    expect(session.toJSON()).toEqual({ n: 2, m: 3 })
    expect((await other.open(session.token, { fresh: true })).toJSON()).toEqual({ n: 2, m: 3 })
  })
})
