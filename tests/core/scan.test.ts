import { afterEach, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import type { ScannedRecord } from '../../src/core/engine-abilities.ts'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import type { ScannedSession } from '../../src/core/scan.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { type MemoryEngine, memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { manualClock } from '../../src/testing/index.ts'

const SECRET = 'a secret for tests, of 32 bytes or more'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function setUp(wrap: (engine: MemoryEngine) => Engine = (engine) => engine, options = {}) {
  const clock = manualClock()
  const engine = wrap(memoryEngine({ clock }))
  closing.push(() => engine.close())
  return {
    clock,
    engine,
    sessions: createSessions({ engine, clock, secrets: [SECRET], ...options }),
  }
}

async function all(sessions: Sessions): Promise<ScannedSession[]> {
  const found: ScannedSession[] = []
  for await (const page of sessions.scan()) found.push(...page)
  return found
}

async function store(sessions: Sessions, n: number, principal?: string): Promise<string> {
  const session = await sessions.open()
  if (principal !== undefined) await session.login(principal)
  session.set('n', n)
  await session.commit()
  return session.id ?? ''
}

describe('sessions.scan', () => {
  it('gives every session, opened, with its end and whose it is', async () => {
    const { sessions, clock } = setUp(undefined, { idleTimeout: '30m' })
    const [nobodys, adas] = [await store(sessions, 1), await store(sessions, 2, 'ada')]
    const found = (await all(sessions)).map(({ attributes, ...rest }) => {
      return { ...rest, n: attributes.get('n') }
    })
    const idleTimeout = 30 * 60_000
    const lasts = { idleTimeout, expiresAt: clock.now() + idleTimeout, note: undefined }
    expect(found.toSorted((a, b) => Number(a.n) - Number(b.n))).toEqual([
      { id: nobodys, principal: undefined, ...lasts, n: 1 },
      { id: adas, principal: 'ada', ...lasts, n: 2 },
    ])
  })

  it('gives each once, also where the engine comes to it again', async () => {
    const { sessions } = setUp((engine) => ({
      ...engine,
      async *scan() {
        const pages: (readonly ScannedRecord[])[] = []
        for await (const page of engine.scan()) pages.push(page)
        yield* [...pages, ...pages]
      },
    }))
    for (let n = 0; n < 3; n++) await store(sessions, n)
    expect(await all(sessions)).toHaveLength(3)
  })

  it('leaves out what does not open: of other secrets, and of a schema that nothing leads from', async () => {
    const { sessions, engine, clock } = setUp()
    const others = createSessions({ engine, clock, secrets: [SECRET.replace('a', 'another')] })
    await store(others, 1)
    const id = await store(sessions, 2)
    expect((await all(sessions)).map((each) => each.id)).toEqual([id])
    const later = createSessions({ engine, clock, secrets: [SECRET], version: 2, migrate: {} })
    expect(await all(later)).toEqual([])
    const migrate = { 1: (data: Record<string, unknown>) => ({ m: data['n'] }) }
    const moved = createSessions({ engine, clock, secrets: [SECRET], version: 2, migrate })
    expect((await all(moved)).map(({ attributes }) => [...attributes])).toEqual([[['m', 2]]])
  })

  it('leaves out what this process has been told to end, though the store could not be', async () => {
    const { sessions, engine } = setUp()
    const [ended, stays] = [await store(sessions, 1), await store(sessions, 2)]
    const load = engine.load.bind(engine)
    engine.load = () => Promise.reject(new StoreUnavailableError('away', false))
    await expect(sessions.revoke(ended)).rejects.toThrow('away')
    engine.load = load
    expect((await all(sessions)).map(({ id }) => id)).toEqual([stays])
    closing.push(() => sessions.close())
  })

  it('is refused where the engine cannot, and where only tokens open the sessions', async () => {
    const { sessions } = setUp((engine) => {
      const rest = { ...engine }
      Reflect.deleteProperty(rest, 'scan')
      return rest
    })
    await expect(all(sessions)).rejects.toMatchObject({ option: 'engine' })
    const sealed = setUp(undefined, { seal: 'token' })
    await expect(all(sealed.sessions)).rejects.toMatchObject({ option: 'seal' })
  })
})
