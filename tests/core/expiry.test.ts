import { afterEach, describe, expect, it, vi } from 'vitest'
import type { SessionEvents } from '../../src/core/events.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { type CreateSessionsOptions, createSessions } from '../../src/create-sessions.ts'
import { type MemoryEngine, memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { type ManualClock, manualClock } from '../../src/testing/index.ts'

const MINUTE = 60_000
const open: Sessions[] = []

afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await Promise.all(open.splice(0).map((sessions) => sessions.close()))
})

interface World {
  readonly sessions: Sessions
  readonly engine: MemoryEngine
  readonly clock: ManualClock
}

function setUp(options: CreateSessionsOptions<Record<string, unknown>> = {}): World {
  const clock = manualClock()
  const engine = memoryEngine({ clock })
  const secrets = ['a secret for tests, of 32 bytes or more']
  const sessions = createSessions({ engine, secrets, clock, ...options })
  open.push(sessions)
  return { sessions, engine, clock }
}

async function expire({ engine, clock }: World): Promise<void> {
  clock.advance(31 * MINUTE)
  await engine.ready()
  await new Promise((resolve) => setImmediate(resolve))
}

/** Calls the engine has for who wants to hear. */
function subscriptions(engine: MemoryEngine): { readonly now: number } {
  const onExpired = engine.onExpired.bind(engine)
  let now = 0
  engine.onExpired = (...listener) => {
    const stop = onExpired(...listener)
    now++
    return () => {
      now--
      stop()
    }
  }
  return {
    get now() {
      return now
    },
  }
}

describe('expired', () => {
  it('says whose session it was, as far as that is known', async () => {
    const world = setUp()
    const heard: SessionEvents['expired'][] = []
    world.sessions.on('expired', (event) => heard.push(event))
    const [nobodys, plain, detailed] = [
      await world.sessions.open(),
      await world.sessions.open(),
      await world.sessions.open(),
    ]
    nobodys.set('n', 1)
    await nobodys.commit()
    await plain.login('ada')
    const details = { kind: 'mobile', device: 'Firefox', address: '192.0.2.7' }
    await detailed.login('eve', details)
    await expire(world)
    expect(heard).toHaveLength(3)
    expect(heard).toContainEqual({ id: nobodys.id })
    expect(heard).toContainEqual({ id: plain.id, principal: 'ada' })
    expect(heard).toContainEqual({ id: detailed.id, principal: 'eve', ...details })
  })

  it('says only the id where the entry was sealed with a secret that is gone', async () => {
    const world = setUp()
    const { engine, clock } = world
    const session = await world.sessions.open()
    await session.login('ada')
    const secrets = ['another secret, of 32 bytes or even more']
    const sessions = createSessions({ engine, clock, secrets })
    open.push(sessions)
    const heard: SessionEvents['expired'][] = []
    sessions.on('expired', (event) => heard.push(event))
    await expire(world)
    expect(heard).toEqual([{ id: session.id }])
  })

  it('is asked for only while somebody listens or keeps it: others would be told instead', async () => {
    const engine = memoryEngine()
    const asked = subscriptions(engine)
    const secrets = ['a secret for tests, of 32 bytes or more']
    const sessions = createSessions({ engine, secrets })
    open.push(sessions)
    const off = sessions.on('created', () => undefined)
    expect(asked.now).toBe(0)
    const [one, two] = [
      sessions.on('expired', () => undefined),
      sessions.on('expired', () => undefined),
    ]
    expect(asked.now).toBe(1)
    one()
    one()
    off()
    expect(asked.now).toBe(1)
    two()
    expect(asked.now).toBe(0)
    sessions.on('expired', () => undefined)
    expect(asked.now).toBe(1)
    const audited = createSessions({ engine, secrets, audit: true })
    open.push(audited)
    expect(asked.now).toBe(2)
    await audited.close()
    await sessions.close()
    sessions.on('expired', () => undefined)
    expect(asked.now).toBe(0)
  })

  it('of an engine that several share is in their audit once', async () => {
    const clock = manualClock()
    const engine = memoryEngine({ clock })
    const secrets = ['a secret for tests, of 32 bytes or more']
    const make = () => {
      const sessions = createSessions({ engine, clock, secrets, audit: { events: ['expired'] } })
      open.push(sessions)
      return sessions
    }
    const [one, two] = [make(), make()]
    const sign = async (): Promise<string | undefined> => {
      const session = await one.open()
      await session.login('ada')
      return session.id
    }
    const ids = [await sign()]
    await expire({ sessions: one, engine, clock })
    // Where one listens it is that one's audit.
    const heard: string[] = []
    two.on('expired', ({ id }) => heard.push(id))
    ids.push(await sign())
    await expire({ sessions: one, engine, clock })
    expect(heard).toEqual([ids[1]])
    const entries = await one.audit.list()
    expect(entries.map((entry) => entry.unreadable || entry.details.id)).toEqual(ids)
  })

  it('is told again to a listener that has failed, at once or later, and a warning says so', async () => {
    const world = setUp()
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let calls = 0
    world.sessions.on('expired', () => {
      calls++
      if (calls === 1) throw new Error('not today')
      return calls === 2 ? Promise.reject(new Error('nor later')) : undefined
    })
    const session = await world.sessions.open()
    await session.login('ada')
    await expire(world)
    for (const [pause, count] of [
      [2_000, 2],
      [3_999, 2],
      [1, 3],
      [3_600_000, 3],
    ] as const) {
      await vi.advanceTimersByTimeAsync(pause)
      expect(calls).toBe(count)
    }
    expect(warn).toHaveBeenCalledTimes(2)
  })

  it('is not done with before it is in the audit', async () => {
    const world = setUp({ audit: { events: ['expired'] } })
    const { engine, sessions } = world
    const problems: unknown[] = []
    sessions.on('error', ({ operation }) => problems.push(operation))
    const heard: string[] = []
    sessions.on('expired', ({ id }) => heard.push(id))
    const append = vi.spyOn(engine.audit, 'append')
    append.mockRejectedValue(new Error('it is down'))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const ids: (string | undefined)[] = []
    for (let i = 0; i < 2; i++) {
      const session = await sessions.open()
      await session.login('ada')
      ids.push(session.id)
      // The second when entries are known not to be written: nobody keeps it but the engine.
      await expire(world)
    }
    expect(problems).toEqual(['audit'])
    expect(heard).toEqual(ids)
    append.mockRestore()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(heard.filter((id) => id === ids[1])).toHaveLength(2)
    const entries = await sessions.audit.list()
    const kept = entries.map((entry) => (entry.unreadable ? '' : entry.details.id))
    expect(new Set(kept)).toEqual(new Set(ids))
  })
})

it('expiry takes three words', () => {
  for (const expiry of ['always', true, null]) {
    const options = { expiry } as unknown as CreateSessionsOptions<object>
    expect(() => createSessions(options)).toThrow(/`expiry`: takes 'off', 'notify' or 'reliable'/)
  }
})
