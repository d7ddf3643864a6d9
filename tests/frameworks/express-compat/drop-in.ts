/** What applications reach for beside `req.session`: the cookie, the store's class and its methods. */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { compat, MemoryStore } from 'sojourn/express-compat'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Browser, type Node, SECRET, startNode } from './nodes.ts'
import { count } from './rows/storing.ts'
import { type ExpressVersion, type Handler, on } from './versions.ts'

type Callback = (error?: unknown) => void
type Options = Parameters<typeof startNode>[1]

/** The value between `s:` and the signature, if that is right. */
function unsign(cookie: string, secret: string): string | undefined {
  const text = decodeURIComponent(cookie)
  const dot = text.lastIndexOf('.')
  const value = text.slice(2, dot)
  const signature = createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, '')
  return text.startsWith('s:') && text.slice(dot + 1) === signature ? value : undefined
}

export function dropInCases(version: ExpressVersion): void {
  const node = (handlers: Record<string, Handler>, options: Options = {}): Promise<Node> =>
    startNode(version, options, (app) => {
      for (const [path, handler] of Object.entries(handlers)) app.all(path, on(handler))
    })
  const tell: Handler = (req, res) => res.json({ n: req.session['n'] ?? null })
  const set: Handler = (req, res) => {
    req.session['n'] = 1
    res.json({})
  }

  describe('the cookie', () => {
    it('is signed as that of express-session, and what is signed opens the session in the store', async () => {
      const { origin, middleware } = await node({ '/': count })
      const browser = new Browser()
      const { id } = JSON.parse((await browser.get(`${origin}/`)).text) as { id: string }
      const token = unsign(browser.jar.get('connect.sid') ?? '', SECRET) as string
      expect(token).toMatch(/^[\w-]{48}$/)
      expect(await middleware.store.get(token)).toMatchObject({ n: 1 })
      expect((await middleware.store.load(token))?.id).toBe(id)
      await middleware.store.destroy(token)
      expect(await middleware.store.get(id)).toBeUndefined()
    })

    it('is signed by the first of several secrets, and by none where there is none', async () => {
      const signed = await node({ '/': count }, { secret: ['first', SECRET] })
      const browser = new Browser()
      await browser.get(`${signed.origin}/`)
      expect(unsign(browser.jar.get('connect.sid') ?? '', 'first')).toBeDefined()
      const plain = await node({ '/': count }, { secret: undefined, secrets: SECRET })
      const other = new Browser()
      await other.get(`${plain.origin}/`)
      expect(other.jar.get('connect.sid')).toMatch(/^[\w-]{48}$/)
    })

    it('opens nothing when the token in it has been changed', async () => {
      const { origin } = await node({ '/set': set, '/': tell })
      const browser = new Browser()
      await browser.get(`${origin}/set`)
      expect((await browser.get(`${origin}/`)).text).toBe('{"n":1}')
      const cookie = browser.cookie.replace(/...\./, '.')
      expect((await browser.get(`${origin}/`, { cookie })).text).toBe('{"n":null}')
    })

    it.each(['cookies', 'signedCookies'])(
      'is found in req.%s where the header has lost it',
      async (property) => {
        const strip = (req: IncomingMessage, _: unknown, next: Callback): void => {
          const value = decodeURIComponent(req.headers.cookie?.split('connect.sid=')[1] ?? '')
          const parsed = property === 'cookies' ? value : unsign(encodeURIComponent(value), SECRET)
          Object.assign(req, { [property]: value === '' ? {} : { 'connect.sid': parsed } })
          req.headers.cookie = 'other=1'
          next()
        }
        const session = compat({ secret: SECRET, resave: false, saveUninitialized: false })
        const app = version.express()
        app.use(strip, session)
        app.all('/set', on(set))
        app.all('/', on(tell))
        const server = createServer(app).listen(0, '127.0.0.1')
        await once(server, 'listening')
        onTestFinished(async () => {
          server.closeAllConnections()
          await new Promise((resolve) => server.close(resolve))
          await session.sessions.close()
        })
        const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
        const browser = new Browser()
        await browser.get(`${origin}/set`)
        expect((await browser.get(`${origin}/`)).text).toBe('{"n":1}')
      },
    )
  })

  describe('the constructors', () => {
    it('are those of what a request has', async () => {
      const { origin } = await node({
        '/': (req, res) =>
          res.json([
            req.session instanceof compat.Session,
            req.session.cookie instanceof compat.Cookie,
            req.sessionStore instanceof compat.Store,
          ]),
      })
      expect((await new Browser().get(`${origin}/`)).text).toBe('[true,true,true]')
    })

    it('MemoryStore: sessions that several middlewares share', async () => {
      const store = new MemoryStore()
      const first = await node({ '/set': set }, { store })
      const second = await node({ '/': tell }, { store })
      const browser = new Browser()
      await browser.get(`${first.origin}/set`)
      expect((await browser.get(`${second.origin}/`)).text).toBe('{"n":1}')
      expect(await store.length()).toBe(1)
      await store.clear()
      expect((await browser.get(`${second.origin}/`)).text).toBe('{"n":null}')
    })

    it('MemoryStore: knows nothing before it has been given away', async () => {
      await expect(new MemoryStore().get('x')).rejects.toThrow('has not been given to compat()')
    })
  })

  describe('req.sessionStore', () => {
    it("stores the request's own session, also one that is new", async () => {
      const { origin, middleware } = await node({
        '/': (req, res) => {
          req.session['n'] = 1
          req.sessionStore.set(req.sessionID, req.session, (error) => {
            req.sessionStore.get(req.sessionID, (failure, stored) => {
              res.json({ error: error ?? failure ?? null, n: stored?.['n'] ?? null })
            })
          })
        },
      })
      expect((await new Browser().get(`${origin}/`)).text).toBe('{"error":null,"n":1}')
      expect(await middleware.store.length()).toBe(1)
    })

    const watched = async (
      options: Options,
      handlers: Record<string, Handler>,
    ): Promise<Node & { readonly told: string[] }> => {
      const started = await node(handlers, options)
      const told: string[] = []
      const { store } = started.middleware
      const original = store.set.bind(store)
      store.set = ((id: string, session: object, callback: Callback) => {
        told.push(id)
        return original(id, session, callback)
      }) as typeof store.set
      return { ...started, told }
    }

    it("an application's own in its place is told of each session that is stored, once", async () => {
      const { origin, told } = await watched(
        {},
        {
          '/': count,
          '/look': tell,
          '/save': (req, res) => {
            req.session['m'] = 1
            req.session.save(() => res.json({ id: req.sessionID }))
          },
        },
      )
      const browser = new Browser()
      const { id } = JSON.parse((await browser.get(`${origin}/`)).text) as { id: string }
      expect(told).toEqual([id])
      expect((await browser.get(`${origin}/look`)).text).toBe('{"n":1}')
      expect(told).toEqual([id])
      await browser.get(`${origin}/save`)
      expect(told).toEqual([id, id])
      await browser.get(`${origin}/`)
      expect(told).toEqual([id, id, id])
    })

    it('and of unmodified ones with `resave`, and of new ones with `saveUninitialized`', async () => {
      const { origin, told } = await watched(
        { resave: true, saveUninitialized: true },
        { '/': (_, res) => res.json({}) },
      )
      const browser = new Browser()
      await browser.get(`${origin}/`)
      expect(told).toHaveLength(1)
      await browser.get(`${origin}/`)
      expect(told).toHaveLength(2)
      expect(told[1]).toBe(told[0])
    })

    it("get: an application's own is asked for what a request comes with", async () => {
      const { origin, middleware } = await node({ '/': count, '/look': tell })
      const { store } = middleware
      const browser = new Browser()
      await browser.get(`${origin}/`)
      const answers: ((callback: (error: unknown, record?: unknown) => void) => void)[] = [
        (callback) => callback(null, { cookie: {}, n: 7 }),
        (callback) => callback(new Error('away')),
        (callback) => callback(Object.assign(new Error('none'), { code: 'ENOENT' })),
        (callback) => callback(null),
      ]
      const seen: unknown[] = []
      for (const answer of answers) {
        store.get = ((_: string, callback: Callback) => answer(callback)) as typeof store.get
        const cookie = browser.cookie
        const { status, text } = await new Browser().get(`${origin}/look`, { cookie })
        seen.push([status, text])
      }
      expect(seen).toEqual([
        [200, '{"n":7}'],
        [500, '{"failed":"away"}'],
        [200, '{"n":null}'],
        [200, '{"n":null}'],
      ])
    })

    it('its error is that of the request', async () => {
      const { origin, middleware } = await node({ '/': set })
      middleware.store.set = ((_: string, __: object, callback: Callback) =>
        callback(new Error('refused'))) as typeof middleware.store.set
      const { status, text } = await new Browser().get(`${origin}/`)
      expect([status, text]).toEqual([500, '{"failed":"refused"}'])
    })
  })
}
