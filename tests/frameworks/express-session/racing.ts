import type { Express } from 'express'
import type { Store } from 'express-session'
import { counter } from 'sojourn'
import { describe, expect, it } from 'vitest'
import type { Browser } from '../support/http-client.ts'
import { signal } from '../support/watched-engine.ts'
import type { Place } from './place.ts'
import { browse, meeting, openStore, PATIENCE, type Route, sidOf, site } from './site.ts'

const AT_ONCE = 100

/** Each request has read the session before any of them stores it. */
function increments(): Record<string, Route> {
  const all = meeting(AT_ONCE)
  return {
    '/start': (request, response) => {
      request.session.name = 'ada'
      response.send('started')
    },
    '/each': async (request, response) => {
      const name = `a${Number(request.query['i'])}` as const
      await all()
      request.session[name] = (request.session[name] ?? 0) + 1
      response.send('ok')
    },
    '/same': async (request, response) => {
      await all()
      request.session.n = (request.session.n ?? 0) + 1
      // Stored twice: what came in with the first is not taken back by the second.
      request.session.save(() => {
        request.session.n = (request.session.n ?? 0) + 1
        response.send('ok')
      })
    },
  }
}

async function race(nodes: readonly { port: number }[], path: string): Promise<Browser> {
  const [one, two] = nodes as [never, never]
  const browser = browse(one)
  await browser.get('/start')
  const browsers = Array.from({ length: AT_ONCE }, (_, i) => browse([one, two][i % 2]!, browser))
  const answers = await Promise.all(browsers.map((each, i) => each.get(`${path}?i=${i}`)))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  return browser
}

/** How many of the attributes of '/each' are there. */
export async function survivors(
  express: () => Express,
  stores: readonly Store[],
  read: (sid: string) => Promise<object | null | undefined>,
): Promise<number> {
  const routes = increments()
  const nodes = await Promise.all(stores.map((store) => site(express, store, routes)))
  const browser = await race(nodes, '/each')
  expect(nodes.flatMap(({ errors }) => errors)).toEqual([])
  const found = (await read(sidOf(browser))) ?? {}
  return Object.keys(found).filter((name) => /^a\d+$/.test(name)).length
}

/** Logs out while a request of the same browser is under way, which then goes on. @returns what is there then */
export async function logoutMeanwhile(
  express: () => Express,
  stores: readonly Store[],
  read: (sid: string) => Promise<object | null | undefined>,
  path = '/slow',
): Promise<object | null | undefined> {
  const [reached, goOn] = [signal(), signal()]
  const slowly = async (): Promise<void> => {
    reached.fire()
    await goOn.promise
  }
  const routes: Record<string, Route> = {
    '/start': (request, response) => {
      request.session.name = 'ada'
      response.send('started')
    },
    '/slow': async (request, response) => {
      await slowly()
      request.session.n = 1
      response.send('done')
    },
    '/read': async (request, response) => {
      await slowly()
      response.send(String(request.session.name))
    },
    '/saves': async (request, response) => {
      await slowly()
      request.session.n = 1
      request.session.save(() => {
        request.session.n = 2
        response.send('done')
      })
    },
    '/logout': (request, response) => {
      request.session.destroy(() => response.send('bye'))
    },
  }
  const nodes = await Promise.all(stores.map((store) => site(express, store, routes)))
  const browser = browse(nodes[0]!)
  await browser.get('/start')
  const sid = sidOf(browser)
  const slow = browse(nodes[1]!, browser).get(path)
  await reached.promise
  await browser.get('/logout')
  goOn.fire()
  expect((await slow).status).toBe(200)
  expect(nodes.flatMap(({ errors }) => errors)).toEqual([])
  return read(sid)
}

/** Requests of one browser at once, over two nodes. */
export function racingCases(express: () => Express, place: () => Place): void {
  const two = (options = {}) => [0, 1].map(() => openStore({ ...place().options(), ...options }))
  const read = (sid: string) => place().fresh().get(sid)

  it('of 100 requests that each change an attribute of their own none loses its change', async () => {
    const stores = two().map(({ store }) => store)
    expect(await survivors(express, stores, read)).toBe(AT_ONCE)
  })

  it('of 100 that change the same one none does, where a merge says how', async () => {
    const opened = two({ merge: { n: counter } })
    const routes = increments()
    const nodes = await Promise.all(opened.map(({ store }) => site(express, store, routes)))
    const browser = await race(nodes, '/same')
    expect(nodes.flatMap(({ errors }) => errors)).toEqual([])
    expect(await read(sidOf(browser))).toMatchObject({ n: 2 * AT_ONCE, name: 'ada' })
  })

  describe('a session that ends while a request of it is under way stays ended', () => {
    it.each(['/slow', '/saves', '/read'])('by destroy (%s)', async (path) => {
      const opened = two()
      const stores = opened.map(({ store }) => store)
      expect(await logoutMeanwhile(express, stores, read, path)).toBeUndefined()
      const dropped = opened.flatMap((each) => each.dropped)
      expect(new Set(dropped.flatMap(({ attributes }) => attributes))).toEqual(
        new Set(path === '/read' ? [] : ['n']),
      )
    })

    it('by a revocation, of which no trail is left', async () => {
      const [{ store }, other] = two() as [ReturnType<typeof openStore>, unknown]
      expect(other).toBeDefined()
      await store.set('sid', { name: 'ada' } as never)
      const held = await store.get('sid')
      const watch = store.sessions.watch(store.idOf('sid'))
      await store.sessions.revoke(store.idOf('sid'))
      await expect.poll(() => watch.signal.aborted, PATIENCE).toBe(true)
      watch.close()
      Object.assign(held ?? {}, { n: 1 })
      await store.set('sid', held as never)
      await store.touch('sid', held as never)
      expect(await read('sid')).toBeUndefined()
    })
  })
}
