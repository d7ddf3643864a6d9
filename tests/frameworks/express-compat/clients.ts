/** Libraries made for express-session, as they are, over HTTP. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import flash from 'connect-flash'
import { csrfSync } from 'csrf-sync'
import type { Express, Request, RequestHandler } from 'express'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import grant from 'grant'
import lusca from 'lusca'
import { Passport } from 'passport'
import { Strategy } from 'passport-local'
import { beforeAll, describe, expect, it } from 'vitest'
import { Browser, type Node, startNode } from './nodes.ts'
import { type ExpressVersion, on } from './versions.ts'

interface User {
  readonly id: number
  readonly name: string
}
const USERS: readonly User[] = [
  { id: 1, name: 'ada' },
  { id: 2, name: 'grace' },
]
/** Its types do not fit an ES module. */
const { express: grantExpress } = grant as unknown as {
  express: (config: object) => RequestHandler
}
const form = express.urlencoded({ extended: false })

/** Signing in and out, with Passport and connect-flash. */
function passportSite(app: Express, keepSessionInfo: boolean): void {
  const passport = new Passport()
  passport.use(
    new Strategy((username, password, done) => {
      const user = USERS.find(({ name }) => name === username)
      if (user === undefined || password !== 'right') return done(null, false, { message: 'Wrong' })
      return done(null, user)
    }),
  )
  passport.serializeUser((user, done) => done(null, (user as User).id))
  passport.deserializeUser((id, done) => done(null, USERS.find((user) => user.id === id) ?? false))
  app.use(form, flash(), passport.session())
  app.post(
    '/login',
    passport.authenticate('local', {
      ...{ successRedirect: '/', failureRedirect: '/login', failureFlash: true },
      keepSessionInfo,
    }),
  )
  app.get('/login', (req, res) => void res.json({ errors: req.flash('error') }))
  app.post('/logout', (req, res, next) => {
    req.logout({ keepSessionInfo }, (error) => (error ? next(error) : res.redirect('/')))
  })
  app.get('/', (req, res) => {
    const { name = null } = (req.user ?? {}) as Partial<User>
    const { session } = req as unknown as { session: Record<string, unknown> }
    res.json({ name, cart: session['cart'] ?? null, authenticated: req.isAuthenticated() })
  })
  app.all(
    '/cart/:item',
    on((req, res) => {
      req.session['cart'] = [...(req.session['cart'] ?? []), req.params['item']]
      res.json(req.session['cart'])
    }),
  )
  app.all(
    '/set/:name',
    on((req, res) => {
      req.session[String(req.params['name'])] = 1
      res.end()
    }),
  )
  app.get(
    '/session',
    on((req, res) => void res.json(req.session)),
  )
}

