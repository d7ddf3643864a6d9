/** Two `createSessions` in one application: what is told of them when they share a cookie. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import { type CookieOptions, createSessions, memoryEngine, type Sessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { compat } from 'sojourn/express-compat'
import { fastifySessions } from 'sojourn/fastify'
import { koaSessions } from 'sojourn/koa'
import { nodeSessions } from 'sojourn/node'
import { expect, it, onTestFinished } from 'vitest'

const SECRET = 'a secret of two who share it, 32 bytes'

type Mounts = (both: readonly Sessions[]) => Promise<RequestListener> | RequestListener

const MOUNTS: Readonly<Record<string, Mounts>> = {
  express: (both) => {
    const app = express()
    for (const sessions of both) app.use(expressSessions(sessions))
    return app.get('/', (_, res) => void res.end())
  },
  fastify: async (both) => {
    const app = fastify()
    for (const sessions of both) await app.register(fastifySessions, { sessions })
    app.get('/', () => '')
    await app.ready()
    return (req, res) => app.routing(req, res)
  },
  koa: (both) => {
    const app = new Koa()
    for (const sessions of both) app.use(koaSessions(sessions))
    app.use((ctx) => {
      ctx.body = 'done'
    })
    const handle = app.callback()
    return (req, res) => void handle(req, res)
  },
  node: ([first, second]) => {
    const [outer, inner] = [first, second].map((sessions) => nodeSessions(sessions as Sessions))
    return (req, res) => outer?.(req, res, () => inner?.(req, res, () => res.end()))
  },
}

/** The first one's session is stored. */
const storing: Mounts = ([first, second]) => {
  const app = express()
  app.use(expressSessions(first as Sessions), expressSessions(second as Sessions))
  return app.get('/', (req, res) => {
    first?.from(req).set('n', 1)
    res.end()
  })
}

/** @returns the warnings that two requests have brought */
async function warningsOf(
  mounts: Mounts,
  cookies: readonly CookieOptions[],
  make: (cookie: CookieOptions, i: number) => Sessions = (cookie, i) =>
    createSessions({ secrets: [String(i).repeat(32)], cookie }),
): Promise<string[]> {
  const warnings: string[] = []
  const note = (warning: Error & { code?: string }): void => {
    if (warning.code === 'SOJOURN_SAME_COOKIE') warnings.push(warning.message)
  }
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const both = cookies.map((cookie, i) => make({ secure: false, ...cookie }, i))
  await ask(await mounts(both), both)
  // Warnings come a tick later.
  await new Promise((resolve) => setImmediate(resolve))
  return warnings
}

/** Two requests of one browser. */
async function ask(listener: RequestListener, both: readonly Sessions[]): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    for (const sessions of both) await sessions.close()
  })
  const { port } = server.address() as AddressInfo
  let cookie = ''
  for (let i = 0; i < 2; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie } })
    expect(response.ok).toBe(true)
    await response.text()
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
  }
}

it.each(Object.entries(MOUNTS))(
  '%s says once that they replace each other',
  async (name, mounts) => {
    const cookie = { name: `both-${name}` }
    expect(await warningsOf(mounts, [cookie, cookie])).toEqual([
      expect.stringMatching(`"both-${name}".*give one of them another name`),
    ])
  },
)

it.each<[string, CookieOptions]>([
  ['name', { name: 'other' }],
  ['path', { path: '/admin' }],
  ['domain', { domain: 'example.org' }],
])('nothing is said of two with another %s', async (what, other) => {
  const name = { name: `one-${what}` }
  for (const mounts of Object.values(MOUNTS)) {
    expect(await warningsOf(mounts, [name, { ...name, ...other }])).toEqual([])
  }
})

it('nothing is said of one that is mounted twice', async () => {
  const twice: Mounts = ([sessions]) =>
    MOUNTS['express']?.([sessions as Sessions, sessions as Sessions]) as RequestListener
  expect(await warningsOf(twice, [{ name: 'twice' }])).toEqual([])
})

it('nothing is said of two that share their sessions', async () => {
  const engine = memoryEngine()
  onTestFinished(() => engine.close())
  const cookie = { name: 'shared' }
  const make = (its: CookieOptions): Sessions =>
    createSessions({ engine, secrets: [SECRET], cookie: its })
  expect(await warningsOf(storing, [cookie, cookie], make)).toEqual([])
})

it('two with the same secrets and other stores are told of when a session comes', async () => {
  const cookie = { name: 'stores' }
  const make = (its: CookieOptions): Sessions => createSessions({ secrets: [SECRET], cookie: its })
  expect(await warningsOf(storing, [cookie, cookie], make)).toEqual([
    expect.stringMatching('"stores"'),
  ])
})

it.each([
  ['compat-same', '/', 1],
  ['compat-path', '/admin', 0],
])('compat() and sessions of their own: %s', async (name, path, count) => {
  const mounts: Mounts = ([sessions]) => {
    const app = express()
    const engine = memoryEngine()
    onTestFinished(() => engine.close())
    const options = { engine, secret: SECRET, resave: false, saveUninitialized: false }
    app.use(compat({ ...options, name, cookie: { secure: false } }))
    app.use(expressSessions(sessions as Sessions))
    return app.get('/', (_, res) => void res.end())
  }
  expect(await warningsOf(mounts, [{ name, path }])).toHaveLength(count)
})
