import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createSessions, type Sessions, type SessionsOptions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { onTestFinished } from 'vitest'
import type { Engine } from '../../../src/core/engine.ts'
import { hasNearReads } from '../../../src/core/engine.ts'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { SECRET } from '../support/world.ts'
import type { Client, Connecting, Driver, Options } from './driver.ts'

export interface Site {
  readonly sessions: Sessions<Data>
  readonly server: Server
  readonly port: number
  /** Sessions that this node has the store watch. */
  watches(): number
  connect(how?: Connecting): Promise<Client>
  browser(): Browser
  /** Ends the sockets and the server. */
  close(): Promise<void>
}

export interface SiteOptions extends Options {
  readonly sessions?: Omit<SessionsOptions<Data>, 'engine' | 'secrets'>
}

/** A node: an application by Express, and sockets beside it. Gone after the test. */
export async function site(
  driver: Driver,
  engine: Engine,
  { sessions: settings, ...options }: SiteOptions = {},
): Promise<Site> {
  const watches = countWatches(engine)
  const sessions = createSessions<Data>({ ...settings, engine, secrets: [SECRET] })
  const app = express()
  app.use(expressSessions(sessions))
  app.get('/login/:principal', async (req, res) => {
    sessions.from(req).set('n', 0)
    await sessions.from(req).login(req.params.principal, { keep: ['n'], level: 1 })
    res.end()
  })
  app.get('/add', async (req, res) => {
    res.json(await sessions.from(req).update('n', (n = 0) => n + 1))
  })
  app.get('/rotate', async (req, res) => res.json(await sessions.from(req).rotate()))
  app.get('/step-up', async (req, res) => res.json(await sessions.from(req).stepUp(2)))
  app.get('/logout', async (req, res) => res.json(await sessions.from(req).logout()))
  app.get('/', (req, res) => res.json(sessions.from(req)))
  const server = createServer(app)
  const sockets = driver.serve(server, sessions, options)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let isClosed = false
  const clients: Client[] = []
  const browsers: Browser[] = []
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    for (const client of clients) client.close()
    for (const browser of browsers) browser.close()
    await sockets.close()
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
    await sessions.close()
  }
  onTestFinished(close)
  return {
    ...{ sessions, server, port, watches, close },
    connect: async (how) => {
      const client = await driver.connect(port, how)
      clients.push(client)
      return client
    },
    browser: () => {
      const browser = new Browser(port)
      browsers.push(browser)
      return browser
    },
  }
}

function countWatches(engine: Engine): () => number {
  let count = 0
  if (!hasNearReads(engine)) throw new TypeError('an engine without watches')
  const { watch } = engine
  engine.watch = (id, listener) => {
    count++
    const leave = watch.call(engine, id, listener)
    return () => {
      count--
      leave()
    }
  }
  return () => count
}