export function clientCases(version: ExpressVersion, redis: () => string): void {
  const node = (build: (app: Express, origin: string) => void, more: object = {}): Promise<Node> =>
    startNode(version, { redis: redis(), ...more }, build)
  const credentials = { username: 'ada', password: 'right' }

  describe.each([false, true])('Passport, keepSessionInfo %s', (keepSessionInfo) => {
    const principal = {
      principal: (session: { passport?: { user?: number } }) => session.passport?.user,
    }
    it.each([
      ['alone', {}],
      ['with the option principal', principal],
    ])(
      '%s: signs in on one node and is known on the other; the sign-out holds on both',
      async (_, more) => {
        const build = (app: Express): void => passportSite(app, keepSessionInfo)
        const [a, b] = [await node(build, more), await node(build, more)]
        const browser = new Browser()
        await browser.get(`${a.origin}/cart/book`)
        const before = browser.cookie
        expect(await browser.post(`${a.origin}/login`, credentials)).toMatchObject({
          ...{ status: 302, location: '/' },
        })
        const signedIn = browser.cookie
        expect(signedIn).not.toBe(before)
        const cart = keepSessionInfo ? ['book'] : null
        for (const { origin } of [b, a]) {
          expect(JSON.parse((await browser.get(`${origin}/`)).text)).toEqual({
            ...{ name: 'ada', cart, authenticated: true },
          })
        }
        // What was before the login is nobody's (session fixation).
        const old = await new Browser().get(`${b.origin}/`, { cookie: before })
        expect(JSON.parse(old.text)).toEqual({ name: null, cart: null, authenticated: false })
        expect(await browser.post(`${b.origin}/logout`)).toMatchObject({ status: 302 })
        for (const { origin } of [a, b]) {
          const answer = await new Browser().get(`${origin}/`, { cookie: signedIn })
          expect(JSON.parse(answer.text)).toMatchObject({ name: null, authenticated: false })
          expect(JSON.parse((await browser.get(`${origin}/`)).text)).toEqual({
            ...{ name: null, cart, authenticated: false },
          })
        }
      },
    )
  })

  it('Passport: a wrong password, told by connect-flash once', async () => {
    const { origin } = await node((app) => passportSite(app, false))
    const browser = new Browser()
    const answer = await browser.post(`${origin}/login`, { username: 'ada', password: 'wrong' })
    expect(answer).toMatchObject({ status: 302, location: '/login' })
    expect((await browser.get(`${origin}/login`)).text).toBe('{"errors":["Wrong"]}')
    expect((await browser.get(`${origin}/login`)).text).toBe('{"errors":[]}')
  })

  it('Passport: changes from two nodes at once are all there', async () => {
    const build = (app: Express): void => passportSite(app, true)
    const nodes = [await node(build), await node(build)] as const
    const browser = new Browser()
    await browser.post(`${nodes[0].origin}/login`, credentials)
    const names = Array.from({ length: 40 }, (_, i) => `a${i}`)
    await Promise.all(
      names.map((name, i) => browser.get(`${nodes[i % 2 === 0 ? 0 : 1].origin}/set/${name}`)),
    )
    const { text } = await browser.get(`${nodes[1].origin}/session`)
    const { cookie: _, passport, ...rest } = JSON.parse(text) as Record<string, unknown>
    expect(Object.keys(rest).toSorted()).toEqual(names.toSorted())
    expect(passport).toEqual({ user: 1 })
  })

  it('Passport, by one line more: a user’s sessions are known, and end everywhere', async () => {
    const more = {
      principal: (session: { passport?: { user?: number } }) => session.passport?.user,
    }
    const build = (app: Express): void => passportSite(app, false)
    const [a, b] = [await node(build, more), await node(build, more)]
    const [phone, laptop, other] = [new Browser(), new Browser(), new Browser()]
    await phone.post(`${a.origin}/login`, credentials, { 'User-Agent': 'a phone' })
    await laptop.post(`${b.origin}/login`, credentials, { 'User-Agent': 'a laptop' })
    await other.post(`${b.origin}/login`, { username: 'grace', password: 'right' })
    const mine = b.middleware.sessions.of('1')
    const list = await mine.list()
    expect(new Set(list.map(({ device }) => device))).toEqual(new Set(['a laptop', 'a phone']))
    const name = async (browser: Browser, { origin }: Node): Promise<unknown> =>
      (JSON.parse((await browser.get(`${origin}/`)).text) as { name: unknown }).name
    expect(await name(phone, b)).toBe('ada')
    await mine.revokeAll()
    for (const at of [a, b]) {
      // Another node knows within milliseconds.
      await expect.poll(() => name(phone, at)).toBe(null)
      await expect.poll(() => name(laptop, at)).toBe(null)
      expect(await name(other, at)).toBe('grace')
    }
    await phone.post(`${a.origin}/login`, credentials)
    await phone.post(`${a.origin}/logout`)
    expect(await mine.count()).toBe(0)
  })

  it('the store lists, reads, changes and ends the sessions of all nodes', async () => {
    const build = (app: Express): void => passportSite(app, true)
    const more = { prefix: `sj:store-${version.name.at(-1)}` }
    const [a, b] = [await node(build, more), await node(build, more)]
    const [ada, grace] = [new Browser(), new Browser()]
    await ada.post(`${a.origin}/login`, credentials)
    await grace.post(`${a.origin}/login`, { username: 'grace', password: 'right' })
    const { store } = b.middleware
    const all = await store.all()
    expect(await store.length()).toBe(2)
    const found = Object.entries(all).find(
      ([, { passport }]) => (passport as { user: number }).user === 1,
    )
    const [id, record] = found ?? ['', { cookie: {} }]
    await store.set(id, { ...record, cart: ['gift'] })
    const seen = async (browser: Browser): Promise<unknown> =>
      JSON.parse((await browser.get(`${a.origin}/`)).text)
    await expect.poll(() => seen(ada)).toMatchObject({ name: 'ada', cart: ['gift'] })
    await store.destroy(id)
    await expect.poll(() => seen(ada)).toMatchObject({ name: null, cart: null })
    expect(await seen(grace)).toMatchObject({ name: 'grace' })
    await store.clear()
    expect(await store.length()).toBe(0)
    await expect.poll(() => seen(grace)).toMatchObject({ name: null })
  })

  it('csrf-sync: the token of the session is asked for', async () => {
    const { origin } = await node((app) => {
      const { generateToken, csrfSynchronisedProtection } = csrfSync()
      app.get('/token', (req, res) => void res.send(generateToken(req)))
      app.post('/change', csrfSynchronisedProtection, (_, res) => void res.send('changed'))
    })
    const browser = new Browser()
    const { text } = await browser.get(`${origin}/token`)
    expect(await browser.post(`${origin}/change`)).toMatchObject({ status: 403 })
    const post = await browser.post(`${origin}/change`, {}, { 'x-csrf-token': text })
    expect(post).toMatchObject({ status: 200, text: 'changed' })
    const stranger = await new Browser().post(`${origin}/change`, {}, { 'x-csrf-token': text })
    expect(stranger.status).toBe(403)
  })

  it('lusca: the token of the session is asked for', async () => {
    const { origin } = await node((app) => {
      app.use(form, lusca({ csrf: true, xframe: 'SAMEORIGIN' }))
      app.get('/token', (_, res) => void res.send(String(res.locals['_csrf'])))
      app.post('/change', (_, res) => void res.send('changed'))
    })
    const browser = new Browser()
    const { text } = await browser.get(`${origin}/token`)
    expect((await browser.post(`${origin}/change`)).status).toBe(403)
    const post = await browser.post(`${origin}/change`, { _csrf: text })
    expect(post).toMatchObject({ status: 200, text: 'changed' })
    expect((await new Browser().post(`${origin}/change`, { _csrf: text })).status).toBe(403)
  })

  it('express-rate-limit by the session’s id', async () => {
    const { origin } = await node((app) => {
      app.use(
        on((req, _, next) => {
          req.session['seen'] = true
          next()
        }),
        rateLimit({
          ...{ windowMs: 60_000, limit: 2, legacyHeaders: false },
          keyGenerator: (req: Request) => (req as unknown as { sessionID: string }).sessionID,
        }),
      )
      app.get('/', (_, res) => void res.send('served'))
    })
    const [browser, other] = [new Browser(), new Browser()]
    const seen: number[] = []
    for (let i = 0; i < 3; i++) seen.push((await browser.get(`${origin}/`)).status)
    expect(seen).toEqual([200, 200, 429])
    expect((await other.get(`${origin}/`)).status).toBe(200)
  })

  describe('grant', () => {
    let provider: string
    beforeAll(async () => {
      // An OAuth 2 provider that knows one user, who always agrees.
      const app = express()
      const codes = new Set<string>()
      app.get('/authorize', (req, res) => {
        const code = `code${codes.size}`
        codes.add(code)
        const { redirect_uri: back, state } = req.query as Record<string, string>
        res.redirect(`${back}?code=${code}&state=${state}`)
      })
      app.post('/token', form, (req, res) => {
        const { code } = req.body as Record<string, string>
        if (!codes.delete(String(code))) return void res.status(400).json({ error: 'no such code' })
        res.json({ access_token: `of ${code}` })
      })
      const server = createServer(app).listen(0, '127.0.0.1')
      await once(server, 'listening')
      provider = `http://127.0.0.1:${(server.address() as { port: number }).port}`
      return async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    })

    it('OAuth: what was put in the session before is there after it', async () => {
      const build = (app: Express, origin: string): void => {
        app.use(
          grantExpress({
            defaults: { origin, transport: 'session', state: true },
            local: {
              ...{ authorize_url: `${provider}/authorize`, access_url: `${provider}/token` },
              ...{ oauth: 2, key: 'key', secret: 'secret', callback: '/done' },
            },
          }),
        )
        app.get(
          '/done',
          on((req, res) => void res.json(req.session['grant'])),
        )
      }
      const { origin } = await node(build)
      const browser = new Browser()
      const begun = await browser.get(`${origin}/connect/local`)
      const agreed = await browser.get(String(begun.location))
      expect(agreed.location).toContain(`${origin}/connect/local/callback?code=`)
      const back = await browser.get(String(agreed.location))
      expect(back).toMatchObject({ status: 302, location: '/done' })
      const { text } = await browser.get(`${origin}/done`)
      expect(JSON.parse(text)).toMatchObject({
        provider: 'local',
        response: { access_token: expect.stringMatching(/^of code/) as string },
      })
      // A stranger's callback is refused: the state is the session's.
      const stolen = await new Browser().get(String(begun.location))
      const strange = new Browser()
      await strange.get(String(stolen.location))
      expect((await strange.get(`${origin}/done`)).text).not.toContain('access_token')
    })
  })
}
