import { createAdaptorServer } from '@hono/node-server'

export function createFetchServer(system, handlers) {
  const routes = {
    '/read': handlers.read,
    '/write': handlers.write,
    '/views': handlers.views,
    '/seed': (request) => handlers.seed(request, 0),
    '/seed-4k': (request) => handlers.seed(request, 4096),
  }
  const respond = (request) => {
    const { url } = request
    return new Response(routes[url.slice(url.indexOf('/', 7))](request))
  }
  return createAdaptorServer({ fetch: system.wrap === undefined ? respond : system.wrap(respond) })
}
