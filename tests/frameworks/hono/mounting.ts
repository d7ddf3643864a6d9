import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { setCookie } from 'hono/cookie'
import { mount } from 'hono/mount'
import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { honoSessions } from 'sojourn/hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import { codeOf, type Data } from '../support/adapter.ts'
import { SECRET } from '../support/world.ts'
import { type Env, honoSite } from './hono-site.ts'

/** Hono's ways to put applications together. */
export function honoMounting(): void {
  describe('mounting', () => {
    it('twice: one session, stored once', async () => {
      const { browser, engine } = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.use('/deep/*', honoSessions(sessions))
        app.get('/deep/change', (c) => {
          c.get('session').set('n', 2)
          return c.text('changed')
        })
      })
      await browser.get('/begin')
      engine.calls.length = 0
      expect(await browser.get('/deep/change')).toMatchObject({ text: 'changed', seen: { n: 2 } })
      expect(engine.calls).toEqual(['load', 'commit'])
    })

    it('in a sub-application with an error handler of its own, which gets the errors', async () => {
      const codes: string[] = []
      const { browser, engine } = await honoSite((app, sessions) => {
        const below = new Hono<Env>()
        below.use(honoSessions(sessions))
        below.get('/change', (c) => {
          c.var.session.set('n', 2)
          c.header('ETag', '"refused"')
          return c.text('changed')
        })
        below.onError((error, c) => {
          codes.push(codeOf(error))
          return c.text('from below', 503)
        })
        app.route('/below', below)
        app.get('/outside', (c) => c.text(typeof c.get('session')))
      })
      expect((await browser.get('/outside')).text).toBe('undefined')
      expect(await browser.get('/below/change')).toMatchObject({ status: 200, seen: { n: 2 } })
      engine.failure = new StoreUnavailableError('gone', false)
      const answer = await browser.get('/below/change')
      expect(answer).toMatchObject({ status: 503, text: 'from below' })
      expect(answer.headers['etag']).toBeUndefined()
      expect(codes).toEqual(['ERR_SOJOURN_STORE_UNAVAILABLE'])
    })

    it('of another application, by its request or by one of its own', async () => {
      const { browser, engine } = await honoSite((app, sessions) => {
        const mounted = new Hono<Env>()
        mounted.use(honoSessions(sessions))
        mounted.get('*', (c) => {
          const session = c.get('session')
          session.set('n', (session.get('n') ?? 0) + 1)
          return c.text(c.req.path)
        })
        app.use(honoSessions(sessions))
        app.all('/own/*', mount(mounted.fetch))
        app.all('/same/*', mount(mounted.fetch, { replaceRequest: false }))
      })
      await browser.get('/begin')
      engine.calls.length = 0
      expect(await browser.get('/same/a')).toMatchObject({ text: '/same/a', seen: { n: 2 } })
      expect(engine.calls).toEqual(['load', 'commit'])
      expect(await browser.get('/own/a')).toMatchObject({ text: '/a', seen: { n: 3 }, cookies: [] })
    })

    it('where other middleware has put another request in the place of the first', async () => {
      const { browser, engine } = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.use(bodyLimit({ maxSize: 1_000 }))
        app.use(honoSessions(sessions))
        app.post('/change', async (c) => {
          c.get('session').set('name', await c.req.text())
          return c.text(String(sessions.has(c.req.raw)))
        })
      })
      await browser.get('/begin')
      engine.calls.length = 0
      const headers = { 'Transfer-Encoding': 'chunked' }
      const answer = await browser.get('/change', { method: 'POST', body: 'ada', headers })
      // That it was replaced is what this test stands on.
      expect(answer).toMatchObject({ text: 'false', seen: { n: 1, name: 'ada' } })
      expect(engine.calls).toEqual(['load', 'commit'])
    })

    it('under two cookies: the first is `session`, and each keeps its own', async () => {
      const engine = memoryEngine()
      onTestFinished(() => engine.close())
      const admin = createSessions<Data>({ engine, secrets: [SECRET], cookie: { name: 'admin' } })
      const { browser } = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.use(honoSessions(admin))
        app.get('/', (c) => {
          c.get('session').set('n', 5)
          admin.from(c.req.raw).set('name', 'root')
          return c.text(String(c.get('session') === sessions.from(c.req.raw)))
        })
      })
      const answer = await browser.get('/')
      expect(answer.text).toBe('true')
      expect(answer.cookies.map((cookie) => cookie.split('=', 1)[0])).toEqual(['admin', 'session'])
      expect(answer.seen).toEqual({ n: 5 })
      expect((await admin.open(browser.jar.get('admin'))).toJSON()).toEqual({ name: 'root' })
    })
  })

  describe('beside Hono’s own', () => {
    it('cookies, and what is not found, is stored too', async () => {
      const { browser } = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.notFound((c) => {
          c.get('session').set('n', 2)
          setCookie(c, 'theme', 'dark')
          setCookie(c, 'size', 'large')
          return c.text('nothing here', 404)
        })
      })
      const answer = await browser.get('/nowhere')
      expect(answer).toMatchObject({ status: 404, text: 'nothing here', seen: { n: 2 } })
      expect(answer.cookies.map((cookie) => cookie.split('=', 1)[0])).toEqual([
        'theme',
        'size',
        'session',
      ])
    })

    it('HEAD: as GET, without the body', async () => {
      const { browser } = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.get('/', (c) => {
          c.get('session').set('n', 2)
          setCookie(c, 'theme', 'dark')
          return c.text('not sent')
        })
      })
      const answer = await browser.get('/', { method: 'HEAD' })
      expect(answer).toMatchObject({ status: 200, text: '', seen: { n: 2 } })
      expect(answer.cookies).toHaveLength(2)
    })

    it('what is thrown and no error: goes past `onError`, and what was changed is stored', async () => {
      const site = await honoSite((app, sessions) => {
        app.onError((_, c) => c.text('not called', 200))
        app.use(honoSessions(sessions))
        app.get('/', (c) => {
          c.get('session').set('n', 2)
          const thrown: unknown = 'no error at all'
          throw thrown
        })
      })
      await site.browser.get('/begin')
      expect(await site.browser.get('/')).toMatchObject({ status: 500, seen: { n: 2 } })
    })

    it('an application without `onError` answers 500, not with what could not be stored', async () => {
      const { browser } = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.get('/', (c) => {
          c.get('session').set('any', 'x'.repeat(5_000))
          return c.text('done', 201)
        })
      })
      expect(await browser.get('/')).toMatchObject({
        status: 500,
        text: 'Internal Server Error',
        cookies: [],
      })
    })

    it('an error handler that names no status answers with the error’s, and keeps headers of no body', async () => {
      const { browser, engine } = await honoSite((app, sessions) => {
        app.onError((error, c) => c.text(codeOf(error)))
        app.use(honoSessions(sessions))
        app.get('/', (c) => {
          c.get('session').set('n', 2)
          c.status(201)
          return c.text('refused', 201, { 'X-Given': 'with the answer', ETag: '"refused"' })
        })
      })
      engine.failure = new StoreUnavailableError('gone', true)
      const answer = await browser.get('/')
      expect(answer).toMatchObject({ status: 503, text: 'ERR_SOJOURN_STORE_UNAVAILABLE' })
      expect(answer.headers).toMatchObject({ 'x-given': 'with the answer' })
      expect(answer.headers['etag']).toBeUndefined()
    })

    it('a response that the application gives to everybody keeps nobody’s cookie', async () => {
      const shared: { response?: Response } = {}
      const { browser } = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.get('/change', (c) => {
          // Made now, by which time it is that of @hono/node-server.
          shared.response = new Response(null, { status: 204 })
          c.get('session').set('n', 2)
          return shared.response
        })
        app.get('/read', () => shared.response as Response)
      })
      expect((await browser.get('/change')).cookies).toHaveLength(1)
      expect(shared.response?.headers.getSetCookie()).toEqual([])
      browser.jar.clear()
      expect(await browser.get('/read')).toMatchObject({ status: 204, cookies: [] })
    })

    it('an error handler that makes a Response of its own: its status and body are sent', async () => {
      const { browser } = await honoSite((app, sessions) => {
        app.onError(() => Response.json({ failed: true }, { status: 418 }))
        app.use(honoSessions(sessions))
        app.get('/', (c) => {
          setCookie(c, 'theme', 'dark')
          c.get('session').set('any', 'x'.repeat(5_000))
          c.header('Content-Language', 'nl')
          return c.redirect('/elsewhere')
        })
      })
      const answer = await browser.get('/')
      expect(answer).toMatchObject({ status: 418, text: '{"failed":true}' })
      expect(answer.headers['content-type']).toBe('application/json')
      expect(Object.keys(answer.headers)).not.toContain('location')
      expect(Object.keys(answer.headers)).not.toContain('content-language')
      expect(answer.cookies).toEqual([expect.stringMatching(/^theme=dark/)])
    })

    it.each([
      ['sessions', () => honoSessions({} as never)],
      ['fresh', () => honoSessions(sessionsOf(), { fresh: 1 as never })],
      ['onError', () => honoSessions(sessionsOf(), { onError: () => undefined } as never)],
    ])('a wrong option is refused at once: %s', (option, make) => {
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option }))
    })
  })
}

const sessionsOf = () => createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET] })
