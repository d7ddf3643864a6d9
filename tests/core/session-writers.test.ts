import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import {
  SessionConflictError,
  SessionEndedError,
  StoreRefusedError,
} from '../../src/core/errors.ts'
import { counter } from '../../src/core/merge.ts'
import type { MemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { interleaved, type Slip, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

/** Somebody who writes to the session before each `destroy`, and never rests. */
function restless(): { world: World<Data>; writer: (write: Slip) => void; writes: () => number } {
  let write: Slip | undefined
  let writes = 0
  const world = setUp<Data>({ merge: { n: counter } }, (engine) => ({
    ...engine,
    destroy: async (...args) => {
      if (write !== undefined) {
        writes++
        await write()
      }
      return engine.destroy(...args)
    },
  }))
  return {
    world,
    writer: (slip) => {
      write = slip
    },
    writes: () => writes,
  }
}

describe('a writer that never rests', () => {
  it('S02 keeps nobody from signing in, and its last change goes along', async () => {
    const { world, writer, writes } = restless()
    const elsewhere = setUp<Data>({ merge: { n: counter } }, undefined, world.clock, world.engine)
    const user = world.browser()
    await user.visit((s) => s.set('n', 0))
    const old = user.copy()
    const other = elsewhere.browser(user.cookie)
    writer(() => other.visit((s) => s.update('n', (n) => Number(n) + 1)))
    await user.visit((s) => s.login('u1', { keep: ['n'] }))
    writer(async () => undefined)
    expect(writes()).toBeGreaterThan(2)
    expect(await user.sees()).toEqual({ n: writes() })
    expect((await old.request()).session.isNew).toBe(true)
    expect(await world.sessions.of('u1').list()).toHaveLength(1)
  })

  it('keeps nobody from signing out, nor a session from being revoked', async () => {
    const { world, writer } = restless()
    const elsewhere = setUp<Data>({}, undefined, world.clock, world.engine)
    const user = world.browser()
    await user.visit((s) => s.login('u1'))
    const other = elsewhere.browser(user.cookie)
    writer(() => other.visit((s) => s.set('n', Math.random())))
    expect(await user.visit((s) => s.logout())).toContain('Max-Age=0')
    expect((await other.request()).session.isNew).toBe(true)

    await user.visit((s) => s.login('u1'))
    const third = elsewhere.browser(user.cookie)
    writer(() => third.visit((s) => s.set('n', Math.random())))
    const id = (await world.sessions.of('u1').list())[0]?.id ?? ''
    expect(await world.sessions.revoke(id)).toBe('uncertain')
    expect((await third.request()).session.isNew).toBe(true)
    expect(world.engine.stats().records).toBe(0)
  })
})

describe('a login', () => {
  it('S02 whose new session is revoked under way fails, and ends the one before all the same', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser, sessions, announced } = setUp<Data>({}, (engine) => {
      const hook = interleaved(engine, 'destroy')
      slip = hook.next
      return hook.engine
    })
    const user = browser()
    await user.visit((s) => s.set('cart', [1]))
    const old = user.copy()
    const exchange = await user.request()
    const { signal } = exchange.session
    slip(async () => {
      await old.visit((s) => s.set('cart', [1, 2]))
      await sessions.of('u1').revokeAll()
    })
    await expect(exchange.session.login('u1', { keep: ['cart'] })).rejects.toThrow(
      SessionEndedError,
    )
    expect(exchange.session.principal).toBeUndefined()
    expect(signal.aborted).toBe(true)
    expect(await user.respond(exchange)).toBeUndefined()
    expect((await old.request()).session.isNew).toBe(true)
    expect(await sessions.of('u1').list()).toEqual([])
    expect(announced('login')).toEqual([])
  })

  it('that fails after the new session was stored leaves none behind', async () => {
    const { browser, sessions } = setUp<Data>({}, (engine) => ({
      ...engine,
      destroy: async (id, options) => {
        if (options?.base !== undefined) throw new StoreRefusedError('NOPERM', 'not allowed')
        return engine.destroy(id, options)
      },
    }))
    const user = browser()
    await user.visit((s) => s.set('cart', [1]))
    await user.visit(async (s) => {
      await expect(s.login('u1')).rejects.toThrow(StoreRefusedError)
    })
    expect(await sessions.of('u1').list()).toEqual([])
    expect(await user.sees()).toEqual({ cart: [1] })
  })
})

it('a revocation that is led on for ever says that the session may be alive', async () => {
  const { browser, sessions } = setUp<Data>({}, elusive)
  const user = browser()
  await user.visit((s) => s.login('u1'))
  const id = (await sessions.of('u1').list())[0]?.id ?? ''
  await expect(sessions.revoke(id)).rejects.toThrow(SessionConflictError)
  await expect(sessions.of('u1').revoke(id)).rejects.toThrow(SessionConflictError)
  expect(await sessions.of('u1').list()).toHaveLength(1)
})

/** Each `destroy` finds that somebody was there first. */
function elusive(engine: MemoryEngine): Engine {
  return {
    ...engine,
    destroy: async (id) => {
      const stored = await engine.load(id)
      return stored === undefined ? { status: 'gone' } : { status: 'conflict', stored }
    },
  }
}
