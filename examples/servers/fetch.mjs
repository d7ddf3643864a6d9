// A handler of Request and Response, here on Node: node fetch.mjs, with REDIS_URL, SESSION_SECRET and PORT.
// On Bun and Deno: `export default { fetch: handler }`.
import { serve } from '@hono/node-server'
import { createSessions } from 'sojourn'
import { fetchSessions } from 'sojourn/fetch'

const sessions = createSessions({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})
const withSessions = fetchSessions(sessions, { trustProxy: true }) // behind a proxy that ends TLS

const handler = withSessions(async (request, session) => {
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case 'GET /me':
      return Response.json({ user: session.principal ?? null, views: session.get('views') ?? 0 })
    case 'POST /view':
      return Response.json({ views: await session.update('views', (views = 0) => views + 1) })
    case 'POST /login':
      // … check the password first
      await session.login('ada', { keep: ['views'] })
      return new Response(null, { status: 204 })
    case 'POST /logout':
      await session.logout()
      return new Response(null, { status: 204 })
    default:
      return new Response('not found', { status: 404 })
  }
})

serve({ fetch: handler, port: Number(process.env.PORT) })
