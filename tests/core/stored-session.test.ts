import { afterEach, describe, expect, it } from 'vitest'
import { OptionError, StoreUnavailableError } from '../../src/core/errors.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import type { CreateSessionsOptions } from '../../src/create-sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

function make(options: CreateSessionsOptions<Record<string, unknown>> = {}): Sessions {
  const sessions = createSessions({ secrets: ['s'.repeat(32)], ...options })
  closing.push(() => sessions.close())
  return sessions
}

/** What is stored under a public id, read by these sessions. */
async function read(sessions: Sessions, id: string): Promise<Record<string, unknown> | undefined> {
  const stored = await sessions.stored.read(id)
  return stored && Object.fromEntries(stored.attributes)
}

async function begin(sessions: Sessions): Promise<{ id: string; token: string }> {
  const session = await sessions.open()
  session.set('n', 1)
  await session.commit()
  return { id: session.id ?? '', token: session.token ?? '' }
}

describe('a stored session', () => {
  it('gives what a session holds, by its public id', async () => {
    const sessions = make()
    expect(await read(sessions, (await begin(sessions)).id)).toEqual({ n: 1 })
  })

  it('gives nothing for what is no id, or nobody’s', async () => {
    const sessions = make()
    const { id, token } = await begin(sessions)
    for (const other of ['', 'x', token, `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`]) {
      expect(await read(sessions, other)).toBeUndefined()
    }
  })

  it('follows a rotation, and ends with the session', async () => {
    const sessions = make()
    const { id, token } = await begin(sessions)
    const session = await sessions.open(token)
    session.set('n', 2)
    await session.rotate()
    expect(session.id).not.toBe(id)
    expect(await read(sessions, id)).toEqual({ n: 2 })
    await session.logout()
    expect(await read(sessions, id)).toBeUndefined()
  })

  it('renews nothing', async () => {
    const clock = manualClock()
    const sessions = make({ clock, engine: memoryEngine({ clock }), idleTimeout: '10m' })
    const { id } = await begin(sessions)
    clock.advance(9 * 60_000)
    expect(await read(sessions, id)).toEqual({ n: 1 })
    clock.advance(2 * 60_000)
    expect(await read(sessions, id)).toBeUndefined()
  })

  it('cannot open what only its token opens', async () => {
    const sessions = make({ seal: 'token' })
    const { id } = await begin(sessions)
    await expect(read(sessions, id)).rejects.toThrow(OptionError)
  })

  it('migrates data of an older version', async () => {
    const engine = memoryEngine()
    const { id } = await begin(make({ engine }))
    const newer = make({ engine, version: 2, migrate: { 1: ({ n }) => ({ m: n }) } })
    expect(await read(newer, id)).toEqual({ m: 1 })
  })

  it('gives nothing of a session whose end could not be written down', async () => {
    const engine = memoryEngine()
    const sessions = make({ engine })
    const { id, token } = await begin(sessions)
    const session = await sessions.open(token)
    engine.destroy = () => Promise.reject(new StoreUnavailableError('away', true))
    await expect(session.logout()).rejects.toThrow(StoreUnavailableError)
    expect(await read(sessions, id)).toBeUndefined()
  })
})
