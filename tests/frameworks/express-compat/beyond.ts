/** What express-session does not do, or does otherwise. */
import { request as send } from 'node:http'
import { inspect } from 'node:util'
import { createSessions, memoryEngine, type Session, StoreUnavailableError } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { sessionOfUpgrade } from 'sojourn/node'
import { manualClock } from 'sojourn/testing'
import { describe, expect, it } from 'vitest'
import { watchedEngine } from '../support/watched-engine.ts'
import { Browser, SECRET, startNode } from './nodes.ts'
import { count, look } from './rows/storing.ts'
import { type ExpressVersion, type Handler, on } from './versions.ts'

const json = async (browser: Browser, url: string): Promise<Record<string, unknown>> =>
  JSON.parse((await browser.get(url)).text) as Record<string, unknown>

export function beyondCases(version: ExpressVersion): void {
  const node = (handlers: Readonly<Record<string, Handler>>, options: object = {}) =>
    startNode(version, options, (app) => {
      for (const [path, handler] of Object.entries(handlers)) app.all(path, on(handler))
    })

  it('who has signed in by `login` gets the cookie, with nothing in the session', async () => {
    const started = await node({
      '/': async (req, res) => {
        await started.middleware.sessions.from(req).login('ada')
        res.end()
      },
      '/who': (req, res) =>
        void res.json({ who: started.middleware.sessions.from(req).principal ?? null }),
    })
    const browser = new Browser()
    await browser.get(`${started.origin}/`)
    expect(await json(browser, `${started.origin}/who`)).toEqual({ who: 'ada' })
  })

  describe('promises', () => {
    it('each method gives one where no callback is given', async () => {
      const { origin } = await node({
        '/': async (req, res) => {
          req.session['n'] = 1
          await req.session.save()
          const stored = (await req.sessionStore.get(req.sessionID))?.['n']
          req.session['n'] = 2
          await req.session.reload()
          const reloaded = req.session['n']
          const id = req.sessionID
          await req.session.regenerate()
          const isNew = req.sessionID !== id && req.session['n'] === undefined
          await req.session.save()
          await req.session.destroy()
          res.json({ stored, reloaded, isNew, gone: req.session === undefined })
        },
      })
      expect(await json(new Browser(), `${origin}/`)).toEqual({
        ...{ stored: 1, reloaded: 1, isNew: true, gone: true },
      })
    })

    it('they reject as callbacks are told', async () => {
      const { origin } = await node({
        '/': async (req, res) => {
          const cycle: { self?: object } = {}
          cycle.self = cycle
          const failures: unknown[] = []
          const told = (error: unknown): void =>
            void failures.push((error as { code?: string }).code ?? String(error))
          await req.session.reload().catch(told)
          req.session['cycle'] = cycle
          await req.session.save().catch(told)
          await new Promise<void>((resolve) => {
            req.session.save((error) => {
              told(error)
              resolve()
            })
          })
          delete req.session['cycle']
          res.json(failures)
        },
      })
      expect(await json(new Browser(), `${origin}/`)).toEqual([
        'Error: failed to load session',
        'ERR_SOJOURN_ATTRIBUTE',
        'ERR_SOJOURN_ATTRIBUTE',
      ])
    })

    it('one that nobody waits for does not end the process: the response is refused', async () => {
      const engine = watchedEngine(memoryEngine())
      const { origin } = await node(
        {
          '/': (req, res) => {
            req.session['n'] = 1
            void req.session.save()
            res.send('saved')
          },
        },
        { engine },
      )
      engine.failure = new StoreUnavailableError('gone', false)
      const unhandled: unknown[] = []
      const note = (error: unknown): void => void unhandled.push(error)
      process.on('unhandledRejection', note)
      expect(await new Browser().get(`${origin}/`)).toMatchObject({ status: 503, cookies: [] })
      await new Promise((resolve) => setImmediate(resolve))
      process.off('unhandledRejection', note)
      expect(unhandled).toEqual([])
    })
  })

  describe('a value that cannot be stored', () => {
    it.each([
      ['a cycle', cyclic],
      ['a bigint', () => 1n],
      [
        'a getter that throws',
        () => ({
          get a(): never {
            throw new Error('trap')
          },
        }),
      ],
    ])('%s goes to the error handler; nothing is stored', async (_, make) => {
      for (const cookie of [{}, { maxAge: 60_000 }]) {
        const { origin } = await node(
          {
            '/count': count,
            '/': look,
            '/set': (req, res) => {
              req.session['n'] = 99
              req.session['value'] = make()
              res.send('set')
            },
          },
          { cookie },
        )
        const browser = new Browser()
        await browser.get(`${origin}/count`)
        expect(await browser.get(`${origin}/set`)).toMatchObject({
          ...{ status: 500, text: '{"failed":"ERR_SOJOURN_ATTRIBUTE"}', cookies: [] },
        })
        expect((await json(browser, `${origin}/`))['session']).toMatchObject({ n: 1 })
      }
    })

    it.each([
      ['half a surrogate pair', () => '😀'.slice(0, 1)],
      ['more than 64 levels', () => JSON.parse('['.repeat(65) + ']'.repeat(65)) as unknown],
      ['more than 100,000 values', () => Array.from({ length: 100_000 }, () => 0)],
    ])('%s, as JSON has it and Sojourn has not, does too', async (_, make) => {
      const { origin } = await node({
        '/count': count,
        '/': look,
        '/set': (req, res) => {
          req.session['n'] = 99
          req.session['value'] = make()
          res.send('set')
        },
      })
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      expect(await browser.get(`${origin}/set`)).toMatchObject({
        ...{ status: 500, text: '{"failed":"ERR_SOJOURN_ATTRIBUTE"}' },
      })
      expect((await json(browser, `${origin}/`))['session']).toMatchObject({ n: 1 })
    })

    it.each([
      ['path', '/;'],
      ['domain', 'a b'],
      ['sameSite', 'loose'],
      ['priority', 'most'],
      ['expires', new Date(Number.NaN)],
    ])(
      'one session’s cookie with a wrong %s goes to the error handler too',
      async (name, value) => {
        const { origin } = await node({
          '/count': count,
          '/set': (req, res) => {
            req.session['n'] = 99
            Object.assign(req.session.cookie, { [name]: value })
            res.send('set')
          },
        })
        for (const browser of [new Browser(), new Browser()]) {
          await browser.get(`${origin}/count`)
          expect(await browser.get(`${origin}/set`)).toMatchObject({
            ...{ status: 500, text: `{"failed":"option ${name} is invalid"}`, cookies: [] },
          })
          expect((await json(browser, `${origin}/count`))['n']).toBe(2)
        }
      },
    )

    it('something in the place of req.session is told of', async () => {
      const { origin } = await node({
        '/': (req, res) => {
          ;(req as { session: unknown }).session = { a: 1 }
          res.send('replaced')
        },
      })
      const answer = await new Browser().get(`${origin}/`)
      expect(answer.status).toBe(500)
      expect(answer.text).toContain('req.session was replaced')
    })
  })

  describe('parallel requests', () => {
    const handlers: Readonly<Record<string, Handler>> = {
      '/count': count,
      '/': look,
      '/set/:name': (req, res) => {
        req.session[String(req.params['name'])] = 1
        res.end()
      },
      '/remove/:name': (req, res) => {
        delete req.session[String(req.params['name'])]
        res.end()
      },
      '/destroy': (req, res) => {
        req.session.destroy(() => res.end())
      },
      '/read': (req, res) => res.json(req.session['n'] ?? null),
    }

    it('that change different attributes lose none; one that changes nothing undoes nothing', async () => {
      const engine = watchedEngine(memoryEngine())
      const { origin } = await node(handlers, { engine, resave: true, saveUninitialized: true })
      const browser = new Browser()
      await browser.get(`${origin}/set/old`)
      const gate = engine.gate()
      const slow = browser.get(`${origin}/set/slow`)
      await gate.reached
      await Promise.all([
        browser.get(`${origin}/set/fast`),
        browser.get(`${origin}/remove/old`),
        browser.get(`${origin}/read`),
      ])
      gate.open()
      await slow
      const { session } = await json(browser, `${origin}/`)
      expect(session).toEqual({ cookie: expect.anything() as unknown, slow: 1, fast: 1 })
    })

    it('a session that was destroyed meanwhile does not come back', async () => {
      const engine = watchedEngine(memoryEngine())
      const { origin, middleware } = await node(handlers, { engine })
      const dropped: unknown[] = []
      middleware.sessions.on('dropped', (event) => dropped.push(event))
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      const { cookie } = browser
      const gate = engine.gate()
      const slow = browser.get(`${origin}/set/late`)
      await gate.reached
      await browser.get(`${origin}/destroy`)
      gate.open()
      expect((await slow).status).toBe(200)
      expect(dropped).toMatchObject([{ reason: 'ended', attributes: ['late'] }])
      const after = await new Browser().get(`${origin}/read`, { cookie })
      expect(after.text).toBe('null')
    })

    it('what another has stored is there after a save, and what is changed then counts', async () => {
      const engine = memoryEngine()
      let other = async (): Promise<unknown> => undefined
      const options = {
        engine,
        merge: { n: (base = 0, theirs = 0, ours = 0) => theirs + ours - base },
      }
      const { origin } = await node(
        {
          ...handlers,
          '/slow': async (req, res) => {
            req.session['n'] += 1
            await other()
            await req.session.save()
            const seen = { n: req.session['n'], fast: req.session['fast'] }
            req.session['n'] += 1
            res.json(seen)
          },
        },
        options,
      )
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      other = async () => {
        await browser.get(`${origin}/count`)
        await browser.get(`${origin}/set/fast`)
      }
      expect(await json(browser, `${origin}/slow`)).toEqual({ n: 3, fast: 1 })
      expect((await json(browser, `${origin}/`))['session']).toMatchObject({ n: 4, fast: 1 })
    })

    it('methods that nobody waits for are done in their order, before the response', async () => {
      const engine = watchedEngine(memoryEngine())
      const { origin } = await node(
        {
          ...handlers,
          '/hurry': (req, res) => {
            req.session['n'] = 50
            req.session.save(() => undefined)
            req.session.regenerate(() => {
              req.session['after'] = true
            })
            res.end()
          },
        },
        { engine },
      )
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      const { cookie } = browser
      engine.delay = 10
      await browser.get(`${origin}/hurry`)
      expect(browser.cookie).not.toBe(cookie)
      expect((await json(browser, `${origin}/`))['session']).toEqual({
        cookie: expect.anything() as unknown,
        after: true,
      })
      expect((await new Browser().get(`${origin}/read`, { cookie })).text).toBe('null')
    })
  })

  describe('the store', () => {
    it('a request that looks at nothing writes nothing, and one that reads writes nothing', async () => {
      const engine = watchedEngine(memoryEngine())
      const { origin } = await node(
        { '/count': count, '/': look, '/silent': (_, res) => res.send('silent') },
        { engine },
      )
      const browser = new Browser()
      await browser.get(`${origin}/silent`)
      expect(engine.calls).toEqual([])
      await browser.get(`${origin}/count`)
      expect(engine.calls).toEqual(['create'])
      engine.calls.length = 0
      for (const path of ['/silent', '/', '/count']) await browser.get(origin + path)
      expect(engine.calls).toEqual(['load', 'load', 'load', 'commit'])
    })

    it('is renewed before the response where the application touches the session', async () => {
      const clock = manualClock()
      const { origin } = await node(
        {
          '/count': count,
          '/touch': (req, res) => {
            req.session.touch()
            res.end()
          },
          '/left': async (req, res) => {
            const stored = await req.sessionStore.get(req.sessionID)
            res.json({ expires: Date.parse(String(stored?.cookie.expires)) })
          },
        },
        { cookie: { maxAge: 3_600_000 }, touchAfter: 0.5, clock },
      )
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      const before = (await json(browser, `${origin}/left`))['expires'] as number
      clock.advance(60_000)
      expect((await json(browser, `${origin}/left`))['expires']).toBe(before)
      await browser.get(`${origin}/touch`)
      expect((await json(browser, `${origin}/left`))['expires']).toBe(before + 60_000)
    })

    it('that does not answer is a 503, and callbacks are told', async () => {
      const engine = watchedEngine(memoryEngine())
      const { origin } = await node(
        {
          '/count': count,
          '/save': (req, res) => {
            req.session['n'] = 1
            req.session.save((error) => res.status(200).json((error as { code: string }).code))
          },
        },
        { engine },
      )
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      engine.failure = new StoreUnavailableError('gone', false)
      for (const each of [browser, new Browser()]) {
        expect(await each.get(`${origin}/count`)).toMatchObject({
          ...{ status: 503, text: '{"failed":"ERR_SOJOURN_STORE_UNAVAILABLE"}', cookies: [] },
        })
      }
      expect(await new Browser().get(`${origin}/save`)).toMatchObject({
        ...{ status: 200, text: '"ERR_SOJOURN_STORE_UNAVAILABLE"', cookies: [] },
      })
    })

    it('outage: anonymous goes on without a session, and makes none', async () => {
      const engine = watchedEngine(memoryEngine())
      const { origin } = await node(
        { '/count': count, '/': look },
        { engine, outage: 'anonymous', saveUninitialized: true },
      )
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      const { cookie } = browser
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await browser.get(`${origin}/`)).toMatchObject({ status: 200, cookies: [] })
      expect((await browser.get(`${origin}/count`)).status).toBe(503)
      engine.failure = undefined
      expect(browser.cookie).toBe(cookie)
      expect((await json(browser, `${origin}/count`))['n']).toBe(2)
    })

    it('set of a session that has ended brings nothing back', async () => {
      const { origin, middleware } = await node({
        '/': async (req, res) => {
          req.session['n'] = 1
          await req.session.save()
          const id = req.sessionID
          const data = (await req.sessionStore.get(id)) as object
          await req.sessionStore.destroy(id)
          await req.sessionStore.set(id, data)
          await req.sessionStore.touch(id)
          res.json({ found: (await req.sessionStore.get(id)) ?? null })
        },
      })
      const dropped: unknown[] = []
      middleware.sessions.on('dropped', (event) => dropped.push(event))
      expect(await json(new Browser(), `${origin}/`)).toEqual({ found: null })
      expect(dropped).toMatchObject([{ reason: 'ended', attributes: ['n'] }])
    })

    it('with seal: token nobody opens a session by its id', async () => {
      const { origin } = await node(
        {
          '/': async (req, res) => {
            req.session['n'] = 1
            await req.session.save()
            const told = await req.sessionStore.get(req.sessionID).catch((error: Error) => error)
            res.json({ told: (told as Error).message })
          },
          '/count': count,
        },
        { seal: 'token' },
      )
      const browser = new Browser()
      const { told } = await json(browser, `${origin}/`)
      expect(told).toMatch(/seal/)
      expect((await json(browser, `${origin}/count`))['n']).toBe(2)
    })
  })

  describe('ids', () => {
    it('are no cookies, and are told before the session is stored', async () => {
      const { origin, middleware } = await node({
        '/': (req, res) => {
          const before = req.sessionID
          req.session['n'] = 1
          res.json({
            before,
            printed: inspect(req, { depth: 6 }),
            json: JSON.stringify(req.session),
          })
        },
        '/id': (req, res) => res.json({ id: req.sessionID }),
      })
      const browser = new Browser()
      const { before } = await json(browser, `${origin}/`)
      expect((await json(browser, `${origin}/id`))['id']).toBe(before)
      const token = browser.jar.get('connect.sid') as string
      expect((await middleware.sessions.open(token)).id).toBe(before)
      const stranger = await new Browser().get(`${origin}/id`, {
        cookie: `connect.sid=${String(before)}`,
      })
      expect(stranger.text).not.toContain(String(before))
      const { printed } = await json(browser, `${origin}/`)
      // The header that the browser has sent is Node's.
      const secret = token.slice(4, token.indexOf('.'))
      expect(String(printed).replaceAll(`connect.sid=${token}`, '')).not.toContain(secret)
    })

    it('genid names the session, for as long as it lives; the cookie stays random', async () => {
      let made = 0
      const { origin, middleware } = await node(
        {
          '/count': count,
          '/regenerate': (req, res) =>
            req.session.regenerate(() => res.json({ id: req.sessionID })),
          '/get': (req, res) =>
            req.sessionStore.get(req.sessionID, (error) => res.json({ told: String(error) })),
        },
        { genid: (req: { url: string }) => `${req.url.slice(1)}-${++made}` },
      )
      const browser = new Browser()
      expect(await json(browser, `${origin}/count`)).toEqual({ n: 1, id: 'count-1', same: true })
      const cookie = browser.jar.get('connect.sid') as string
      expect(cookie).toMatch(/^s%3A[\w-]{48}\./)
      expect(await json(browser, `${origin}/count`)).toEqual({ n: 2, id: 'count-1', same: true })
      expect(await json(browser, `${origin}/regenerate`)).toEqual({ id: 'regenerate-2' })
      expect(await json(browser, `${origin}/count`)).toEqual({
        ...{ n: 1, id: 'regenerate-2', same: true },
      })
      expect((await json(browser, `${origin}/get`))['told']).toContain('genid')
      const session = await middleware.sessions.open(browser.jar.get('connect.sid'))
      expect(session.toJSON()).toEqual({ n: 1 })
    })
  })

  describe('principal', () => {
    const handlers: Readonly<Record<string, Handler>> = {
      '/count': count,
      '/': look,
      '/login/:user': (req, res) => {
        req.session['user'] = Number(req.params['user'])
        res.end()
      },
      '/logout': (req, res) => {
        delete req.session['user']
        res.end()
      },
    }
    const principal = (session: { user?: number }): number | undefined => session.user

    it('who appears is signed in, with a new token; who goes is not, and the rest stays', async () => {
      const { origin, middleware } = await node(handlers, { principal })
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      const before = browser.cookie
      await browser.get(`${origin}/login/7`)
      const signedIn = browser.cookie
      expect(signedIn).not.toBe(before)
      expect(await middleware.sessions.of('7').count()).toBe(1)
      expect((await json(browser, `${origin}/`))['session']).toMatchObject({ n: 1, user: 7 })
      await browser.get(`${origin}/login/8`)
      expect(await middleware.sessions.of('7').count()).toBe(0)
      expect(await middleware.sessions.of('8').count()).toBe(1)
      const eighth = browser.cookie
      await browser.get(`${origin}/logout`)
      expect(browser.cookie).not.toBe(eighth)
      expect(await middleware.sessions.of('8').count()).toBe(0)
      const { session } = await json(browser, `${origin}/`)
      expect(session).toEqual({ cookie: expect.anything() as unknown, n: 1 })
      for (const cookie of [before, signedIn, eighth]) {
        const answer = await new Browser().get(`${origin}/`, { cookie })
        expect((JSON.parse(answer.text) as { session: object }).session).not.toHaveProperty('n')
      }
    })

    it('with `rolling` no answer brings the token of before a parallel sign-in back', async () => {
      const parallel = new Browser()
      let next = ''
      const { origin } = await node(
        {
          ...handlers,
          '/slow': async (req, res) => {
            expect(req.session['n']).toBe(1)
            if (next !== '') await parallel.get(`${origin}${next}`, { cookie: browser.cookie })
            res.end()
          },
        },
        { principal, rolling: true },
      )
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      for (next of ['', '/login/7', '/login/8', '/logout']) {
        const { cookies } = await browser.get(`${origin}/slow`)
        expect(cookies).toHaveLength(next === '' ? 1 : 0)
        for (const [name, value] of parallel.jar) browser.jar.set(name, value)
      }
    })

    it('limits hold, and who is refused is told', async () => {
      const maxSessions = { max: 1, policy: 'reject' }
      const { origin } = await node(handlers, { principal, maxSessions })
      await new Browser().get(`${origin}/login/7`)
      expect(await new Browser().get(`${origin}/login/7`)).toMatchObject({
        ...{ status: 409, text: '{"failed":"ERR_SOJOURN_SESSION_LIMIT"}' },
      })
    })

    it('one session’s cookie goes along', async () => {
      const { origin } = await node(
        {
          ...handlers,
          '/remember/:user': (req, res) => {
            req.session['user'] = Number(req.params['user'])
            req.session.cookie.maxAge = 86_400_000 * 30
            req.session.cookie.sameSite = 'strict'
            res.end()
          },
        },
        { principal },
      )
      const browser = new Browser()
      const { cookies } = await browser.get(`${origin}/remember/7`)
      expect(cookies[0]).toMatch(/Expires=.*SameSite=Strict/)
      const { session } = await json(browser, `${origin}/`)
      expect(session).toMatchObject({
        cookie: { originalMaxAge: 86_400_000 * 30, sameSite: 'strict' },
      })
      await browser.get(`${origin}/logout`)
      expect((await json(browser, `${origin}/`))['session']).toMatchObject({
        cookie: { originalMaxAge: 86_400_000 * 30, sameSite: 'strict' },
      })
    })

    describe.each(['nobody', 'anonymous', 'ada'])('a sign-in by `login` decides: %s', (before) => {
      type Use = (session: Session, properties: Record<string, unknown>) => unknown
      const carl = { user: 'carl', who: 'carl' }
      const cases: readonly [string, Use, object][] = [
        ['login', (session) => session.login('carl'), { who: 'carl' }],
        ['then set', async (s) => (await s.login('carl'), s.set('user', 'carl')), carl],
        ['set and kept', (s) => (s.set('user', 'carl'), s.login('carl', { keep: ['user'] })), carl],
        ['then changed', async (s, own) => (await s.login('carl'), (own['user'] = 'carl')), carl],
        ['another', async (s, own) => (await s.login('carl'), (own['x'] = 1)), { who: 'carl' }],
        ['a level', async (s) => (await s.login('carl'), s.stepUp(2)), { who: 'carl' }],
        [
          'shown',
          async (s, own) => (await s.login('carl'), expect(own['user']).toBeUndefined()),
          { who: 'carl' },
        ],
        [
          'changed to the same',
          async (s, own) => ((own['user'] = 'carl'), await s.login('carl')),
          carl,
        ],
        [
          'changed before',
          async (s, own) => ((own['user'] = 'dora'), await s.login('carl')),
          { who: 'carl' },
        ],
        [
          'deleted and kept',
          async (s, own) => (
            s.set('user', 'carl'), delete own['user'], await s.login('carl', { keep: ['user'] })
          ),
          carl,
        ],
        ['changed before logout', async (s, own) => ((own['user'] = 'dora'), await s.logout()), {}],
        ['logout', (session) => session.logout(), {}],
        ['logout and a change', async (s, own) => (await s.logout(), (own['x'] = 1)), {}],
      ]
      it.each(cases)('%s', async (_, use, expected) => {
        const { origin, middleware } = await node(
          {
            '/anonymous': count,
            '/ada': (req, res) => ((req.session['user'] = 'ada'), void res.end()),
            '/use': async (req, res) => {
              expect(req.session['user']).toBe(before === 'ada' ? 'ada' : undefined)
              await use(middleware.sessions.from(req), req.session as never)
              res.end()
            },
            '/who': (req, res) => {
              const who = middleware.sessions.from(req).principal
              res.json({ who, user: req.session['user'] })
            },
          },
          { principal },
        )
        const browser = new Browser()
        if (before !== 'nobody') await browser.get(`${origin}/${before}`)
        const told: string[] = []
        middleware.sessions.on('login', (event) => told.push(event.principal))
        expect((await browser.get(`${origin}/use`)).status).toBe(200)
        for (let turn = 0; turn < 2; turn++) {
          expect(await json(browser, `${origin}/who`)).toEqual(expected)
        }
        expect(told).toEqual('who' in expected ? ['carl'] : [])
        expect(await middleware.sessions.of('ada').count()).toBe(0)
      })

      it('what is set after it counts, also what was there before', async () => {
        const { origin, middleware } = await node(
          {
            '/anonymous': count,
            '/ada': (req, res) => ((req.session['user'] = 'ada'), void res.end()),
            '/in/:who/:user': async (req, res) => {
              expect(req.session['user']).toBe(before === 'ada' ? 'ada' : undefined)
              await middleware.sessions.from(req).login(String(req.params['who']))
              req.session['user'] = req.params['user']
              res.end()
            },
            '/who': (req, res) => {
              const who = middleware.sessions.from(req).principal
              res.json({ who, user: req.session['user'] })
            },
          },
          { principal },
        )
        for (const who of ['ada', 'carl']) {
          const browser = new Browser()
          if (before !== 'nobody') await browser.get(`${origin}/${before}`)
          await browser.get(`${origin}/in/${who}/ada`)
          expect(await json(browser, `${origin}/who`)).toEqual({ who: 'ada', user: 'ada' })
        }
      })
    })
  })

  describe('beside the other API', () => {
    it('what it has stored stays as it is, and members’ names too', async () => {
      const sessions = createSessions()
      const value = { at: new Date(0), map: new Map([[1, 2]]), big: 2n ** 70n }
      const { origin } = await startNode(version, { sessions }, (app) => {
        app.get('/count', on(count))
        app.get(
          '/',
          on((req, res) => void res.json(Object.keys(req.session))),
        )
      })
      const session = await sessions.open()
      for (const [name, one] of Object.entries({ ...value, save: 'a member', cookie: 'it too' })) {
        session.set(name, one)
      }
      await session.commit()
      const browser = new Browser()
      browser.jar.set('connect.sid', String(session.token))
      expect((await json(browser, `${origin}/count`))['n']).toBe(1)
      expect(await json(browser, `${origin}/`)).toEqual(['cookie', 'at', 'map', 'big', 'n'])
      await session.refresh()
      expect(session.data).toEqual({ ...value, save: 'a member', cookie: 'it too', n: 1 })
    })

    it('mounted behind expressSessions it leaves the session alone', async () => {
      const sessions = createSessions({ cookie: { secure: false } })
      const app = version.express()
      app.use(expressSessions(sessions))
      const { origin } = await startNode(version, {}, (inner) => {
        inner.get(
          '/',
          on((req, res) => void res.json({ own: typeof req.sessionID })),
        )
        app.use(inner)
      })
      expect(await json(new Browser(), `${origin}/`)).toEqual({ own: 'string' })
      await sessions.close()
    })

    it('a rotated token comes with the response, whoever looks', async () => {
      const clock = manualClock()
      const { origin } = await node(
        { '/count': count, '/silent': (_, res) => res.send('silent'), '/': look },
        { clock, rotateEvery: '15m' },
      )
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      const before = browser.cookie
      clock.advance(16 * 60_000)
      const rotated = await browser.get(`${origin}/silent`)
      expect(rotated.cookies).toHaveLength(1)
      expect(browser.cookie).not.toBe(before)
      // Whose response was lost gets it too.
      const late = new Browser()
      expect((await late.get(`${origin}/silent`, { cookie: before })).cookies).toHaveLength(1)
      expect((await json(browser, `${origin}/count`))['n']).toBe(2)
    })

    it('the session of a WebSocket’s handshake is found by the same cookie', async () => {
      const { origin, middleware } = await node({ '/count': count })
      const browser = new Browser()
      await browser.get(`${origin}/count`)
      const { createServer } = await import('node:http')
      const server = createServer().listen(0, '127.0.0.1')
      const found = new Promise<unknown>((resolve) => {
        server.on('upgrade', (request, socket) => {
          void sessionOfUpgrade(middleware.sessions, request).then((session) => {
            resolve(session.toJSON())
            socket.destroy()
          })
        })
      })
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as { port: number }
      const headers = { connection: 'Upgrade', upgrade: 'websocket', cookie: browser.cookie }
      send({ host: '127.0.0.1', port, headers })
        .on('error', () => undefined)
        .end()
      expect(await found).toEqual({ n: 1 })
      await new Promise((resolve) => server.close(resolve))
    })

    it('a maxAge of ten years is as long as a session can live', async () => {
      const { origin, middleware } = await node(
        { '/count': count },
        { cookie: { maxAge: 86_400_000 * 3650 }, secret: SECRET },
      )
      const browser = new Browser()
      const { cookies } = await browser.get(`${origin}/count`)
      expect(cookies[0]).toMatch(/Expires=/)
      const session = await middleware.sessions.open(browser.jar.get('connect.sid'))
      expect((session.expiresAt ?? 0) - Date.now()).toBeGreaterThan(86_400_000 * 399)
    })
  })
}

function cyclic(): object {
  const cycle: { self?: object } = {}
  cycle.self = cycle
  return cycle
}
