import { createClient } from '@redis/client'
import { RedisStore } from 'connect-redis'
import type { Express } from 'express'
import session, { type SessionData, type Store } from 'express-session'
import { expect, it } from 'vitest'
import { FormerStore } from '../../../src/frameworks/express-session/former.ts'
import { startRedis } from '../../support/redis-server.ts'
import { signal } from '../support/watched-engine.ts'
import { afterwards, browse, meeting, openStore, type Route, sidOf, site } from './site.ts'

const DAY = 86_400_000

const routes: Record<string, Route> = {
  '/login': (request, response) => {
    request.session.name = 'ada'
    request.session.cart = [{ id: 'a', count: 1 }]
    response.send('in')
  },
  '/get': (request, response) => response.json(request.session),
  '/logout': (request, response, next) => {
    request.session.destroy((failed: unknown) => (failed ? next(failed) : response.send('bye')))
  },
}

/** A store that counts what it is asked, and can fail. */
function watched(store: Store): { store: Store; calls: string[]; failing: Set<string> } {
  const [calls, failing]: [string[], Set<string>] = [[], new Set()]
  const around = (name: 'get' | 'destroy') => {
    const call = store[name].bind(store) as (...args: unknown[]) => void
    store[name] = (...args: unknown[]) => {
      calls.push(name)
      if (!failing.has(name)) return call(...args)
      return (args.at(-1) as (error: Error) => void)(new Error(`the former store: ${name}`))
    }
  }
  around('get')
  around('destroy')
  return { store, calls, failing }
}

