/** Set up as the library that they stand for is in its own row: systems/express-session.mjs and so on. */
const libraries = {
  async 'express-compat'(options) {
    const { compat } = await import('../../../dist/frameworks/express-compat/index.js')
    const middleware = compat({ ...options, resave: false, saveUninitialized: false })
    return { middleware, sessions: middleware.sessions, ...byProperty((req) => req.session) }
  },
  async 'fastify-session'({ secret, ...options }) {
    const { createSessions } = await import('../../../dist/index.js')
    const { fastifySession } = await import('../../../dist/frameworks/fastify/compat/index.js')
    const sessions = createSessions({ ...options, secrets: [secret] })
    return {
      sessions,
      register: (app) =>
        app.register(fastifySession, {
          ...{ sessions, saveUninitialized: false, cookie: { secure: false } },
        }),
      ...byProperty((request) => request.session),
    }
  },
  async 'koa-session'({ secret, ...options }) {
    const { koaSession } = await import('../../../dist/frameworks/koa/session/index.js')
    let sessions
    return {
      register(app) {
        app.keys = [secret]
        const middleware = koaSession(options, app)
        sessions = middleware.sessions
        app.use(middleware)
      },
      get sessions() {
        return sessions
      },
      ...byProperty((ctx) => ctx.session),
    }
  },
}

const byProperty = (sessionOf) => ({
  get: (req, name) => sessionOf(req)[name],
  set(req, name, value) {
    sessionOf(req)[name] = value
  },
})

export async function dropInSystem({ socket, secret, library }) {
  const system = await libraries[library]({ redis: socket, secret, commandTimeout: '5s' })
  const { middleware, register, get, set } = system
  return { middleware, register, get, set, ready: async () => system.sessions?.ready() }
}
