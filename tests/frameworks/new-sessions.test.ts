import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { addressOf, createSessions, type Sessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { fastifySessions } from 'sojourn/fastify'
import { honoSessions } from 'sojourn/hono'
import { koaSessions } from 'sojourn/koa'
import { sveltekitSessions } from 'sojourn/sveltekit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { peerOf } from '../../src/frameworks/fetch/peer.ts'
import { fetchAdapter } from './fetch/fetch-adapter.ts'
import { h3Adapter } from './h3/h3-adapter.ts'
import { h3v1Adapter } from './h3/h3v1-adapter.ts'
import { honoAdapter } from './hono/hono-adapter.ts'
import { NextBrowser, nextSite } from './next/next-site.ts'
import { nodeAdapter } from './node/node-adapter.ts'
import type { Adapter, Data } from './support/adapter.ts'
import { Browser } from './support/http-client.ts'
import { listen } from './support/listen.ts'
import { SECRET } from './support/world.ts'
import { eventOf } from './sveltekit/handle-adapter.ts'

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
  hono(sessions) {
    const app = new Hono()
    // As a proxy that is believed says.
    app.use(honoSessions(sessions, { trustProxy: true }))
    app.get('/', (c) => {
      sessions.from(c.req.raw).set('a', 1)
      return c.text('made')
    })
    return getRequestListener(app.fetch)
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
    const sessions = createSessions({ secrets: [SECRET], newSessions: { max: 2, per: '10m' } })
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

const adapters = [
  nodeAdapter as unknown as Adapter,
  honoAdapter,
  fetchAdapter,
  h3Adapter,
  h3v1Adapter as unknown as Adapter,
]

describe('the client’s address', () => {
  it.each(adapters.map((adapter) => [adapter.name, adapter] as const))(
    '%s: behind a proxy that is believed, the one that this has seen',
    async (_, adapter) => {
      const { from } = await served(adapter, true)
      for (let i = 0; i < 2; i++) expect(await from(`198.51.100.${i}, 192.0.2.1`)).toBe(200)
      expect(await from('198.51.100.9, 192.0.2.1')).toBe(429)
      expect(await from('198.51.100.9,192.0.2.2')).toBe(200)
    },
  )

  it.each(
    adapters
      .filter((adapter) => adapter !== fetchAdapter) // which is called without what its server knows
      .map((adapter) => [adapter.name, adapter] as const),
  )('%s: else that of the connection, whatever the request says', async (_, adapter) => {
    const { from } = await served(adapter, false)
    for (let i = 0; i < 2; i++) expect(await from(`192.0.2.${i}`)).toBe(200)
    expect(await from('192.0.2.9')).toBe(429)
  })

  it('SvelteKit: what its adapter says', async () => {
    const sessions = createSessions<Data>({
      secrets: [SECRET],
      newSessions: { max: 1, per: '10m' },
    })
    onTestFinished(() => sessions.close())
    const handle = sveltekitSessions(sessions, {
      onError: () => new Response('no', { status: 429 }),
    })
    const from = async (getClientAddress: () => string): Promise<number> => {
      const event = { ...eventOf(new Request('https://example.org/')), getClientAddress }
      const resolve = (): Response => {
        sessions.from(event).set('n', 1)
        return new Response('made')
      }
      return (await handle({ event, resolve })).status
    }
    expect(await from(() => '192.0.2.1')).toBe(200)
    expect(await from(() => '192.0.2.1')).toBe(429)
    const unknown = (): never => {
      throw new Error('adapter-x does not know it')
    }
    for (let i = 0; i < 3; i++) expect(await from(unknown)).toBe(200)
  })

  it('Next: the last of X-Forwarded-For', async () => {
    let seen: string | undefined
    const site = nextSite({
      forwardedFor: '198.51.100.1, 192.0.2.7',
      by: ({ request }) => {
        seen = addressOf(request)
        return undefined // the engine of this site counts nobody
      },
    })
    await site.request(new NextBrowser(), () => site.withSession((session) => session.set('n', 1)))
    expect(seen).toBe('192.0.2.7')
  })

  it('of Bun, Deno and Node’s server for web requests', () => {
    const request = new Request('https://example.org/')
    const bun = { requestIP: (asked: Request) => (asked === request ? { address: '::1' } : null) }
    expect(peerOf(request, bun)).toBe('::1')
    expect(peerOf(request, { server: bun })).toBe('::1')
    expect(peerOf(new Request(request), bun)).toBeUndefined()
    expect(peerOf(request, { remoteAddr: { hostname: '192.0.2.1' } })).toBe('192.0.2.1')
    expect(peerOf(request, { incoming: { socket: { remoteAddress: '192.0.2.2' } } })).toBe(
      '192.0.2.2',
    )
    expect(peerOf(Object.assign(new Request(request), { ip: '192.0.2.3' }), bun)).toBe('192.0.2.3')
    for (const beside of [undefined, null, 5, {}]) expect(peerOf(request, beside)).toBeUndefined()
  })
})

/** An application that makes a session with each request. */
async function served(
  adapter: Adapter,
  trustProxy: boolean,
): Promise<{ from: (forwarded: string) => Promise<number> }> {
  const sessions = createSessions<Data>({
    secrets: [SECRET],
    newSessions: { max: 2, per: '10m' },
  })
  const behaviours = {
    '/': ({ session, reply }: Parameters<Parameters<Adapter['start']>[1][string]>[0]) => {
      session.set('n', 1)
      return reply.text('made')
    },
  }
  const app = await adapter.start(sessions, behaviours, { trustProxy })
  const browser = new Browser(app.port)
  onTestFinished(async () => {
    browser.close()
    await app.close()
    await sessions.close()
  })
  return {
    from: async (forwarded) => {
      const headers = { 'x-forwarded-for': forwarded }
      return (await browser.get('/', { cookie: '', headers })).status
    },
  }
}
