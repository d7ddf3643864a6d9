import { once } from 'node:events'
import { createServer } from 'node:http'
import { RedisStore } from 'connect-redis'
import express from 'express'
import expressSession from 'express-session'

const SECRET = 'keyboard cat'

/** The old application: express-session with connect-redis, set up as their documentation recommends. */
export function oldApp(client) {
  const store = new RedisStore({ client })
  return withOldRoutes(
    expressSession({ store, secret: SECRET, resave: false, saveUninitialized: false }),
  )
}

/** What is written for express-session, whoever gives `req.session`. */
function withOldRoutes(middleware) {
  const app = express()
  app.use(middleware)
  app.get('/me', ({ session }, res) => {
    res.json({ user: session.user, count: session.count })
  })
  app.get('/count', ({ session }, res) => {
    session.count = (session.count ?? 0) + 1
    res.json({ count: session.count })
  })
  app.get('/login/:user', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error)
      req.session.user = req.params.user
      res.json({})
    })
  })
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({})))
  })
  return app
}

const sourceOf = (connectRedis, client, options) =>
  connectRedis({ client, secret: SECRET, old: 'mirror', ...options })

/** The old application as it is, on Sojourn's form of express-session. @param build see `newApp`, and `sojourn/express-compat` */
export async function compatApp(build, { client, socket, prefix, onAdopted, onError }) {
  const { compat, connectRedis } = build
  const middleware = compat({
    ...{ redis: socket, prefix, idleTimeout: '1d', absoluteTimeout: '1d' },
    ...{ secret: 'k'.repeat(32), name: 'sid', resave: false, saveUninitialized: false },
    principal: ({ user }) => user,
    // Whose they are is said above.
    adopt: [sourceOf(connectRedis, client)],
  })
  const { sessions } = middleware
  sessions.on('adopted', onAdopted)
  sessions.on('error', onError)
  await sessions.ready()
  return { app: withOldRoutes(middleware), close: () => sessions.close() }
}

/** The same application, written for Sojourn. @param build what `sojourn`, `sojourn/express` and `sojourn/adopt` export */
export async function newApp(build, { client, socket, prefix, onAdopted, onError }) {
  const { createSessions, expressSessions, connectRedis } = build
  const sessions = createSessions({
    ...{
      redis: socket,
      prefix,
      secrets: ['k'.repeat(32)],
      idleTimeout: '1d',
      absoluteTimeout: '1d',
    },
    adopt: [sourceOf(connectRedis, client, { principal: 'user' })],
  })
  sessions.on('adopted', onAdopted)
  sessions.on('error', onError)
  const app = express()
  app.use(expressSessions(sessions))
  app.get('/me', ({ session }, res) => {
    res.json({ user: session.principal, count: session.get('count') })
  })
  const answer = (work) => (req, res) => work(req).then((body) => res.json(body ?? {}))
  const add = (before) => (before ?? 0) + 1
  app.get(
    '/count',
    answer(async ({ session }) => ({ count: await session.update('count', add) })),
  )
  app.get(
    '/login/:user',
    answer(({ session, params }) => session.login(params.user)),
  )
  app.get(
    '/logout',
    answer(({ session }) => session.logout().then(() => undefined)),
  )
  await sessions.ready()
  return { app, close: () => sessions.close() }
}

/** @returns where it listens, and how to end it when nothing is under way any more */
export async function listen(app, close = async () => undefined) {
  const server = createServer(app)
  // A connection that it closes while a request is on its way would be a failure of that.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      await closed
      await close()
    },
  }
}
