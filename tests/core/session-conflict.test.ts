import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import {
  AttributeError,
  isSojournError,
  SessionConflictError,
  StoreUnavailableError,
} from '../../src/core/errors.ts'
import { counter, union } from '../../src/core/merge.ts'
import { type CreateSessionsOptions } from '../../src/create-sessions.ts'
import { type Browser, interleaved, type Slip, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

interface Race {
  world: World<Data>
  user: Browser<Data>
  /** Another request of the same browser comes in, on another node, before the next write. */
  before: (handler: Parameters<Browser<Data>['visit']>[0]) => void
}

async function race(values: Data, options: CreateSessionsOptions<Data> = {}): Promise<Race> {
  let next: (slip: Slip) => void = () => undefined
  const world = setUp<Data>(options, (engine) => {
    const hook = interleaved(engine, 'commit')
    next = hook.next
    return hook.engine
  })
  const other = setUp<Data>(options, undefined, world.clock, world.engine)
  const user = world.browser()
  await user.visit((s) => Object.assign(s.data, values))
  return { world, user, before: (handler) => next(() => other.browser(user.cookie).visit(handler)) }
}

describe('two requests that write at once', () => {
  it('I3 both survive where they change different attributes', async () => {
    const { world, user, before } = await race({ a: 1, b: 1 })
    await user.visit(async (s) => {
      before((other) => other.set('b', 2))
      s.set('a', 2)
      await s.commit()
      expect(s.toJSON()).toEqual({ a: 2, b: 2 })
    })
    expect(await user.sees()).toEqual({ a: 2, b: 2 })
    expect(world.announced('conflict')).toHaveLength(1)
  })

  it('of the same attribute the later commit wins, and a deletion stands', async () => {
    const { user, before } = await race({ a: 1, b: 1 })
    await user.visit((s) => {
      before((other) => Object.assign(other.data, { a: 2, b: 2 }))
      s.set('a', 3)
      s.delete('b')
    })
    expect(await user.sees()).toEqual({ a: 3 })
  })

  it('I5 a named merge decides about attributes that both changed', async () => {
    const merge = { n: counter, cart: union<{ sku: string }>('sku') } as object
    const { user, before } = await race({ n: 1, cart: [{ sku: 'a' }] }, { merge })
    await user.visit((s) => {
      before((other) => Object.assign(other.data, { n: 11, cart: [{ sku: 'a' }, { sku: 'b' }] }))
      s.data['n'] = 2
      ;(s.data['cart'] as object[]).push({ sku: 'c' })
    })
    expect(await user.sees()).toEqual({ n: 12, cart: [{ sku: 'a' }, { sku: 'b' }, { sku: 'c' }] })
  })

  it('I3 a hundred that count at once lose nothing', async () => {
    const { user } = await race({ n: 0 }, { merge: { n: counter } })
    const exchanges = await Promise.all(Array.from({ length: 20 }, () => user.copy().request()))
    await Promise.all(
      exchanges.map(async ({ session }) => {
        for (let i = 0; i < 5; i++) await session.update('n', (n) => Number(n) + 1)
      }),
    )
    expect(await user.sees()).toEqual({ n: 100 })
  })

  it('changes made in place after a conflict are stored too', async () => {
    const { user, before } = await race({ cart: [1] })
    await user.visit(async (s) => {
      const cart = s.data['cart'] as number[]
      cart.push(2)
      before((other) => other.set('b', 1))
      await s.commit()
      cart.push(3)
    })
    expect(await user.sees()).toEqual({ cart: [1, 2, 3], b: 1 })
  })

  it('I1 what is gone stays gone: the changes are dropped, said so, and no cookie is set', async () => {
    const { world, user, before } = await race({ a: 1 })
    let id: string | undefined
    const header = await user.visit((s) => {
      id = s.id
      before((other) => other.logout())
      s.set('a', 2)
      s.set('b', 2)
    })
    expect(header).toBeUndefined()
    expect(world.announced('dropped')).toEqual([{ id, reason: 'ended', attributes: ['a', 'b'] }])
    expect(world.engine.stats().records).toBe(0)
  })
})

describe('update', () => {
  it('I5 runs again on what another writer has stored', async () => {
    const { user, before } = await race({ n: 1 })
    const seen: unknown[] = []
    await user.visit(async (s) => {
      before((other) => other.set('n', 10))
      const stored = await s.update('n', (n) => {
        seen.push(n)
        return Number(n) + 1
      })
      expect(stored).toBe(11)
    })
    expect(seen).toEqual([1, 10])
    expect(await user.sees()).toEqual({ n: 11 })
  })

  it('I3 stores what it makes, also where an older reading has the same', async () => {
    const { world, user } = await race({ n: 0 })
    const early = (await user.request()).session
    const other = setUp<Data>({}, undefined, world.clock, world.engine).browser(user.cookie)
    await other.visit((s) => s.set('n', 60))
    expect(await early.update('n', () => 0)).toBe(0)
    expect(await other.sees()).toEqual({ n: 0 })
  })

  it('makes a session where there is none, and stores what else is pending', async () => {
    const user = setUp<Data>().browser()
    await user.visit(async (s) => {
      s.set('a', 1)
      expect(await s.update('n', (n) => n ?? 'first')).toBe('first')
      expect(s.dirty).toBe(false)
    })
    expect(await user.sees()).toEqual({ a: 1, n: 'first' })
  })

  it('gets a copy that it may change', async () => {
    const { user } = await race({ list: [1] })
    await user.visit(async (s) => {
      const view = s.get('list')
      const stored = await s.update('list', (list) => {
        ;(list as number[]).push(2)
        return list
      })
      expect(view).toEqual([1])
      expect(stored).toEqual([1, 2])
    })
  })

  it.each<[string, () => unknown, string]>([
    ['returns nothing', () => undefined, 'undefined'],
    ['is asynchronous', async () => 1, 'asynchronous'],
    ['is asynchronous and fails', async () => Promise.reject(new Error('late')), 'asynchronous'],
  ])('that %s is refused, and nothing is pending', async (_, make, reason) => {
    const { user } = await race({ n: 1 })
    await user.visit(async (s) => {
      const error: unknown = await s.update('n', make).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(AttributeError)
      expect((error as AttributeError).attribute).toBe('n')
      expect((error as AttributeError).message).toContain(reason)
      expect(s.dirty).toBe(false)
    })
    expect(await user.sees()).toEqual({ n: 1 })
  })
})

describe('a commit that cannot go through', () => {
  /** Somebody else always writes first. */
  const busy = (engine: Engine): Engine => ({
    ...engine,
    commit: async (id, base, record, ttl) => {
      const stored = await engine.load(id)
      // The same bytes but for the random half of the stamp, which only the holder of the key checks.
      if (stored !== undefined && busyNow) return { status: 'conflict', stored }
      return engine.commit(id, base, record, ttl)
    },
  })
  let busyNow = false

  it('gives up after 32 conflicts, with everything still pending', async () => {
    const world = setUp<Data>({}, busy)
    const user = world.browser()
    await user.visit((s) => s.set('n', 1))
    busyNow = true
    const { session } = await user.request()
    session.set('n', 2)
    const error: unknown = await session.commit().catch((thrown: unknown) => thrown)
    busyNow = false
    expect(error).toBeInstanceOf(SessionConflictError)
    expect(isSojournError(error) && [error.code, error.status]).toEqual([
      'ERR_SOJOURN_CONFLICT',
      503,
    ])
    expect(world.announced('conflict')).toHaveLength(32)
    expect(session.dirty).toBe(true)
    expect(await user.sees()).toEqual({ n: 1 })
    await session.commit()
    expect(await user.sees()).toEqual({ n: 2 })
  })

  it('gives its changes back, merged with later ones, when the store fails', async () => {
    let fails = 0
    const world = setUp<Data>({}, (engine) => ({
      ...engine,
      commit: async (...args) => {
        if (fails-- > 0) throw new StoreUnavailableError('gone for a moment', false)
        return engine.commit(...args)
      },
    }))
    const user = world.browser()
    await user.visit((s) => Object.assign(s.data, { a: 1, list: [1], gone: 1 }))
    await user.visit(async (s) => {
      s.set('a', 2)
      s.delete('gone')
      const list = s.data['list'] as number[]
      list.push(2)
      fails = 1
      const failing = s.commit()
      s.set('b', 3)
      await expect(failing).rejects.toThrow(StoreUnavailableError)
      list.push(3)
      expect(s.dirty).toBe(true)
      expect(s.toJSON()).toEqual({ a: 2, list: [1, 2, 3], b: 3 })
    })
    expect(await user.sees()).toEqual({ a: 2, list: [1, 2, 3], b: 3 })
  })
})
