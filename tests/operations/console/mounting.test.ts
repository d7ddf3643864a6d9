import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import compression from 'compression'
import express from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { createSessions, type Sessions } from 'sojourn'
import { createConsole, type Operator } from 'sojourn/console'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { listening } from './set-up.ts'

const GRACE: Operator = { name: 'grace', access: 'write' }
const BASE = '/admin/sessions'

let redis: RedisServer
let sessions: Sessions
beforeAll(async () => {
  redis = await startRedis()
  sessions = createSessions({ redis: redis.url, secrets: [SECRET] })
})
afterAll(async () => {
  await sessions.close()
  await redis.stop()
})

interface Site {
  readonly origin: string
  close(): Promise<void>
}

const source = () => ({ redis: redis.url, secrets: SECRET })

async function serve(server: Server, close: () => Promise<unknown>): Promise<Site> {
  const origin = await listening(server)
  return {
    origin,
    close: async () => {
      await close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const ways: Readonly<Record<string, () => Promise<Site>>> = {
  'node:http': () => {
    const console = createConsole({ ...source(), basePath: BASE, authorize: () => GRACE })
    return serve(createServer(console.node), console.close)
  },
  'Express 5, behind express.json and compression': () => {
    const console = createConsole({
      ...source(),
      authorize: (_, request: express.Request) =>
        request.get('x-user') === 'grace' ? GRACE : undefined,
    })
    const app = express()
    app.use(compression({ threshold: 0 }), express.json())
    app.use(BASE, console.node)
    return serve(createServer(app), console.close)
  },
  'Express 4, in a router': () => {
    const console = createConsole({ ...source(), authorize: () => GRACE })
    const router = express4.Router()
    router.use('/sessions', console.node)
    return serve(createServer(express4().use('/admin', router)), console.close)
  },
  Fastify: async () => {
    const console = createConsole({ ...source(), basePath: BASE, authorize: () => GRACE })
    const app = Fastify({ forceCloseConnections: true })
    app.all(`${BASE}*`, (request, reply) => {
      reply.hijack()
      console.node(request.raw, reply.raw, request.body)
    })
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    return { origin, close: async () => void (await Promise.all([console.close(), app.close()])) }
  },
  Koa: () => {
    const console = createConsole({ ...source(), basePath: BASE, authorize: () => GRACE })
    const app = new Koa()
    app.use((ctx, next) => {
      if (!ctx.path.startsWith(BASE)) return next()
      ctx.respond = false
      console.node(ctx.req, ctx.res)
      return undefined
    })
    return serve(
      createServer((request, response) => void app.callback()(request, response)),
      console.close,
    )
  },
  Hono: () => {
    const console = createConsole({ ...source(), basePath: BASE, authorize: () => GRACE })
    const app = new Hono()
    app.all(`${BASE}/*`, (c) => console.fetch(c.req.raw, c))
    const listener = getRequestListener(app.fetch)
    return serve(
      createServer((request, response) => void listener(request, response)),
      console.close,
    )
  },
}

describe.each(Object.entries(ways))('%s', (_, start) => {
  it('has the page, the API, the live stream and revocations', async () => {
    const site = await start()
    const at = site.origin + BASE
    const known = { 'x-user': 'grace' }
    try {
      const bare = await fetch(at, { redirect: 'manual', headers: known })
      expect([bare.status, bare.headers.get('location')]).toEqual([307, 'sessions/'])
      const about = await fetch(`${at}/api/about`, { headers: known })
      const { csrf } = (await about.json()) as { csrf: string }
      expect(about.status).toBe(200)

      const looking = new AbortController()
      const live = await fetch(`${at}/api/live`, { headers: known, signal: looking.signal })
      expect(live.headers.get('content-type')).toContain('text/event-stream')
      expect(live.headers.get('content-encoding')).toBeNull()
      let text = ''
      for await (const chunk of live.body ?? []) {
        text += Buffer.from(chunk).toString()
        if (/event: snapshot\ndata: .*\n\n/.test(text)) break
      }
      looking.abort()

      await signIn(sessions, { theme: 'x' }, 'ada')
      const revoke = (body: object): Promise<Response> =>
        fetch(`${at}/api/revoke`, {
          method: 'POST',
          headers: { ...known, 'content-type': 'application/json', 'x-sojourn-console': csrf },
          body: JSON.stringify(body),
        })
      const target = { principal: 'ada' }
      const counted = await revoke({ target, dry: true })
      expect(await counted.json()).toMatchObject({ found: 1 })
      const done = await revoke({ target, reason: 'x', count: 1 })
      expect(await done.json()).toMatchObject({ revoked: 1, verified: true })
      expect((await fetch(`${at}/nothing`, { headers: known })).status).toBeGreaterThanOrEqual(404)
    } finally {
      await site.close()
    }
  })
})

it("Express: the application's own rules decide", async () => {
  const site = await ways['Express 5, behind express.json and compression']?.()
  expect((await fetch(`${site?.origin}${BASE}/api/about`)).status).toBe(401)
  await site?.close()
})

it('tells who is known and may not look another thing than who is nobody, and of no link', async () => {
  let who: false | undefined
  const console = createConsole({ ...source(), authorize: () => who })
  for (const path of ['', 'api/about']) {
    who = undefined
    const nobody = await console.fetch(new Request(`http://localhost/${path}`))
    who = false
    const known = await console.fetch(new Request(`http://localhost/${path}`))
    expect([nobody.status, known.status]).toEqual([401, 403])
    const texts = [await nobody.text(), await known.text()]
    expect(texts[0]).toContain('sign in to the application')
    expect(texts[1]).toContain('ask who runs the application')
    expect(texts.join()).not.toContain('link')
  }
  await console.close()
})

it('ends streams at once when it is closed', async () => {
  const console = createConsole({ ...source(), authorize: () => GRACE })
  const live = await console.fetch(new Request('http://localhost/api/live'))
  const reader = live.body?.getReader()
  await reader?.read()
  const started = performance.now()
  await console.close()
  for (;;) if ((await reader?.read())?.done !== false) break
  expect(performance.now() - started).toBeLessThan(500)
  expect((await console.fetch(new Request('http://localhost/api/live'))).status).toBe(503)
})

it('lets the server close at once, whatever an open page goes on to ask on its connection', async () => {
  const console = createConsole({ ...source(), authorize: () => GRACE })
  const server = createServer(console.node)
  const origin = await listening(server)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (path: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => get(origin + path, { agent }, resolve).on('error', reject))
  const live = await ask('/api/live')
  live.resume()
  expect(live.headers.connection).toBe('close')
  // As the page does: when its stream has ended it asks why, on a connection that it keeps.
  const before = new Agent({ keepAlive: true, maxSockets: 1 })
  const kept = await new Promise<IncomingMessage>((resolve) =>
    get(`${origin}/api/about`, { agent: before }, resolve),
  )
  kept.resume()
  await once(kept, 'end')
  expect(kept.headers.connection).toBe('keep-alive')
  const closing = console.close()
  const after = await new Promise<IncomingMessage>((resolve) =>
    get(`${origin}/api/about`, { agent: before }, resolve),
  )
  after.resume()
  expect([after.statusCode, after.headers.connection]).toEqual([503, 'close'])
  const started = performance.now()
  server.close()
  await Promise.all([closing, once(server, 'close')])
  expect(performance.now() - started).toBeLessThan(1_000)
  agent.destroy()
  before.destroy()
})

it('does not wait for a doctor who is looking', async () => {
  const console = createConsole({ ...source(), authorize: () => GRACE })
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    console.fetch(new Request(`http://localhost/api/${path}`, init))
  const { csrf } = (await (await ask('about')).json()) as { csrf: string }
  const looking = ask('doctor', {
    ...{ method: 'POST', body: '{}' },
    headers: { 'x-sojourn-console': csrf, 'content-type': 'application/json' },
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  const started = performance.now()
  await console.close()
  expect((await looking).status).toBe(503)
  expect(performance.now() - started).toBeLessThan(1_000)
})
