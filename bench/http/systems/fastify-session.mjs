import cookie from '@fastify/cookie'
import session from '@fastify/session'
import { RedisStore } from 'connect-redis'
import { createClient } from 'redis'

/** Defaults, but that nothing is stored for visitors without a session, as for the others. */
export function fastifySessionSystem({ socket, secret }) {
  const client = createClient({ socket: { path: socket } })
  const store = new RedisStore({ client })
  return {
    async register(app) {
      await app.register(cookie)
      await app.register(session, {
        store,
        secret,
        saveUninitialized: false,
        cookie: { secure: false },
      })
    },
    get: (request, name) => request.session[name],
    set(request, name, value) {
      request.session[name] = value
    },
    ready: () => client.connect(),
  }
}
