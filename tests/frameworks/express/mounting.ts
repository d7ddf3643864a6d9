import type { Request, Response } from 'express'
import { createSessions, memoryEngine, type Sessions, StoreUnavailableError } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { describe, expect, it } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { SECRET } from '../support/world.ts'
import { count } from './endings.ts'
import { type ExpressVersion, report, site } from './site.ts'

/** Where the middleware stands in an application, and what stands around it. */
export function expressMounting(version: ExpressVersion): void {
  describe('mounted', () => {
    it('twice: the session is opened once, and there is one cookie', async () => {
      const { browser, engine } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions), expressSessions(sessions))
        const router = version.Router()
        router.use(expressSessions(sessions))
        router.get('/', (req, res) => {
          count(req)
          res.send('counted')
        })
        app.use('/router', router)
      })
      expect(await browser.get('/router')).toMatchObject({ seen: { n: 1 } })
      engine.calls.length = 0
      expect(await browser.get('/router')).toMatchObject({ seen: { n: 2 }, cookies: [] })
      expect(engine.calls).toEqual(['load', 'commit'])
    })

    it('on a router: requests elsewhere have no session and cost nothing', async () => {
      const { browser, engine } = await site(version, (app, sessions) => {
        const router = version.Router()
        router.use(expressSessions(sessions))
        router.get('/', (req, res) => {
          count(req)
          res.send('counted')
        })
        app.use('/shop', router)
        app.get('/', (req, res) => void res.json({ session: 'session' in req }))
      })
      expect(await browser.get('/shop')).toMatchObject({ seen: { n: 1 } })
      engine.calls.length = 0
      expect((await browser.get('/')).text).toBe('{"session":false}')
      expect(engine.calls).toEqual([])
    })

    it('on a router that lets the request through: errors go to the handlers behind it', async () => {
      const { browser } = await site(version, (app, sessions) => {
        const router = version.Router()
        router.use(expressSessions(sessions))
        app.use(router)
        app.get('/', (req, res) => {
          ;(req.session as unknown as Data).name = 'x'.repeat(5_000)
          res.send('refused')
        })
        app.use(report)
      })
      expect(await browser.get('/')).toMatchObject({
        status: 500,
        text: '{"error":"ERR_SOJOURN_TOO_LARGE"}',
      })
    })

    it('without an error handler: Express answers with the status of the error', async () => {
      const { browser, engine } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions))
        app.use((req, _, next) => {
          count(req)
          next()
        })
        app.get('/', (_, res) => void res.send('refused'))
      })
      engine.failure = new StoreUnavailableError('gone', false)
      for (const path of ['/', '/not-found']) {
        const answer = await browser.get(path)
        expect(answer).toMatchObject({ status: 503, message: 'Service Unavailable' })
        expect(answer.text).not.toMatch(/refused|Cannot GET/)
      }
    })

    it('404 of Express itself: the session is stored with it', async () => {
      const { browser } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions))
        app.use((req, _, next) => {
          count(req)
          next()
        })
      })
      expect(await browser.get('/nowhere')).toMatchObject({ status: 404, seen: { n: 1 } })
    })

    it('next(error): what was changed is stored with the answer of the error handler', async () => {
      const { browser, engine } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions))
        app.get('/', (req, _, next) => {
          count(req)
          next(Object.assign(new Error('boom'), { status: 418 }))
        })
        app.use(report)
      })
      engine.delay = 15
      expect(await browser.get('/')).toMatchObject({ status: 418, seen: { n: 1 } })
    })

    it('an answer and next(): the first one counts, whole', async () => {
      const { browser } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions))
        app.get('/', (req, res, next) => {
          count(req)
          res.send('first')
          next()
        })
        app.use((_, res, next) => {
          if (res.headersSent) return
          next()
        })
      })
      expect(await browser.get('/')).toMatchObject({ status: 200, text: 'first', seen: { n: 1 } })
    })
  })

  describe('behind middleware that has made something of the url', () => {
    const made: Record<string, (url: string, set: (url: string) => void) => PropertyDescriptor> = {
      'a property that cannot be configured': (url) => ({
        ...{ value: url, configurable: false, enumerable: true, writable: true },
      }),
      'a property that cannot be written': (url) => ({
        ...{ value: url, configurable: true, enumerable: true, writable: false },
      }),
      'an accessor': (url, set) => ({
        ...{ get: () => url, set, configurable: true, enumerable: true },
      }),
    }

    it.each(Object.keys(made))('%s: it stays that', async (kind) => {
      const seen: (string | PropertyDescriptor | undefined)[] = []
      let before: PropertyDescriptor | undefined
      const { browser } = await site(version, (app, sessions) => {
        app.use((req, _, next) => {
          before = made[kind]?.(req.url, (url) => seen.push(url))
          Object.defineProperty(req, 'url', before ?? {})
          next()
        })
        app.use(expressSessions(sessions))
        app.get('/', (req, res) => {
          count(req)
          seen.push(Object.getOwnPropertyDescriptor(req, 'url'))
          res.send('counted')
        })
      })
      expect(await browser.get('/')).toMatchObject({ status: 200, seen: { n: 1 } })
      expect(seen).toEqual([before])
    })
  })

  describe('over TLS', () => {
    it('without a proxy: the cookie is Secure, on loopback too', async () => {
      const { browser } = await site(version, (app, sessions) => {
        app.use((req, _, next) => {
          // What Express goes by: a TLS socket has it.
          Object.defineProperty(req.socket, 'encrypted', { value: true })
          next()
        })
        app.use(expressSessions(sessions))
        app.get('/', (req, res) => {
          count(req)
          res.send('counted')
        })
      })
      expect((await browser.get('/')).cookies).toEqual([
        expect.stringMatching(/^__Host-session=.*; Secure$/),
      ])
    })
  })

  describe('sessions under two cookies', () => {
    const own = (name: string): Sessions<Data> =>
      createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET], cookie: { name } })

    it('each has its own; req.session is that of the first', async () => {
      const admin = own('__Host-admin')
      const { browser, sessions } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions), expressSessions(admin))
        app.get('/', (req, res) => {
          count(req)
          admin.from(req).set('n', (admin.from(req).get('n') ?? 10) + 1)
          res.json({ own: sessions.from(req).get('n'), admin: admin.from(req).get('n') })
        })
        app.get('/admin', (req, res) => {
          admin.from(req).set('name', 'root')
          res.json({ name: req.session.names() })
        })
      })
      const first = await browser.get('/')
      expect(first.text).toBe('{"own":1,"admin":11}')
      expect(first.cookies.map((cookie) => cookie.split('=')[0])).toEqual(['session', 'admin'])
      expect(first.headers['vary']).toBe('Cookie')
      expect((await browser.get('/')).text).toBe('{"own":2,"admin":12}')
      const second = await browser.get('/admin')
      expect(second).toMatchObject({ text: '{"name":["n"]}', cookies: [] })
      const opened = await admin.open(browser.jar.get('admin'))
      expect(opened.toJSON()).toEqual({ n: 12, name: 'root' })
      expect((await sessions.open(browser.token)).toJSON()).toEqual({ n: 2 })
      await admin.close()
    })

    it.each(['first', 'second'])(
      'the response waits for both, and fails when the %s does',
      async (failing) => {
        const admin = own('__Host-admin')
        const { browser, engine } = await site(version, (app, sessions) => {
          if (failing === 'first') app.use(expressSessions(sessions))
          app.use(expressSessions(admin), expressSessions(sessions))
          const login = async (req: Request, res: Response): Promise<void> => {
            await admin.from(req).login('root')
            sessions.from(req).set('n', 1)
            res.send('stored')
          }
          app.get('/', (req, res, next) => void login(req, res).then(undefined, next))
          app.use(report)
        })
        engine.failure = new StoreUnavailableError('gone', false)
        const answer = await browser.get('/')
        expect(answer.status).toBe(503)
        // The other one has a new token by then: it must not get lost with the refused answer.
        expect(answer.cookies).toEqual([expect.stringMatching(/^admin=/)])
        engine.failure = undefined
        expect(await browser.get('/')).toMatchObject({ status: 200, seen: { n: 1 } })
        await admin.close()
      },
    )
  })
}
