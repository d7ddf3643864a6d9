import { createServer } from 'node:http'
import Koa from 'koa'

export function createKoaServer(system, handlers) {
  const app = new Koa()
  const routes = {
    '/read': handlers.read,
    '/write': handlers.write,
    '/views': handlers.views,
    '/seed': (ctx) => handlers.seed(ctx, 0),
    '/seed-4k': (ctx) => handlers.seed(ctx, 4096),
  }
  system.register?.(app)
  app.use((ctx) => {
    ctx.body = routes[ctx.path](ctx)
  })
  const handle = app.callback()
  return createServer((req, res) => void handle(req, res))
}
