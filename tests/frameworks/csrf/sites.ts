/** The same application on each framework: `/` gives a form's token, `POST /` adds one. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { H3, toNodeHandler } from 'h3'
import { createApp, defineEventHandler, readBody, toNodeListener } from 'h3v1'
import { Hono } from 'hono'
import Koa from 'koa'
import type { Sessions } from 'sojourn'
import { type Csrf, isCsrfError } from 'sojourn/csrf'
import { expressSessions } from 'sojourn/express'
import { fastifySessions } from 'sojourn/fastify'
import { fetchSessions } from 'sojourn/fetch'
import { h3Sessions, nitroSessions } from 'sojourn/h3'
import { honoSessions, type SessionEnv } from 'sojourn/hono'
import { koaSessions } from 'sojourn/koa'
import { type SvelteKitEvent, sveltekitSessions } from 'sojourn/sveltekit'

export interface Data {
  n: number
}

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown
type Site = (sessions: Sessions<Data>, csrf: Csrf) => Listener | Promise<Listener>

interface Usable {
  get(name: 'n'): number | undefined
  set(name: 'n', value: number): void
}

/** What is answered. */
function act(session: Usable, method: string | undefined, csrf: Csrf): string {
  if (method === 'GET') return csrf.token(session)
  session.set('n', (session.get('n') ?? 0) + 1)
  return String(session.get('n'))
}

const expressSite =
  (make: typeof express): Site =>
  (sessions, csrf) => {
    const app = make()
    app.use(expressSessions(sessions), express.urlencoded({ extended: false }), csrf.express)
    app.all('/', (req, res) => void res.send(act(sessions.from(req), req.method, csrf)))
    const onError: express.ErrorRequestHandler = (error, _req, res, next) => {
      if (!isCsrfError(error)) return next(error)
      res.status(error.status).send(`refused: ${error.reason}`)
    }
    app.use(onError)
    return app
  }

export const sites: Readonly<Record<string, Site>> = {
  express: expressSite(express),
  'express 4': expressSite(express4 as unknown as typeof express),
  async fastify(sessions, csrf) {
    const app = fastify()
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    )
    await app.register(fastifySessions, { sessions })
    await app.register(csrf.fastify)
    app.route({
      method: ['GET', 'POST'],
      url: '/',
      handler: (request) => act(sessions.from(request), request.method, csrf),
    })
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
  koa(sessions, csrf) {
    const app = new Koa()
    app.silent = true
    app.use(koaSessions(sessions))
    app.use(async (ctx, next) => {
      const chunks: Buffer[] = []
      for await (const chunk of ctx.req) chunks.push(chunk as Buffer)
      Object.assign(ctx.request, {
        body: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())),
      })
      await next()
    })
    app.use(csrf.koa)
    app.use((ctx) => {
      ctx.body = act(sessions.from(ctx), ctx.method, csrf)
    })
    return app.callback()
  },
  hono(sessions, csrf) {
    const app = new Hono()
    app.use(honoSessions(sessions), csrf.hono)
    app.all('/', (c) => c.text(act(sessions.from(c.req.raw), c.req.method, csrf)))
    return getRequestListener(app.fetch)
  },
  'hono, whose request has been replaced'(sessions, csrf) {
    const app = new Hono<SessionEnv<Data>>()
    app.use(honoSessions(sessions))
    app.use(async (c, next) => {
      // As middleware does that bounds bodies, or changes headers.
      c.req.raw = new Request(c.req.raw)
      await next()
    })
    app.use(csrf.hono)
    app.all('/', (c) => c.text(act(c.get('session'), c.req.method, csrf)))
    return getRequestListener(app.fetch)
  },
  'h3 1'(sessions, csrf) {
    const app = createApp()
    nitroSessions(sessions)({ h3App: app })
    app.use(defineEventHandler((event) => csrf.nitro(event, () => readBody(event))))
    app.use(
      defineEventHandler(async (event) => {
        if (event.method === 'POST') await readBody(event) // It is still there.
        return act(sessions.from(event), event.method, csrf)
      }),
    )
    return toNodeListener(app)
  },
  h3(sessions, csrf) {
    const app = new H3({ silent: true })
    app.use(h3Sessions(sessions))
    app.use(csrf.h3)
    app.all('/', (event) => act(sessions.from(event), event.req.method, csrf))
    return toNodeHandler(app)
  },
  fetch(sessions, csrf) {
    const own = csrf.fetch(
      (request) => new Response(act(sessions.from(request), request.method, csrf)),
    )
    return getRequestListener(fetchSessions(sessions)((request) => own(request)))
  },
  sveltekit(sessions, csrf) {
    const handle = sveltekitSessions(sessions)
    return getRequestListener((request) => {
      const made: SvelteKitEvent = { request, locals: {}, isSubRequest: false }
      return handle({
        event: made,
        resolve: (event) =>
          csrf.sveltekit({
            event,
            resolve: () => new Response(act(sessions.from(event), request.method, csrf)),
          }),
      })
    })
  },
}