/** The switch from the store that was used before. */
export function formerCases(express: () => Express): void {
  const before = async (options = {}, store: Store = new session.MemoryStore()) => {
    const former = watched(store)
    const old = await site(express, store, routes, options)
    const browser = browse(old)
    await browser.get('/login')
    former.calls.length = 0
    return { former, browser, sid: sidOf(browser) }
  }

  it('who is signed in over connect-redis stays so, under the same cookie', async () => {
    const server = await startRedis()
    afterwards(() => server.stop())
    const client = createClient({ ...server.admin, socket: { path: server.socketPath } as never })
    await client.connect()
    afterwards(() => client.destroy())
    const options = { cookie: { maxAge: DAY } }
    const { former, browser, sid } = await before(options, new RedisStore({ client }))
    expect(await server.cli('KEYS', '*')).toBe(`sess:${sid}`)
    const { store } = openStore({ redis: server.url, former: former.store })
    const app = await site(express, store, routes, options)
    const visitor = browse(app, browser)
    const { headers, text } = await visitor.get('/get')
    expect(JSON.parse(text)).toMatchObject({ name: 'ada', cart: [{ id: 'a', count: 1 }] })
    expect(headers).not.toHaveProperty('set-cookie')
    expect(await server.cli('KEYS', '*')).toMatch(/^sj:/)
    const taken = await store.get(sid)
    expect(taken?.cookie.originalMaxAge).toBeGreaterThan(DAY - 1_000)
    expect(taken?.cookie.expires?.getTime()).toBeGreaterThan(Date.now() + DAY - 10_000)
    former.calls.length = 0
    await visitor.get('/get')
    expect(former.calls).toEqual([])
    await visitor.get('/logout')
    expect((await visitor.get('/get')).text).not.toContain('ada')
  })

  it('one that has a name of another framework is taken over without it, which is told of once', async () => {
    const warnings: (Error & { code?: string })[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    afterwards(() => process.off('warning', note))
    const { former, browser, sid } = await before()
    const held = await new Promise<SessionData>((resolve) => {
      former.store.get(sid, (_, found) => resolve(found as SessionData))
    })
    Object.assign(held, { 'spring:theme': 'dark' })
    await new Promise((resolve) => former.store.set(sid, held, resolve))
    former.store.set('another', held)
    const { store, failures } = openStore({ former: former.store })
    const visitor = browse(await site(express, store, routes), browser)
    for (let visit = 1; visit <= 2; visit++) {
      const seen = JSON.parse((await visitor.get('/get')).text) as object
      expect(seen).toMatchObject({ name: 'ada' })
      expect(seen).not.toHaveProperty('spring:theme')
    }
    const { attributes } = (await store.sessions.derived('express-session').find(sid)) ?? {}
    expect(attributes?.has('name')).toBe(true)
    expect(attributes?.has('spring:theme')).toBe(false)
    expect(await store.get('another')).toMatchObject({ name: 'ada' })
    expect(former.calls.filter((call) => call === 'destroy')).toHaveLength(2)
    expect(failures).toEqual([])
    const told = () => warnings.filter(({ code }) => code === 'SOJOURN_ADOPT_NAMES')
    await expect.poll(() => told().length).toBeGreaterThan(0)
    expect(told().map(({ message }) => message)).toEqual([
      expect.stringMatching(/^the former store: .*"spring:theme"/),
    ])
  })

  it('requests that come at once take it over once, and lose nothing', async () => {
    const { former, browser, sid } = await before()
    const all = meeting(20)
    const one = openStore({ former: former.store })
    const two = openStore({ sessions: one.store.sessions, former: former.store })
    let created = 0
    one.store.sessions.on('created', () => created++)
    const increments: Record<string, Route> = {
      '/each': async (request, response) => {
        await all()
        request.session[`a${Number(request.query['i'])}`] = 1
        response.send(String(request.session.name))
      },
    }
    const nodes = await Promise.all([one, two].map(({ store }) => site(express, store, increments)))
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => browse(nodes[i % 2]!, browser).get(`/each?i=${i}`)),
    )
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['ada']))
    expect(created).toBe(1)
    expect(Object.keys((await one.store.get(sid)) ?? {})).toHaveLength(20 + 3)
  })

  it('one that comes late changes nothing of what has been done since', async () => {
    const { former, sid } = await before()
    const { store } = openStore({ former: former.store })
    const data = await new Promise<SessionData | null | undefined>((resolve) => {
      former.store.get(sid, (_, found) => resolve(found))
    })
    const here = (await store.get(sid)) as SessionData
    await store.set(sid, Object.assign(here, { name: 'eve' }))
    // A node that has read the former store before, and looks here only now.
    former.store.get = (_, callback) => callback(null, data)
    const derived = store.sessions.derived('express-session')
    const late = new FormerStore(former.store, derived, store.sessions)
    expect((await late.takeOver(sid))?.attributes.view('name')).toBe('eve')
    expect(await store.get(sid)).toMatchObject({ name: 'eve' })
    await store.destroy(sid)
    expect(await late.takeOver(sid)).toBeUndefined()
    expect(await store.get(sid)).toBeUndefined()
  })

  it('one that another has taken over in the meantime is found here', async () => {
    const { former, sid } = await before()
    const one = openStore({ former: former.store }).store
    const [asked, answered] = [signal(), signal()]
    const slow: Store = Object.create(former.store) as Store
    slow.get = (asking, callback) => {
      asked.fire()
      void answered.promise.then(() => former.store.get(asking, callback))
    }
    const two = openStore({ sessions: one.sessions, former: slow }).store
    const found = two.get(sid)
    await asked.promise
    expect(await one.get(sid)).toMatchObject({ name: 'ada' })
    answered.fire()
    expect(await found).toMatchObject({ name: 'ada' })
  })

  it.each([
    ['larger than maxBytes', { any: 'x'.repeat(70_000) }],
    ['with an attribute that has no name', { '': 1 }],
    ['nested too deep', { any: JSON.parse('['.repeat(70) + ']'.repeat(70)) as unknown }],
    ['with text that is cut in the middle of a character', { any: '\ud83d' }],
  ])('one that is %s is an event, and nobody is locked out', async (_, odd) => {
    const { former, browser, sid } = await before()
    const read = () =>
      new Promise<SessionData | null | undefined>((resolve) => {
        former.store.get(sid, (_, found) => resolve(found))
      })
    former.store.set(sid, Object.assign((await read()) as SessionData, odd))
    const { store, failures } = openStore({ former: former.store, maxBytes: 65_536 })
    const app = await site(express, store, routes)
    for (let round = 1; round <= 2; round++) {
      const answer = await browse(app, browser).get('/get')
      expect([answer.status, Object.keys(JSON.parse(answer.text) as object)]).toEqual([
        200,
        ['cookie'],
      ])
      expect(answer.headers).not.toHaveProperty('set-cookie')
      expect(failures.map(({ operation }) => operation)).toEqual(Array(round).fill('former'))
    }
    // It stays, for when the option or the data has been mended.
    expect(await read()).toMatchObject({ name: 'ada' })
  })

  it('while the former store fails nobody is taken for a stranger', async () => {
    const { former, browser } = await before()
    const app = await site(express, openStore({ former: former.store }).store, routes)
    const visitor = browse(app, browser)
    former.failing.add('get')
    const answer = await visitor.get('/get')
    expect([answer.status, answer.text]).toEqual([500, 'Error: the former store: get'])
    former.failing.clear()
    expect((await visitor.get('/get')).text).toContain('ada')
  })

  it('what cannot be deleted there is told of, and a logout says that it has failed', async () => {
    const { former, browser, sid } = await before()
    const { store, failures } = openStore({ former: former.store })
    const app = await site(express, store, routes)
    const visitor = browse(app, browser)
    former.failing.add('destroy')
    expect((await visitor.get('/get')).text).toContain('ada')
    expect(failures.map(({ operation }) => operation)).toEqual(['former'])
    expect((await visitor.get('/logout')).status).toBe(500)
    // Ended here all the same.
    expect(await store.get(sid)).toBeUndefined()
    former.failing.clear()
    await store.destroy(sid)
    expect(await new Promise((resolve) => former.store.get(sid, (_, d) => resolve(d)))).toBe(
      undefined,
    )
  })

  it('what replaces a session that is only there replaces it for good', async () => {
    const { former, sid } = await before()
    const { store } = openStore({ former: former.store })
    await store.set(sid, { cookie: {}, n: 1 } as never)
    expect(await store.get(sid)).toMatchObject({ n: 1 })
    expect(await store.get(sid)).not.toHaveProperty('name')
    await store.sessions.revoke(store.idOf(sid))
    expect(await store.get(sid)).toBeUndefined()
  })
}
