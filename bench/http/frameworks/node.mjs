import { createServer } from 'node:http'

export function createNodeServer(system, handlers) {
  const { middleware } = system
  const routes = {
    '/read': handlers.read,
    '/write': handlers.write,
    '/views': handlers.views,
    '/seed': (req) => handlers.seed(req, 0),
    '/seed-4k': (req) => handlers.seed(req, 4096),
  }
  const respond = (req, res) => {
    const body = routes[req.url](req)
    res.setHeader('Content-Type', 'text/plain; charset=utf-8')
    res.setHeader('Content-Length', body.length)
    res.end(body)
  }
  if (middleware === undefined) return createServer(respond)
  return createServer((req, res) => {
    middleware(req, res, (error) => {
      if (error === undefined) return respond(req, res)
      res.statusCode = error.status ?? 500
      res.end(String(error))
    })
  })
}
