import type Koa from 'koa'
import { createSessions, memoryEngine } from 'sojourn'
import { koaSessions } from 'sojourn/koa'
import { describe, expect, it } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { SECRET } from '../support/world.ts'
import { count, type KoaVersion, koaSite } from './koa-site.ts'

/** Where the middleware stands in an application, and what stands around it. */
export function koaMounting(version: KoaVersion): void {
  const below = (path: string, middleware: Koa.Middleware): Koa.Middleware => {
    return (ctx, next) => (ctx.path.startsWith(path) ? middleware(ctx, next) : next())
  }

  describe('mounted', () => {
    it('twice: the session is opened once, and there is one cookie', async () => {
      const { browser, engine } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions)).use(koaSessions(sessions))
        app.use((ctx) => void (ctx.body = { n: count(ctx) }))
      })
      expect((await browser.get('/')).cookies).toHaveLength(1)
      engine.calls.length = 0
      expect(await browser.get('/')).toMatchObject({ seen: { n: 2 }, cookies: [] })
      expect(engine.calls).toEqual(['load', 'commit'])
    })

    it('below a path: requests elsewhere have no session and cost nothing', async () => {
      const { browser, engine } = await koaSite(version, (app, sessions) => {
        app.use(below('/shop', koaSessions(sessions)))
        app.use(below('/shop', (ctx) => void (ctx.body = { n: count(ctx) })))
        app.use(
          (ctx) => void (ctx.path === '/' && (ctx.body = { none: ctx.session === undefined })),
        )
      })
      expect(await browser.get('/shop')).toMatchObject({ seen: { n: 1 } })
      engine.calls.length = 0
      expect((await browser.get('/')).text).toBe('{"none":true}')
      expect(engine.calls).toEqual([])
    })

    it('under two cookies: each has its own; ctx.session is that of the first', async () => {
      const admin = createSessions<Data>({
        engine: memoryEngine(),
        secrets: [SECRET],
        cookie: { name: '__Host-admin' },
      })
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions)).use(koaSessions(admin))
        app.use((ctx) => {
          const n = (admin.from(ctx).get('n') ?? 10) + 1
          admin.from(ctx).set('n', n)
          ctx.body = { own: count(ctx), admin: n }
        })
      })
      const first = await browser.get('/')
      expect(first.text).toBe('{"own":1,"admin":11}')
      expect(first.cookies.map((cookie) => cookie.split('=')[0])).toEqual(['session', 'admin'])
      expect((await browser.get('/')).text).toBe('{"own":2,"admin":12}')
      await admin.close()
    })

    it('the session is that of ctx, of ctx.request and of Node’s request', async () => {
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          const session = sessions.from(ctx)
          const same = [ctx.req, ctx.request].map((key) => sessions.from(key) === session)
          ctx.body = same.concat(ctx.session.isNew)
        })
      })
      expect((await browser.get('/')).text).toBe('[true,true,true]')
    })

    it('on a connection that Koa knows to be secure: the cookie is for such ones', async () => {
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use((ctx, next) => {
          Object.defineProperty(ctx.request, 'secure', { value: true })
          return next()
        })
        app.use(koaSessions(sessions))
        app.use((ctx) => void (ctx.body = { n: count(ctx) }))
      })
      const { cookies } = await browser.get('/')
      expect(cookies).toEqual([expect.stringMatching(/^__Host-session=.*; Secure$/)])
    })

    it('beside something that has a ctx.session of its own: that one is left alone', async () => {
      const { browser } = await koaSite(version, (app, sessions) => {
        Object.defineProperty(app.context, 'session', { get: () => 'of somebody else' })
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          sessions.from(ctx).set('n', 1)
          ctx.body = ctx.session
        })
      })
      expect(await browser.get('/')).toMatchObject({ text: 'of somebody else', seen: { n: 1 } })
    })

    it.each([
      ['without sessions', undefined, {}, 'sessions'],
      ['with other things', { secrets: [] }, {}, 'sessions'],
      ['with a wrong fresh', true, { fresh: 'yes' }, 'fresh'],
      ['with an option that it does not know', true, { key: 'koa.sess' }, 'key'],
    ])('%s: is refused at the start', async (_, given, options, name) => {
      const sessions = createSessions({ engine: memoryEngine(), secrets: [SECRET] })
      const wrong = (given === true ? sessions : given) as never
      expect(() => koaSessions(wrong, options as never)).toThrow(
        expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option: name }),
      )
      await sessions.close()
    })
  })

  describe('ctx.session =', () => {
    const paths = (app: Koa): void => {
      app.use((ctx) => {
        const session = ctx.session as unknown as Partial<Data> & { id?: string }
        const set = (value: unknown): void => void (ctx.session = value as never)
        if (ctx.path === '/count') count(ctx)
        if (ctx.path === '/null') set(null)
        if (ctx.path === '/again') {
          set(null)
          session.name = 'new'
        }
        if (ctx.path === '/object') set({ name: 'ada', id: 'an attribute' })
        if (ctx.path === '/itself') set(ctx.session)
        if (ctx.path === '/number') set(5)
        ctx.body = { left: Object.keys(session), isNew: ctx.session.isNew }
      })
    }

    it('null: nobody’s at once, ended everywhere with the answer, and the cookie goes', async () => {
      const { browser, sessions } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        paths(app)
      })
      await browser.get('/count')
      const { token, cookie } = browser
      const ended = await browser.get('/null')
      expect(ended).toMatchObject({ text: '{"left":[],"isNew":true}' })
      expect(ended.cookies).toEqual([expect.stringMatching(/^session=; Max-Age=0/)])
      expect((await sessions.open(token ?? '')).isNew).toBe(true)
      expect(await browser.get('/count', { cookie })).toMatchObject({ seen: { n: 1 } })
    })

    it('null, and then an attribute: a new session with a token of its own', async () => {
      const { browser, sessions } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        paths(app)
      })
      await browser.get('/count')
      const { token } = browser
      const answer = await browser.get('/again')
      expect(answer).toMatchObject({ seen: { name: 'new' } })
      expect(answer.cookies).toHaveLength(1)
      expect(browser.token).not.toBe(token)
      expect((await sessions.open(token ?? '')).isNew).toBe(true)
    })

    it('null of nobody’s session: nothing is stored, and no cookie set', async () => {
      const { browser, engine } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        paths(app)
      })
      expect(await browser.get('/null')).toMatchObject({ status: 200, cookies: [] })
      expect(engine.calls).toEqual([])
    })

    it('an object: replaces the attributes, and the session stays', async () => {
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        paths(app)
      })
      await browser.get('/count')
      const answer = await browser.get('/object')
      expect(answer.cookies).toEqual([])
      expect(answer.seen).toEqual({ name: 'ada', id: 'an attribute' })
      expect(await browser.get('/itself')).toMatchObject({
        seen: { name: 'ada', id: 'an attribute' },
      })
    })

    it('what is neither: is refused', async () => {
      const { browser, app } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        paths(app)
      })
      expect((await browser.get('/number')).status).toBe(500)
      expect(app.errors).toMatchObject([{ code: 'ERR_SOJOURN_OPTION', option: 'ctx.session' }])
    })
  })
}
