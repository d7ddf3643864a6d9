/** Sign-outs that come in between, and that fail: two nodes on one engine. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { memoryEngine, StoreUnavailableError } from 'sojourn'
import { type CompatMiddleware, compat } from 'sojourn/express-compat'
import { afterEach, expect, it } from 'vitest'
import { on } from './express-compat/versions.ts'
import { Browser } from './support/http-client.ts'
import { signal } from './support/watched-engine.ts'
import { SECRET } from './support/world.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Site {
  readonly browser: Browser
  readonly node: CompatMiddleware<Record<string, unknown>>
  /** The other node: what it does the first one hears of by the engine. */
  readonly other: CompatMiddleware<Record<string, unknown>>
  /** Resolves when a handler waits. */
  readonly reached: Promise<void>
  /** Lets it go on. */
  readonly goOn: () => void
  readonly dropped: (readonly string[])[]
}

async function site(): Promise<Site> {
  const engine = memoryEngine()
  const options = {
    ...{ engine, secret: SECRET },
    ...{ resave: false, saveUninitialized: false },
    principal: (session: object) => (session as { user?: unknown }).user as string,
  }
  const [node, other] = [compat(options), compat(options)]
  const [reached, opened] = [signal(), signal()]
  const dropped: (readonly string[])[] = []
  node.sessions.on('dropped', ({ attributes }) => dropped.push(attributes))
  const wait = (): Promise<void> => {
    reached.fire()
    return opened.promise
  }
  const app = express()
  app.use(node)
  app.get(
    '/login/:user',
    on((req, res) => {
      req.session['user'] = req.params['user']
      req.session['cart'] = 'hers'
      res.end()
    }),
  )
  app.get(
    '/who',
    on((req, res) => res.json({ user: req.session['user'], cart: req.session['cart'] })),
  )
  app.get(
    '/save-and-change',
    on(async (req, res) => {
      req.session['n'] = 1
      await wait()
      await req.session.save()
      req.session['n'] = 2
      res.end()
    }),
  )
  app.get(
    '/reload',
    on(async (req, res) => {
      const { session } = req
      session['n'] = 1
      await wait()
      await expect(session.reload()).rejects.toThrow('failed to load session')
      session['n'] = 2
      res.end()
    }),
  )
  app.get(
    '/become/:user',
    on(async (req, res) => {
      void req.session['user']
      await wait()
      req.session['user'] = req.params['user'] === 'nobody' ? undefined : req.params['user']
      res.end()
    }),
  )
  closing.push(() => engine.close())
  const browser = await browserOf(app)
  return { browser, node, other, reached: reached.promise, goOn: opened.fire, dropped }
}

async function browserOf(app: express.Express): Promise<Browser> {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = new Browser((server.address() as AddressInfo).port)
  closing.push(
    () => server.close(),
    () => browser.close(),
  )
  return browser
}

it.each(['/save-and-change', '/reload', '/become/admin', '/become/nobody'])(
  '%s, signed out everywhere meanwhile: nobody is signed in again, and nothing is carried over',
  async (path) => {
    const { browser, other, reached, goOn, dropped } = await site()
    await browser.get('/login/ada')
    const former = browser.cookie
    const answering = browser.get(path)
    await reached
    await other.sessions.of('ada').revokeAll()
    goOn()
    const answer = await answering
    expect(answer.status).toBe(200)
    expect(answer.cookies).toEqual([])
    expect(browser.cookie).toBe(former)
    expect(await other.sessions.of('ada').list()).toEqual([])
    expect(await other.sessions.of('admin').list()).toEqual([])
    expect((await browser.get('/who')).text).toBe('{}')
    expect(dropped.flat()).not.toEqual([])
  },
)

it('another principal by the same session is another session, with what it holds', async () => {
  const { browser, node, reached, goOn } = await site()
  await browser.get('/login/ada')
  const former = browser.cookie
  const answering = browser.get('/become/bob')
  await reached
  goOn()
  await answering
  expect(browser.cookie).not.toBe(former)
  expect((await browser.get('/who')).text).toBe('{"user":"bob","cart":"hers"}')
  expect(await node.sessions.of('ada').list()).toEqual([])
  expect(await node.sessions.of('bob').list()).toHaveLength(1)
})

it('a sign-out that fails is told of, also where the handler does not wait for it', async () => {
  const engine = memoryEngine()
  closing.push(() => engine.close())
  const node = compat({ engine, secret: SECRET, resave: false, saveUninitialized: false })
  const told: string[] = []
  node.sessions.on('error', ({ operation }) => told.push(operation))
  const app = express()
  app.use(node)
  app.get(
    '/in',
    on((req, res) => {
      req.session['user'] = 'ada'
      res.end()
    }),
  )
  app.get(
    '/out',
    on((req, res) => {
      void req.session.destroy()
      res.end()
    }),
  )
  const browser = await browserOf(app)
  await browser.get('/in')
  engine.destroy = () => Promise.reject(new StoreUnavailableError('gone', true))
  await browser.get('/out')
  expect(told).toContain('destroy')
})
