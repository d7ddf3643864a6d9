import { afterEach, describe, expect, it } from 'vitest'
import type { DerivedSessions } from '../../src/core/derived-sessions.ts'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import type { SessionState } from '../../src/core/session-state.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { manualClock } from '../../src/testing/index.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function setUp() {
  const clock = manualClock()
  const engine = memoryEngine({ clock })
  closing.push(() => engine.close())
  const node = () =>
    createSessions({ engine, clock, secrets: ['a secret of 32 bytes or more here'] })
  return { clock, engine, node, one: node().derived('test'), two: node().derived('test') }
}

async function store(state: SessionState, values: Record<string, unknown>): Promise<void> {
  for (const [name, value] of Object.entries(values)) state.attributes.set(name, value)
  await state.commit()
}

async function stored(derived: DerivedSessions, secret: string): Promise<object | undefined> {
  const state = await derived.find(secret, true)
  return state && Object.fromEntries(state.live?.attributes() ?? [])
}

describe('sessions under another system’s secrets', () => {
  it('are found by the secret on every node, and by no other', async () => {
    const { node, one, two } = setUp()
    await store(one.begin('secret'), { n: 1 })
    expect(one.atHand('secret')?.attributes.view('n')).toBe(1)
    expect(await stored(two, 'secret')).toEqual({ n: 1 })
    expect(two.atHand('another')).toBeUndefined()
    expect(await two.find('another')).toBeUndefined()
    expect(await stored(node().derived('another system'), 'secret')).toBeUndefined()
    expect(two.idOf('secret')).toBe(one.atHand('secret')?.live?.token.id)
  })

  it('that two begin at once become one', async () => {
    const { one, two } = setUp()
    const [mine, theirs] = [one.begin('secret'), two.begin('secret')]
    await Promise.all([store(mine, { a: 1 }), store(theirs, { b: 2 })])
    expect(await stored(one, 'secret')).toEqual({ a: 1, b: 2 })
  })

  it('where that fails first, the next attempt comes to the same one', async () => {
    const { engine, one, two } = setUp()
    const [mine, theirs] = [one.begin('secret'), two.begin('secret')]
    await store(mine, { a: 1 })
    const { load, commit } = { load: engine.load.bind(engine), commit: engine.commit.bind(engine) }
    const away = () => Promise.reject(new StoreUnavailableError('away', false))
    engine.load = away
    await expect(store(theirs, { b: 2 })).rejects.toThrow('away')
    Object.assign(engine, { load, commit: away })
    await expect(theirs.commit()).rejects.toThrow('away')
    engine.commit = commit
    await theirs.commit()
    expect(await stored(one, 'secret')).toEqual({ a: 1, b: 2 })
    expect(engine.stats().records).toBe(1)
  })

  it('once ended stay ended: none begins there for five minutes', async () => {
    const { clock, engine, one, two } = setUp()
    const begun = two.begin('secret')
    await store(one.begin('secret'), { n: 1 })
    await one.end('secret')
    await store(begun, { n: 2 })
    expect(await stored(one, 'secret')).toBeUndefined()
    clock.advance(5 * 60_000)
    await store(two.begin('secret'), { n: 3 })
    expect(await stored(one, 'secret')).toEqual({ n: 3 })
    expect(engine.stats().records).toBe(1)
  })

  it('that never were leave nothing when they are ended', async () => {
    const { engine, one } = setUp()
    await one.end('secret')
    expect(engine.stats().records).toBe(0)
  })
})

describe('a replacement', () => {
  it('leaves nothing that another has stored meanwhile, neither beside it nor in its place', async () => {
    const { one, two } = setUp()
    await store(one.begin('secret'), { a: 1, b: 1 })
    const state = (await two.find('secret')) as SessionState
    state.replace(new Map([['b', 2]]))
    await store((await one.find('secret')) as SessionState, { a: 3, b: 3, c: 3 })
    await state.commit()
    expect(await stored(one, 'secret')).toEqual({ b: 2 })
  })

  it('is of the next commit alone', async () => {
    const { one, two } = setUp()
    await store(one.begin('secret'), { a: 1 })
    const state = (await two.find('secret')) as SessionState
    state.replace(new Map([['b', 2]]))
    await state.commit()
    await store((await one.find('secret')) as SessionState, { c: 3 })
    await store(state, { d: 4 })
    expect(await stored(one, 'secret')).toEqual({ b: 2, c: 3, d: 4 })
  })

  it('finds its place where a session has come about meanwhile', async () => {
    const { one, two } = setUp()
    const state = two.begin('secret')
    state.replace(new Map([['b', 2]]))
    await store(one.begin('secret'), { a: 1 })
    await state.commit()
    expect(await stored(one, 'secret')).toEqual({ b: 2 })
  })
})
