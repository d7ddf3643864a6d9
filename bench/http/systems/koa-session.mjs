import session from 'koa-session'
import { createClient } from 'redis'

/** The store that koa-session asks for, on the client that the other rows use. */
export function koaSessionSystem({ socket, secret }) {
  const client = createClient({ socket: { path: socket } })
  const store = {
    async get(key) {
      const text = await client.get(key)
      return text === null ? undefined : JSON.parse(text)
    },
    set: (key, data, maxAge) =>
      client.set(key, JSON.stringify(data), { expiration: { type: 'PX', value: maxAge } }),
    destroy: (key) => client.del(key),
  }
  return {
    register(app) {
      app.keys = [secret]
      app.use(session({ store, secure: false }, app))
    },
    get: (ctx, name) => ctx.session[name],
    set(ctx, name, value) {
      ctx.session[name] = value
    },
    ready: () => client.connect(),
  }
}
