// Applications as they are after the switch: the same, on ours. The types of these frameworks' sessions would change
// those of the others here.
import { createSessions } from 'sojourn'
import {
  connectRedis,
  fastifySession as fastifySource,
  koaSession as koaSource,
} from 'sojourn/adopt'
import { compat } from 'sojourn/express-compat'
import { fastifySession } from 'sojourn/fastify-session'
import { koaSession } from 'sojourn/koa-session'
import { expressApp, fastifyAppOn, koaAppOn } from './old-sites.mjs'

/** Cookie names of the old applications. */
export const NAMES = { express: 'connect.sid', fastify: 'sessionId', koa: 'koa.sess' }

const SOURCES = {
  express: ({ secret, ...rest }) => connectRedis({ secret, ...rest }),
  fastify: ({ secret, ...rest }) => fastifySource({ secret, ...rest }),
  koa: ({ secret, ...rest }) => koaSource({ keys: [secret], ...rest }),
}

const APPS = {
  express: async (name, { maxAge, perRequest, ...options }) => {
    const middleware = compat({
      ...options,
      ...(maxAge && { cookie: perRequest ? () => ({ maxAge }) : { maxAge } }),
      ...(name && { name }),
      ...{ resave: false, saveUninitialized: false },
    })
    const { sessions } = middleware
    const signIn = async (req, res) => {
      await sessions.from(req).login(req.params.user)
      res.json({})
    }
    return [expressApp(middleware, (app) => app.get('/by-other-means/:user', signIn)), sessions]
  },
  fastify: async (cookieName, { maxAge, principal, ...own }) => {
    const given = { saveUninitialized: false, rolling: false, ...(cookieName && { cookieName }) }
    const cookie = { secure: false, ...(maxAge && { maxAge }) }
    const sessions = createSessions({ ...own, absoluteTimeout: '60d' })
    const close = async (error) => {
      await sessions.close()
      throw error
    }
    const options = { ...given, sessions, cookie, ...(principal && { principal }) }
    const more = (app) => {
      app.get('/by-other-means/:user', (request) =>
        sessions
          .from(request)
          .login(request.params.user)
          .then(() => ({})),
      )
    }
    const app = await fastifyAppOn(fastifySession, options, more).catch(close)
    return [app, sessions]
  },
  koa: async (key, options) => {
    let sessions
    const session = (given, app) => {
      const middleware = koaSession(given, app)
      sessions = middleware.sessions
      return middleware
    }
    const app = koaAppOn(session, { ...options, ...(key && { key }) }, [
      'a key of 32 characters or more, ours',
    ])
    return [app, sessions]
  },
}

/** @returns the application and its sessions */
export function newApp(kind, { name, source, ...options }) {
  return APPS[kind](name, { ...options, adopt: [SOURCES[kind](source)] })
}

/** Where the plugin makes the sessions. */
export function newFastifyApp({ source, ...options }) {
  return fastifyAppOn(fastifySession, { ...options, adopt: [fastifySource(source)] })
}
