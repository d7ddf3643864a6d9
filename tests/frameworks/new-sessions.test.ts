import type { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import { createSessions, type Sessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { fastifySessions } from 'sojourn/fastify'
import { koaSessions } from 'sojourn/koa'
import { expect, it, onTestFinished } from 'vitest'
import { Browser } from './support/http-client.ts'
import { listen } from './support/listen.ts'
import { SECRET } from './support/world.ts'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown
type Site = (sessions: Sessions) => Listener | Promise<Listener>

const sites: Readonly<Record<string, Site>> = {
  express(sessions) {
    const app = express().set('trust proxy', 1)
    app.use(expressSessions(sessions))
    app.get('/', (req, res) => {
      sessions.from(req).set('a', 1)
      res.send('made')
    })
    return app
  },
  async fastify(sessions) {
    const app = fastify({ trustProxy: true })
    await app.register(fastifySessions, { sessions })
    app.get('/', (request) => {
      sessions.from(request).set('a', 1)
      return 'made'
    })
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
  koa(sessions) {
    const app = new Koa({ proxy: true })
    app.silent = true
    app.use(koaSessions(sessions))
    app.use((ctx) => {
      sessions.from(ctx).set('a', 1)
      ctx.body = 'made'
    })
    return app.callback()
  },
}

it.each(Object.entries(sites))(
  '%s: a client that has had too many gets 429, and is told when to come again',
  async (_, make) => {
    const by = ({ request }: { request: object | undefined }) => (request as { ip?: string }).ip
    const sessions = createSessions({ secrets: [SECRET], newSessions: { max: 2, per: '10m', by } })
    const site = await listen(await make(sessions))
    const browser = new Browser(site.port)
    onTestFinished(async () => {
      browser.close()
      await site.close()
      await sessions.close()
    })
    const from = (ip: string) =>
      browser.get('/', { cookie: '', headers: { 'x-forwarded-for': ip } })
    for (let i = 0; i < 2; i++) expect((await from('192.0.2.1')).text).toBe('made')
    const refused = await from('192.0.2.1')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(590)
    expect(refused.cookies).toEqual([])
    expect((await from('192.0.2.2')).text).toBe('made')
  },
)
