import { createSessions } from '../../../dist/index.js'

const byMethod = (sessionOf) => ({
  get: (req, name) => sessionOf(req).get(name),
  set: (req, name, value) => sessionOf(req).set(name, value),
})

/** How each adapter is put in, and how its handlers come to the session. */
const adapters = {
  async node(sessions) {
    const { nodeSessions } = await import('../../../dist/frameworks/node/index.js')
    return { middleware: nodeSessions(sessions), ...byMethod((req) => sessions.from(req)) }
  },
  async express(sessions) {
    const { expressSessions } = await import('../../../dist/frameworks/express/index.js')
    return {
      middleware: expressSessions(sessions),
      get: (req, name) => req.session[name],
      set(req, name, value) {
        req.session[name] = value
      },
    }
  },
  async koa(sessions) {
    const { koaSessions } = await import('../../../dist/frameworks/koa/index.js')
    return {
      register: (app) => app.use(koaSessions(sessions)),
      ...byMethod((ctx) => ctx.session),
    }
  },
  async fastify(sessions) {
    const { fastifySessions } = await import('../../../dist/frameworks/fastify/index.js')
    return {
      register: (app) => app.register(fastifySessions, { sessions }),
      ...byMethod((request) => request.session),
    }
  },
  async fetch(sessions) {
    const { fetchSessions } = await import('../../../dist/frameworks/fetch/index.js')
    return { wrap: fetchSessions(sessions), ...byMethod((request) => sessions.from(request)) }
  },
  async h3(sessions) {
    const { h3Sessions } = await import('../../../dist/frameworks/h3/index.js')
    return {
      register: (app) => app.use(h3Sessions(sessions)),
      ...byMethod((event) => event.context.session),
    }
  },
  async nest(sessions) {
    const { SojournModule } = await import('../../../dist/frameworks/nest/index.js')
    return {
      imports: [SojournModule.forRoot({ sessions })],
      ...byMethod((req) => req.session),
    }
  },
  async hono(sessions) {
    const { honoSessions } = await import('../../../dist/frameworks/hono/index.js')
    return {
      register: (app) => app.use(honoSessions(sessions)),
      ...byMethod((c) => c.get('session')),
    }
  },
}

export async function sojournSystem({ socket, secret, framework, nearCache }) {
  const sessions = createSessions({
    redis: socket,
    secrets: [secret],
    cookie: { secure: false },
    // A machine that runs all rows at once may be slow to start; nothing is measured by it.
    commandTimeout: '5s',
    ...(nearCache ? {} : { nearCache: false }),
  })
  return { ...(await adapters[framework](sessions)), ready: () => sessions.ready() }
}
