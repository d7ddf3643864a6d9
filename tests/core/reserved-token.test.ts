import { afterEach, describe, expect, it } from 'vitest'
import { EventHub, type SessionEvents } from '../../src/core/events.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import { counter } from '../../src/core/merge.ts'
import { checkOptions } from '../../src/core/options.ts'
import { Repository } from '../../src/core/repository.ts'
import { SessionState } from '../../src/core/session-state.ts'
import { deriveToken, parseToken, type Token } from '../../src/core/token.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Bench {
  readonly repository: Repository
  readonly dropped: SessionEvents['dropped'][]
  readonly created: SessionEvents['created'][]
  readonly open: () => SessionState
  readonly load: (token: Token) => Promise<Record<string, unknown> | undefined>
}

function setUp(): Bench {
  const engine = memoryEngine()
  const events = new EventHub()
  const options = { secrets: ['k'.repeat(32)], merge: { hits: counter } }
  const repository = new Repository({ ...checkOptions(options, false), engine }, events)
  const dropped: SessionEvents['dropped'][] = []
  const created: SessionEvents['created'][] = []
  events.on('dropped', (event) => dropped.push(event))
  events.on('created', (event) => created.push(event))
  closing.push(() => engine.close())
  return {
    ...{ repository, dropped, created },
    open: () => new SessionState(repository, events, undefined),
    load: async (token) => {
      const loaded = await repository.reader.load(token, true)
      return loaded.status === 'live' ? Object.fromEntries(loaded.live.attributes()) : undefined
    },
  }
}

describe('deriveToken', () => {
  it('is the same under every key, and opens under each', () => {
    const [a, b] = [createKeyring(['a'.repeat(32)]), createKeyring(['b'.repeat(32)])]
    const [one, other] = [deriveToken(a, 'old', 'sid'), deriveToken(b, 'old', 'sid')]
    expect(other.id).toBe(one.id)
    expect(other.secret).toEqual(one.secret)
    expect(parseToken(a, one.text)?.id).toBe(one.id)
    expect(parseToken(a, other.text)).toBeUndefined()
  })

  it('tells secrets and origins apart, also where one is the start of the other', () => {
    const { keyring } = setUp().repository.settings
    const ids = [
      ['old', 'sid'],
      ['old', 'sid2'],
      ['older', 'sid'],
      ['ol', 'dsid'],
    ].map(([origin = '', secret = '']) => deriveToken(keyring, origin, secret).id)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('a reserved token', () => {
  it('is the one that the session then has', async () => {
    const { open, load } = setUp()
    const state = open()
    const token = state.reserve()
    expect(state.reserve()).toBe(token)
    state.attributes.set('a', 1)
    await state.commit()
    expect(state.live?.token.id).toBe(token.id)
    expect(state.reserve().id).toBe(token.id)
    expect(await load(token)).toEqual({ a: 1 })
  })

  it('of one request is not that of the session after the next logout', async () => {
    const state = setUp().open()
    const { id } = state.reserve()
    state.attributes.set('a', 1)
    await state.commit()
    await state.logout()
    expect(state.reserve().id).not.toBe(id)
  })

  it('stores an empty session where that is wanted, once', async () => {
    const { open, load, created } = setUp()
    const state = open()
    expect(state.dirty).toBe(false)
    state.want()
    expect(state.dirty).toBe(true)
    const token = state.reserve()
    await state.commit()
    expect(state.dirty).toBe(false)
    expect(await load(token)).toEqual({})
    expect(created).toHaveLength(1)
  })

  it('made by two at once is one session that has what both have set', async () => {
    const { repository, open, load, created } = setUp()
    const make = (): Token => deriveToken(repository.settings.keyring, 'old', 'sid')
    const states = [open(), open(), open()]
    states.forEach((state, number) => {
      state.reserve(make)
      state.attributes.set(`of-${number}`, number)
      state.attributes.set('hits', 1)
    })
    await Promise.all(states.map((state) => state.commit()))
    expect(await load(make())).toEqual({ 'of-0': 0, 'of-1': 1, 'of-2': 2, hits: 3 })
    expect(created).toHaveLength(1)
    const hits = states.map((state) => Number(state.attributes.view('hits')))
    expect(hits.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    expect(states.some((state) => state.dirty)).toBe(false)
  })

  it('with nothing to set finds the session of the other', async () => {
    const { repository, open } = setUp()
    const make = (): Token => deriveToken(repository.settings.keyring, 'old', 'sid')
    const [first, second] = [open(), open()]
    first.reserve(make)
    first.attributes.set('a', 1)
    await first.commit()
    second.reserve(make)
    second.want()
    await second.commit()
    expect(second.attributes.view('a')).toBe(1)
    expect(second.live?.token.id).toBe(make().id)
  })

  it('whose session a login has replaced makes none: what was set is dropped, and told', async () => {
    const { repository, open, dropped, load } = setUp()
    const make = (): Token => deriveToken(repository.settings.keyring, 'old', 'sid')
    const record = Uint8Array.of(1, 0x81)
    const first = open()
    first.reserve(make)
    first.attributes.set('a', 1)
    await first.commit()
    const { engine } = repository.settings
    await engine.destroy(make().id, { trail: { record, ttl: 60_000 } })
    const late = open()
    late.reserve(make)
    late.attributes.set('b', 2)
    await late.commit()
    expect(dropped).toMatchObject([{ reason: 'ended', attributes: ['b'] }])
    expect(late.live).toBeUndefined()
    expect(await load(make())).toBeUndefined()
  })
})
