/** Writes that were carried out though their answers never came. */
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import { counter, StoreUnavailableError } from '../../src/index.ts'
import { setUp } from './session-set-up.ts'

/** The engine, whose next answer to `method` is lost after it was carried out. */
function losing(
  engine: Engine,
  method: 'commit' | 'rotate' | 'create',
): { engine: Engine; readonly lose: () => void } {
  let isLost = false
  const wrapped = new Proxy(engine, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (name !== method) return member.bind(target)
      return async (...args: unknown[]) => {
        const answer: unknown = await member.apply(target, args)
        if (!isLost) return answer
        isLost = false
        throw new StoreUnavailableError('no answer', true)
      }
    },
  })
  return { engine: wrapped, lose: () => (isLost = true) }
}

/** A user whose counter stands at 10, and how to lose the next answer to `method`. */
async function counting(method: 'commit' | 'rotate') {
  let lose: () => void = () => undefined
  const world = setUp({ merge: { n: counter } }, (engine) => {
    const hook = losing(engine, method)
    lose = hook.lose
    return hook.engine
  })
  const user = world.browser()
  await user.visit((s) => s.set('n', 10))
  return { user, lose: () => lose() }
}

describe('I3 I5 a commit whose answer was lost', () => {
  it('is not counted twice where it has stored a new session whose token was known before', async () => {
    let lose: () => void = () => undefined
    const { browser, announced } = setUp({ merge: { n: counter } }, (engine) => {
      const hook = losing(engine, 'create')
      lose = hook.lose
      return hook.engine
    })
    const user = browser()
    const exchange = await user.request()
    const { id, session } = exchange
    session.set('n', 1)
    lose()
    await expect(exchange.commit()).rejects.toMatchObject({ indeterminate: true })
    session.set('m', 2)
    await exchange.commit()
    await user.respond(exchange)
    expect(session.id).toBe(id)
    expect(await user.sees()).toEqual({ n: 1, m: 2 })
    expect(announced('conflict')).toEqual([])
  })

  it.each(['commit', 'rotate'] as const)(
    'is not counted twice when it is tried again: %s',
    async (method) => {
      const { user, lose } = await counting(method)
      await user.visit(async (s) => {
        s.set('n', 11)
        lose()
        const write = (): Promise<void> => (method === 'commit' ? s.commit() : s.rotate())
        await expect(write()).rejects.toMatchObject({ indeterminate: true })
        await write()
      })
      expect(await user.sees()).toEqual({ n: 11 })
    },
  )

  it('and what was changed since is stored with the next try', async () => {
    const { user, lose } = await counting('commit')
    await user.visit(async (s) => {
      s.set('n', 11)
      lose()
      await s.commit().catch(() => undefined)
      s.set('n', 15)
      s.set('other', true)
    })
    expect(await user.sees()).toEqual({ n: 15, other: true })
  })
})
