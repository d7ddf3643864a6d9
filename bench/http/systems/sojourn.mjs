import { AsyncLocalStorage } from 'node:async_hooks'
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
  // What their adapters do, on the server of fetch: beside a request of Next itself, some hundred microseconds, it
  // could not be measured.
  async sveltekit(sessions) {
    const { sveltekitSessions } = await import('../../../dist/frameworks/sveltekit/index.js')
    const handle = sveltekitSessions(sessions)
    const wrap = (respond) => (request) => {
      const event = { request, url: request.url, locals: {}, isSubRequest: false }
      return handle({ event, resolve: () => respond(event) })
    }
    return { wrap, ...byMethod((event) => event.locals.session) }
  },
  async next(sessions) {
    const { bindSessions } = await import('../../../dist/frameworks/next/next-sessions.js')
    const running = new AsyncLocalStorage()
    const platform = {
      headers: async () => running.getStore().request.headers,
      cookies: async () => running.getStore().jar,
    }
    const { readSession, withSession } = bindSessions(platform, () => sessions, {})
    const answer = async (respond, request) => {
      const isRead = request.method === 'GET'
      const respondWith = (session) => respond({ url: request.url, session })
      return isRead ? respondWith(await readSession()) : withSession(respondWith)
    }
    const wrap = (respond) => async (request) => {
      const jar = new Jar()
      const response = await running.run({ request, jar }, answer, respond, request)
      for (const cookie of jar.cookies) response.headers.append('Set-Cookie', cookie)
      return response
    }
    return { wrap, ...byMethod(({ session }) => session) }
  },
  async hono(sessions) {
    const { honoSessions } = await import('../../../dist/frameworks/hono/index.js')
    return {
      register: (app) => app.use(honoSessions(sessions)),
      ...byMethod((c) => c.get('session')),
    }
  },
}

/** What of Next's `cookies()` is used. */
class Jar {
  cookies = []
  set({ name, value }) {
    this.cookies.push(`${name}=${value}; Path=/; HttpOnly; SameSite=Lax`)
  }
  delete() {}
}

export async function sojournSystem({ socket, secret, framework, adapter, nearCache }) {
  const sessions = createSessions({
    redis: socket,
    secrets: [secret],
    cookie: { secure: false },
    // A machine that runs all rows at once may be slow to start; nothing is measured by it.
    commandTimeout: '5s',
    ...(nearCache ? {} : { nearCache: false }),
  })
  return { ...(await adapters[adapter ?? framework](sessions)), ready: () => sessions.ready() }
}
