import { createServer } from 'node:http'
import express from 'express'

export function createExpressServer(system, handlers) {
  const app = express()
  const text = (handler) => (req, res) => {
    res.type('text').send(handler(req))
  }
  if (system.middleware !== undefined) app.use(system.middleware)
  app.get('/read', text(handlers.read))
  app.get('/views', text(handlers.views))
  app.post('/write', text(handlers.write))
  app.post(
    '/seed',
    text((req) => handlers.seed(req, 0)),
  )
  app.post(
    '/seed-4k',
    text((req) => handlers.seed(req, 4096)),
  )
  return createServer(app)
}
