/** Libraries written for @fastify/session, unmodified. */
import fastifyCookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import flash from '@fastify/flash'
import { Authenticator } from '@fastify/passport'
import type { FastifyInstance } from 'fastify'
import { Strategy } from 'passport-local'
import { createSessions } from 'sojourn'
import { fastifySession } from 'sojourn/fastify-session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import type { Browser } from '../support/http-client.ts'
import { SECRET } from '../support/world.ts'
import { makeApp, row, type Step, start } from './pair.ts'

const quiet = { cookie: { secure: false }, saveUninitialized: false, rolling: false } as const
const json = { 'content-type': 'application/json' }
const login = (password = 'right'): Step => ({
  path: '/login',
  method: 'POST',
  headers: json,
  body: JSON.stringify({ username: 'ada', password }),
})

async function passportApp(app: FastifyInstance): Promise<void> {
  const passport = new Authenticator()
  await app.register(passport.initialize())
  await app.register(passport.secureSession())
  passport.use(
    'local',
    new Strategy((username, password, done) => {
      done(null, password === 'right' ? { name: username } : false)
    }),
  )
  passport.registerUserSerializer((user: { name: string }) => Promise.resolve(user.name))
  passport.registerUserDeserializer((name: string) => Promise.resolve({ name }))
  const preValidation = passport.authenticate('local', { authInfo: false })
  const keep = passport.authenticate('local', { authInfo: false, keepSessionInfo: true })
  app.get('/cart', ({ session }) => {
    session.list = [...(session.list ?? []), { sku: 'a' }]
    return String(session.list.length)
  })
  app.get('/show', ({ session }) => `${session.list?.length} <${session.sessionId}>`)
  app.post('/login', { preValidation }, () => 'in')
  app.post('/login-keep', { preValidation: keep }, () => 'in')
  app.get('/who', ({ user }) => (user as { name: string } | null)?.name ?? 'nobody')
  app.get('/logout', (request) => request.logout().then(() => 'out'))
}

describe('@fastify/passport', () => {
  const steps = [
    '/who',
    '/cart',
    '/show',
    login('wrong'),
    login(),
    '/who',
    '/show',
    '/logout',
    '/who',
    '/show',
  ]
  row('sign in and out', quiet, steps, passportApp)
  row('sign in and out, by the defaults', { cookie: { secure: false } }, steps, passportApp)
  row(
    'keepSessionInfo',
    quiet,
    ['/cart', { ...login(), path: '/login-keep' }, '/who', '/show'],
    passportApp,
  )
  row(
    'the cookie from before the sign-in',
    quiet,
    ['/cart', login(), { path: '/who', cookie: 0 }],
    passportApp,
  )

  describe('on Redis, two nodes', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    const node = async (): Promise<Browser> => {
      const app = makeApp()
      await app.register(fastifyCookie)
      await app.register(fastifySession, { ...quiet, secret: SECRET, redis: server.url })
      await passportApp(app)
      return start(app)
    }

    it('with `principal` their sessions are listed, and signed out everywhere', async () => {
      const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
      const principal = (session: object): string | undefined =>
        (session as { passport?: string }).passport
      const app = makeApp()
      await app.register(fastifyCookie)
      await app.register(fastifySession, { ...quiet, sessions, principal })
      await passportApp(app)
      app.get('/principal', (request) => sessions.from(request).principal ?? 'nobody')
      app.addHook('onClose', () => sessions.close())
      const browser = await start(app)
      await browser.get('/cart')
      const { path, ...request } = { ...login(), path: '/login-keep' }
      await browser.get(path, request as object)
      expect((await browser.get('/principal')).text).toBe('ada')
      expect((await browser.get('/show')).text).toContain('1 <')
      // Known by now: no other token comes.
      expect((await browser.get('/cart')).cookies).toEqual([
        expect.stringContaining(browser.cookie),
      ])
      expect(await sessions.of('ada').count()).toBe(1)
      await browser.get('/logout')
      expect((await browser.get('/principal')).text).toBe('nobody')
      expect(await sessions.of('ada').count()).toBe(0)
      await browser.get(path, request as object)
      await sessions.of('ada').revokeAll()
      expect((await browser.get('/who')).text).toBe('nobody')
    })

    it('signed in on one is known on the other, signed out on one is out on both', async () => {
      const [one, two] = [await node(), await node()]
      await one.get('/cart')
      const { path, ...request } = login()
      expect((await one.get(path, request as object)).text).toBe('in')
      const { cookie } = one
      expect((await two.get('/who', { cookie })).text).toBe('ada')
      const counts = [one, two, one, two].map((each) => each.get('/show', { cookie }))
      for (const { text } of await Promise.all(counts)) expect(text).toContain('undefined')
      expect((await two.get('/logout', { cookie })).text).toBe('out')
      await expect.poll(async () => (await one.get('/who', { cookie })).text).toBe('nobody')
      expect((await two.get('/who', { cookie })).text).toBe('nobody')
    })
  })
})

describe('@fastify/flash', () => {
  row('messages are there once', quiet, ['/say', '/say', '/read', '/read'], async (app) => {
    await app.register(flash)
    app.get('/say', (request) => String(request.flash('info', 'hello %s', 'ada')))
    app.get('/read', (_, reply) => reply.flash('info'))
  })
})

describe('@fastify/csrf-protection', () => {
  const build = async (app: FastifyInstance): Promise<void> => {
    await app.register(csrf, { sessionPlugin: '@fastify/session' })
    app.get('/token', (_, reply) => ({ length: reply.generateCsrf().length }))
    app.get('/form', async (request, reply) => {
      const token = reply.generateCsrf()
      const sent = { method: 'POST', url: '/form', headers: { 'csrf-token': token } } as const
      const cookie = request.headers.cookie
      const own = await app.inject({ ...sent, headers: { ...sent.headers, cookie } })
      const other = await app.inject(sent)
      return { own: own.statusCode, other: other.statusCode }
    })
    app.post('/form', { preHandler: (...args) => app.csrfProtection(...args) }, () => 'taken')
  }
  row('a token counts for its session only', quiet, ['/token', '/form'], build)
})
