import type { Express } from 'express'
import { expect, it } from 'vitest'
import type { Place } from './place.ts'
import { browse, openStore, PATIENCE, type Route, sidOf, site } from './site.ts'

const routes: Record<string, Route> = {
  '/set': (request, response) => {
    Object.assign(request.session, request.query)
    response.json(request.session)
  },
  '/get': (request, response) => response.json(request.session),
  '/plain': (_, response) => response.end('plain'),
  '/push': (request, response) => {
    request.session.cart ??= []
    request.session.cart.push({ id: 'a', count: request.session.cart.length })
    response.json(request.session.cart)
  },
  '/delete': (request, response) => {
    delete request.session.name
    response.send('deleted')
  },
  '/saves': (request, response, next) => {
    request.session.n = 1
    request.session.save((failed: unknown) => {
      if (failed) return next(failed)
      request.session.n = 2
      delete request.session.name
      request.session.save((failed: unknown) => {
        if (failed) return next(failed)
        request.session.n = 3
        response.send('saved')
      })
    })
  },
  '/reload': (request, response, next) => {
    request.session.name = 'not stored'
    request.session.reload((failed: unknown) => {
      if (failed) return next(failed)
      response.json(request.session)
    })
  },
  '/regenerate': (request, response, next) => {
    request.session.regenerate((failed: unknown) => {
      if (failed) return next(failed)
      request.session.name = 'new'
      response.send(request.sessionID)
    })
  },
  '/destroy': (request, response, next) => {
    request.session.destroy((failed: unknown) => (failed ? next(failed) : response.send('bye')))
  },
  '/forget': (request, response) => {
    request.session.destroy(() => undefined)
    response.send('bye')
  },
}

/** What applications do with `req.session`, over two nodes. */
export function servingCases(express: () => Express, place: () => Place): void {
  const open = async (options = {}) => {
    const nodes = await Promise.all(
      [0, 1].map(() => site(express, openStore(place().options()).store, routes, options)),
    )
    const browser = browse(nodes[0]!)
    const ask = async (path: string, node = 0): Promise<unknown> => {
      const other = node === 0 ? browser : browse(nodes[node]!, browser)
      const answer = await other.get(path)
      expect([answer.status, nodes[node]?.errors]).toEqual([200, []])
      return answer.headers['content-type']?.startsWith('application/json')
        ? (JSON.parse(answer.text) as unknown)
        : answer.text
    }
    return { nodes, browser, ask }
  }

  it('attributes are stored, changed in place, and deleted, on both nodes', async () => {
    const { browser, ask } = await open()
    await ask('/get')
    expect(browser.jar.size).toBe(0)
    await ask('/set?name=ada')
    expect(await ask('/get', 1)).toMatchObject({ name: 'ada' })
    await ask('/push')
    await expect.poll(() => ask('/get', 1), PATIENCE).toMatchObject({ cart: [{ count: 0 }] })
    expect(await ask('/push', 1)).toHaveLength(2)
    await ask('/delete', 1)
    await expect.poll(() => ask('/get'), PATIENCE).not.toHaveProperty('name')
    expect(await ask('/get')).toMatchObject({ cart: [{ count: 0 }, { count: 1 }] })
  })

  it('what is saved several times in one request is stored as it is at the end', async () => {
    const { browser, ask } = await open()
    await ask('/set?name=ada&any=kept')
    await ask('/saves')
    const { cookie: _, ...stored } = (await place().fresh().get(sidOf(browser))) as object & {
      cookie: unknown
    }
    expect(stored).toEqual({ n: 3, any: 'kept' })
  })

  it('reload gives what is stored', async () => {
    const { browser, ask } = await open()
    await ask('/set?name=ada')
    expect(await ask('/reload')).toMatchObject({ name: 'ada' })
    expect(await place().fresh().get(sidOf(browser))).toMatchObject({ name: 'ada' })
  })

  it('regenerate ends the session and begins another under a new id', async () => {
    const { browser, ask } = await open()
    await ask('/set?name=ada&any=1')
    const [before, sid] = [sidOf(browser), await ask('/regenerate')]
    expect(sidOf(browser)).toBe(sid)
    expect(sid).not.toBe(before)
    expect(await place().fresh().get(before)).toBeUndefined()
    expect(await ask('/get', 1)).toMatchObject({ name: 'new' })
    expect(await ask('/get', 1)).not.toHaveProperty('any')
  })

  it('destroy ends it, whether it is waited for or not', async () => {
    for (const path of ['/destroy', '/forget']) {
      const { browser, ask } = await open()
      await ask('/set?name=ada')
      await ask(path)
      const other = place().fresh()
      await expect.poll(() => other.get(sidOf(browser)), PATIENCE).toBeUndefined()
      await expect.poll(() => ask('/get', 1), PATIENCE).not.toHaveProperty('name')
    }
  })

  it('an answer that changes nothing goes out in one piece', async () => {
    const { browser, ask } = await open()
    await ask('/set?name=ada')
    const answer = await browser.get('/plain')
    expect(answer.headers).toMatchObject({ 'content-length': '5' })
    expect(answer.cookies).toEqual([])
  })

  it('all of its options work as they do: resave, rolling, saveUninitialized, unset', async () => {
    const options = { resave: true, rolling: true, saveUninitialized: true, unset: 'destroy' }
    const { browser, ask } = await open({ ...options, cookie: { maxAge: 60_000 } })
    const first = await browser.get('/get')
    expect(first.cookies).toHaveLength(1)
    const second = await browser.get('/get')
    expect(second.cookies).toHaveLength(1)
    await ask('/set?name=ada', 1)
    await expect.poll(() => ask('/get'), PATIENCE).toMatchObject({ name: 'ada' })
    expect(await place().fresh().length()).toBe(1)
  })
}
