import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Engine, SessionId, Stored } from '../../../src/core/engine.ts'
import type { Adapter, AppOptions, Behaviour, Data } from '../support/adapter.ts'
import type { Browser } from '../support/http-client.ts'
import { open, SECRET, type World } from '../support/world.ts'

const read: Behaviour = ({ session, reply }) => reply.text(`n is ${session.n}`)
const behaviours: Readonly<Record<string, Behaviour>> = {
  '/read': read,
  '/admin/read': read,
  '/begin': ({ session, reply }) => {
    session.n = 1
    return reply.text('begun')
  },
  '/admin/change': ({ session, reply }) => {
    session.name = 'ada'
    return reply.text('changed')
  },
}

/** A node that hears of nothing: what it has read once it reads again, unless it is told to ask. */
function deaf(store: Engine): Engine {
  const seen = new Map<SessionId, Stored | undefined>()
  const load: Engine['load'] = async (id, options) => {
    if (options?.fresh !== true && seen.has(id)) return seen.get(id)
    const stored = await store.load(id, options)
    seen.set(id, stored)
    return stored
  }
  return {
    name: store.name,
    now: () => store.now(),
    ready: () => store.ready(),
    close: () => store.close(),
    load,
    create: store.create.bind(store),
    commit: store.commit.bind(store),
    touch: store.touch.bind(store),
    rotate: store.rotate.bind(store),
    destroy: store.destroy.bind(store),
    list: store.list.bind(store),
    revokeAll: store.revokeAll.bind(store),
    settle: store.settle.bind(store),
  }
}

export function freshCases(adapter: Adapter): void {
  /** A browser with a session that another node has changed since, or ended. */
  async function start(
    options: AppOptions,
    elsewhere: 'changed' | 'revoked' = 'changed',
  ): Promise<{ world: World; browser: Browser }> {
    const store = memoryEngine()
    onTestFinished(() => store.close())
    const world = await open(adapter, behaviours, { ...options, engine: deaf(store) })
    const other = createSessions<Data>({ engine: store, secrets: [SECRET] })
    const browser = world.browser()
    await browser.get('/begin')
    await browser.get('/read')
    const session = await other.open(browser.token)
    if (elsewhere === 'changed') {
      session.set('n', 2)
      await session.commit()
    } else {
      await other.revoke(session.id ?? '')
    }
    return { world, browser }
  }

  describe('fresh', () => {
    it('without it a request has what is at hand', async () => {
      const { browser } = await start({})
      expect((await browser.get('/read')).text).toBe('n is 1')
    })

    it('true: every request asks the store', async () => {
      const { browser } = await start({ fresh: true })
      expect((await browser.get('/read')).text).toBe('n is 2')
    })

    it('a function: the requests that it chooses do', async () => {
      const fresh = ({ url }: { readonly url?: string | undefined }) =>
        url?.includes('/admin/') === true
      const { browser } = await start({ fresh })
      expect((await browser.get('/read')).text).toBe('n is 1')
      expect((await browser.get('/admin/read')).text).toBe('n is 2')
    })

    it('mounted again further down: the session that is there is read once more', async () => {
      const { browser, world } = await start({ freshBelow: '/admin' })
      expect((await browser.get('/read')).text).toBe('n is 1')
      world.engine.calls.length = 0
      expect((await browser.get('/admin/read')).text).toBe('n is 2')
      expect(world.engine.calls).toEqual(['load', 'load'])
    })

    it('mounted again: a session that was ended elsewhere is nobody’s', async () => {
      const { browser } = await start({ freshBelow: '/admin' }, 'revoked')
      expect((await browser.get('/read')).text).toBe('n is 1')
      const answer = await browser.get('/admin/read')
      expect(answer).toMatchObject({ status: 200, text: 'n is undefined', cookies: [] })
    })

    it('mounted again: what is set in a session that was ended elsewhere is dropped', async () => {
      const { browser, world } = await start({ freshBelow: '/admin' }, 'revoked')
      const answer = await browser.get('/admin/change')
      expect(answer).toMatchObject({ status: 200, cookies: [] })
      expect(world.dropped).toMatchObject([{ reason: 'ended', attributes: ['name'] }])
      expect(await world.stored(browser.token)).toBeUndefined()
    })

    it('mounted again: a store that does not answer is a 503', async () => {
      const { browser, world } = await start({ freshBelow: '/admin' })
      const gate = { loads: 0 }
      const { calls } = world.engine
      calls.length = 0
      const push = calls.push.bind(calls)
      // The first read of the request is answered, the second is not.
      calls.push = (...names) => {
        if (++gate.loads === 2) world.engine.failure = new StoreUnavailableError('gone', false)
        return push(...names)
      }
      expect(await browser.get('/admin/read')).toMatchObject({
        status: 503,
        text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
        cookies: [],
      })
    })
  })
}
