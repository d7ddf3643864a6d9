import { createServer } from 'node:http'
import { H3 } from 'h3'
import { toNodeHandler } from 'h3/node'

export function createH3Server(system, handlers) {
  const app = new H3()
  system.register?.(app)
  app.get('/read', handlers.read)
  app.get('/views', handlers.views)
  app.post('/write', handlers.write)
  app.post('/seed', (event) => handlers.seed(event, 0))
  app.post('/seed-4k', (event) => handlers.seed(event, 4096))
  return createServer(toNodeHandler(app))
}
