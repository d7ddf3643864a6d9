// Old applications as they are written, of packages whose types would change those of Express here.
import { RedisStore } from 'connect-redis'
import express from 'express'
import expressSession from 'express-session'

/** express-session with connect-redis. */
export function expressSessionApp({ client, prefix = 'sess:', secret, maxAge }) {
  const app = express()
  app.use(
    expressSession({
      store: new RedisStore({ client, prefix }),
      secret,
      ...{ resave: false, saveUninitialized: false },
      cookie: maxAge === undefined ? {} : { maxAge },
    }),
  )
  app.get('/me', (req, res) => {
    const { cookie: _, ...data } = req.session
    res.json(data)
  })
  app.get('/login/:user', (req, res, next) => {
    const { count } = req.session
    req.session.regenerate((error) => {
      if (error) return next(error)
      req.session.userId = req.params.user
      if (count !== undefined) req.session.count = count
      res.json({})
    })
  })
  app.get('/count', (req, res) => {
    req.session.count = (req.session.count ?? 0) + 1
    res.json({ count: req.session.count })
  })
  app.get('/cart', (req, res) => {
    req.session.cart = { items: [{ sku: 'tea', quantity: 2 }], at: '2026-01-01' }
    res.json({})
  })
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({})))
  })
  return app
}
