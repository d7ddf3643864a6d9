import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { createClient } from 'redis'

/** Set up as its documentation recommends. */
export function expressSessionSystem({ socket, secret }) {
  const client = createClient({ socket: { path: socket } })
  const store = new RedisStore({ client })
  return {
    middleware: session({ store, secret, resave: false, saveUninitialized: false }),
    get: (req, name) => req.session[name],
    set(req, name, value) {
      req.session[name] = value
    },
    ready: () => client.connect(),
  }
}
