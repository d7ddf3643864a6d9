// Old applications as they are written, of packages whose types would change those of Express here.
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import express from 'express'
import expressSession from 'express-session'
import fastify from 'fastify'
import { getIronSession } from 'iron-session'
import Koa from 'koa'
import koaSession from 'koa-session'

/** Milliseconds; nothing for a cookie that ends with the browser. */
function ageIn(text) {
  return text === 'session' ? undefined : Number(text)
}

/** express-session with connect-redis. */
export function expressSessionApp({ client, prefix = 'sess:', secret, maxAge, cookie }) {
  return expressApp(
    expressSession({
      store: new RedisStore({ client, prefix }),
      secret,
      ...{ resave: false, saveUninitialized: false },
      cookie: { ...cookie, ...(maxAge === undefined ? {} : { maxAge }) },
    }),
  )
}

/** On whatever gives `req.session` as express-session does. */
/** @param more adds routes */
export function expressApp(middleware, more) {
  const app = express()
  app.use(middleware)
  more?.(app)
  app.get('/me', (req, res) => {
    const { cookie: _, ...data } = req.session
    res.json(data)
  })
  app.get('/login/:user', (req, res, next) => {
    const { count } = req.session
    req.session.regenerate((error) => {
      if (error) return next(error)
      req.session.userId = req.params.user
      if (count !== undefined) req.session.count = count
      res.json({})
    })
  })
  app.get('/count', (req, res) => {
    req.session.count = (req.session.count ?? 0) + 1
    res.json({ count: req.session.count })
  })
  app.get('/remember/:user/:age', (req, res) => {
    req.session.userId = req.params.user
    req.session.cookie.maxAge = ageIn(req.params.age) ?? null
    res.json({})
  })
  app.get('/cart', (req, res) => {
    req.session.cart = { items: [{ sku: 'tea', quantity: 2 }], at: '2026-01-01' }
    res.json({})
  })
  app.get('/set/:name/:value', (req, res) => {
    req.session[req.params.name] = req.params.value
    res.json({})
  })
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({})))
  })
  return app
}

/** @fastify/session with connect-redis. */
export function fastifyApp({ client, prefix = 'sess:', secret, maxAge, algorithm }) {
  return fastifyAppOn(fastifySession, {
    store: new RedisStore({ client, prefix }),
    secret,
    saveUninitialized: false,
    ...(algorithm === undefined ? {} : { algorithm }),
    cookie: { secure: false, ...(maxAge === undefined ? {} : { maxAge }) },
  })
}

/** On whatever gives `request.session` as @fastify/session does. */
export async function fastifyAppOn(plugin, options, more) {
  const app = fastify()
  app.register(fastifyCookie)
  app.register(plugin, options)
  more?.(app)
  app.get('/me', async ({ session }) => {
    const { cookie: _, ...data } = session
    return data
  })
  app.get('/login/:user', (request) =>
    request.session.regenerate(['count']).then(() => {
      request.session.userId = request.params.user
      return {}
    }),
  )
  app.get('/remember/:user/:age', async ({ session, params }) => {
    session.userId = params.user
    session.options({ maxAge: ageIn(params.age) ?? null })
    return {}
  })
  app.get('/count', async ({ session }) => {
    session.count = (session.count ?? 0) + 1
    return { count: session.count }
  })
  app.get('/logout', async ({ session }) => {
    await session.destroy()
    return {}
  })
  await app.ready()
  const listener = (request, response) => app.routing(request, response)
  return Object.assign(listener, { close: () => app.close() })
}

/** koa-session, in a store of JSON in Redis or in a signed cookie. */
export function koaApp({ client, prefix = '', secret, maxAge }) {
  const store = client && {
    get: async (key) => JSON.parse((await client.get(prefix + key)) ?? 'null'),
    set: (key, session, age) =>
      client.set(prefix + key, JSON.stringify(session), { PX: Math.floor(age) || 86_400_000 }),
    destroy: (key) => client.del(prefix + key),
  }
  const options = { ...(store && { store }), ...(maxAge && { maxAge }) }
  return koaAppOn(koaSession, options, [secret].flat())
}

/** On whatever gives `ctx.session` as koa-session does. */
export function koaAppOn(session, options, keys) {
  const app = new Koa()
  app.keys = keys
  app.use(session(options, app))
  app.use(async (ctx) => {
    const [, what, user, age] = ctx.path.split('/')
    const { session } = ctx
    ctx.body = {}
    if (what === 'me') ctx.body = session.toJSON()
    if (what === 'login') session.userId = user
    if (what === 'remember') {
      session.userId = user
      session.maxAge = ageIn(age) ?? 'session'
    }
    if (what === 'logout') ctx.session = null
    if (what === 'count') {
      session.count = (session.count ?? 0) + 1
      ctx.body = { count: session.count }
    }
  })
  return app.callback()
}

/** iron-session, on Express. */
export function ironApp({ password, cookieName }) {
  const app = express()
  const options = { password, cookieName, cookieOptions: { secure: false } }
  const answer = (work) => (req, res) =>
    getIronSession(req, res, options)
      .then((session) => work(session, req.params))
      .then((body) => res.json(body))
  app.get(
    '/me',
    answer((session) => session),
  )
  app.get(
    '/login/:user',
    answer(async (session, { user }) => {
      session.userId = user
      await session.save()
      return {}
    }),
  )
  app.get(
    '/count',
    answer(async (session) => {
      session.count = (session.count ?? 0) + 1
      await session.save()
      return { count: session.count }
    }),
  )
  return app
}
