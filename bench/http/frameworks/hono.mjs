import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'

export function createHonoServer(system, handlers) {
  const app = new Hono()
  const text = (handler) => (c) => c.text(handler(c))
  system.register?.(app)
  app.get('/read', text(handlers.read))
  app.get('/views', text(handlers.views))
  app.post('/write', text(handlers.write))
  app.post(
    '/seed',
    text((c) => handlers.seed(c, 0)),
  )
  app.post(
    '/seed-4k',
    text((c) => handlers.seed(c, 4096)),
  )
  return createAdaptorServer({ fetch: app.fetch })
}
