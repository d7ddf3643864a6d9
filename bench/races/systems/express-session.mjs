import { promisify } from 'node:util'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { createClient } from 'redis'

/** express-session with connect-redis, set up as their documentation recommends. */
export function expressSessionSystem({ socket, secret }) {
  const client = createClient({ socket: { path: socket } })
  // A request that needs the client then fails, and is counted.
  client.on('error', () => undefined)
  const call = (req, method) => promisify(req.session[method].bind(req.session))()
  const renew = async (req, data) => {
    await call(req, 'regenerate')
    Object.assign(req.session, data)
    await call(req, 'save')
  }
  return {
    middleware: session({
      store: new RedisStore({ client }),
      secret,
      resave: false,
      saveUninitialized: false,
    }),
    ready: () => client.connect(),
    close: async () => client.destroy(),
    id: (req) => req.sessionID,
    user: (req) => req.session.user,
    save: (req) => call(req, 'save'),
    login: (req, user) => renew(req, { user }),
    rotate: (req) => {
      const { cookie: _, ...data } = req.session
      return renew(req, data)
    },
    logout: (req) => call(req, 'destroy'),
  }
}

export async function expressSessionHolds(command, id) {
  return Number(await command('EXISTS', `sess:${id}`)) === 1
}
