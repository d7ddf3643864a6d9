// A small application on the built package, for whichever runtime runs it: server.mjs REDIS_URL.
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { fetchSessions } from '../../../dist/frameworks/fetch/index.js'
import { honoSessions } from '../../../dist/frameworks/hono/index.js'
import { createSessions } from '../../../dist/index.js'

const { Bun, Deno } = globalThis
const sessions = createSessions({
  redis: process.argv[2],
  secrets: ['a secret for tests, of 32 bytes or more'],
})
await sessions.ready()

const routes = {
  '/login': async (_, session) => {
    await session.login('ada')
    session.set('n', 1)
    return new Response('signed in')
  },
  '/who': (_, session) => new Response(`${session.principal} ${session.get('n')}`),
  '/change': (_, session) => {
    session.set('n', session.get('n') + 1)
    return Response.redirect('http://localhost/who', 303)
  },
  '/logout': async (_, session) => {
    await session.logout()
    return new Response(null, { status: 204, headers: { 'Set-Cookie': 'theme=dark' } })
  },
  '/lent': (_, { data }) => {
    data.cart ??= []
    data.cart.push('a')
    return new Response(`${data.cart.length} in the cart`)
  },
  '/throw': () => {
    throw new Error('boom')
  },
  '/events': (_, { signal }) => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('data: hello\n\n'))
        signal.addEventListener('abort', () => {
          controller.enqueue(new TextEncoder().encode('data: signed out\n\n'))
          controller.close()
        })
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  },
  '/socket': (request, session, server) => {
    if (Bun !== undefined) {
      server.upgrade(request, { data: session.principal })
      return undefined
    }
    const { socket, response } = Deno.upgradeWebSocket(request)
    socket.addEventListener('open', () => socket.send(session.principal))
    return response
  },
}

const withSessions = fetchSessions(sessions, {
  onError: (error) => new Response(error.message, { status: error.status ?? 500 }),
})

const app = new Hono()
  .basePath('/hono')
  .use(honoSessions(sessions))
  .get('/who', (c) => c.text([c.var.session.principal, c.var.session.get('n')].join(' ')))
  .get('/change', (c) => {
    c.get('session').set('n', 10)
    c.header('Set-Cookie', 'theme=dark')
    return c.json({ changed: true })
  })
  .get('/late', (c) =>
    streamSSE(c, async (events) => {
      await events.writeSSE({ data: 'early' })
      c.get('session').set('n', 11)
      await events.writeSSE({ data: 'late' })
    }),
  )

const own = withSessions((request, session, server) =>
  routes[new URL(request.url).pathname](request, session, server),
)
const fetch = (request, server) =>
  new URL(request.url).pathname.startsWith('/hono') ? app.fetch(request) : own(request, server)

const listening = (port) => console.log(`listening on ${port}`)
if (Bun !== undefined) {
  const websocket = { open: (socket) => socket.send(socket.data), message: () => undefined }
  listening(Bun.serve({ port: 0, hostname: '127.0.0.1', fetch, websocket }).port)
} else if (Deno !== undefined) {
  const onListen = ({ port }) => listening(port)
  Deno.serve({ port: 0, hostname: '127.0.0.1', onListen }, (request) => fetch(request))
} else {
  const { serve } = await import('@hono/node-server')
  serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => listening(port))
}
