/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 passes rejections on */
// The application that is raced: one Express app, the same handlers for every system. Sojourn and
// express-session both offer attributes as plain properties of `req.session`.
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'

/**
 * What a system must offer:
 * `name`, `middleware`, `ready()`, `close()`,
 * `id(req)`: public name of the session, `user(req)`: who is signed in,
 * `save(req)`: what has changed is stored when it resolves,
 * `login(req, user)`: a new id, everything before dropped, stored when it resolves,
 * `rotate(req)`: a new id for the same data, stored when it resolves,
 * `logout(req)`: the session ended when it resolves.
 *
 * `gates.hold(name)` stops a handler until the driver lets it go on.
 */
function createApp(system, gates) {
  const app = express()
  const at = (gate) => (gate === undefined ? undefined : gates.hold(gate))
  const state = (req) => {
    const { mark, left, right, hits, cart = [] } = req.session
    const skus = cart.map((item) => item.sku)
    return { id: system.id(req), user: system.user(req), mark, left, right, hits, skus }
  }
  const changes = {
    left: (session, value) => {
      session.left = value
    },
    right: (session, value) => {
      session.right = value
    },
    hits: (session) => {
      session.hits += 1
    },
    cart: (session, value) => {
      session.cart.push({ sku: value, quantity: 1 })
    },
  }

  app.disable('x-powered-by')
  app.use(system.middleware)

  app.post('/start', async (req, res) => {
    if (req.query.user !== undefined) await system.login(req, req.query.user)
    Object.assign(req.session, { mark: req.query.mark, hits: 0, cart: [] })
    await system.save(req)
    res.json({ id: system.id(req) })
  })

  app.get('/me', (req, res) => {
    res.json(state(req))
  })

  // A slow request: its session is loaded and read, then it waits, then it writes.
  app.post('/write/:attribute', async (req, res) => {
    const read = state(req)
    await at(req.query.gate)
    changes[req.params.attribute](req.session, req.query.value)
    res.json({ read })
  })

  // The new id is stored, its cookie not yet sent: then it waits.
  app.post('/login', async (req, res) => {
    await system.login(req, req.query.user)
    req.session.mark = req.query.mark
    await at(req.query.gate)
    res.json({ id: system.id(req) })
  })

  app.post('/rotate', async (req, res) => {
    await system.rotate(req)
    await at(req.query.gate)
    res.json({ id: system.id(req) })
  })

  app.post('/logout', async (req, res) => {
    await system.logout(req)
    res.json({})
  })

  app.use((error, _req, res, next) => {
    if (res.headersSent) return next(error)
    res.status(error.status ?? 500).json({ error: String(error.stack ?? error) })
  })
  return app
}

/** Starts one node. @returns its port, and how to end it */
export async function startNode(system, gates) {
  await system.ready()
  const server = createServer(createApp(system, gates))
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    async close() {
      server.close()
      server.closeAllConnections()
      await system.close()
    },
  }
}
