import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createSessions, type Session, type Sessions, type SessionsOptions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { onTestFinished } from 'vitest'
import type { Engine } from '../../../src/core/engine.ts'
import { hasNearReads } from '../../../src/core/engine-abilities.ts'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { SECRET } from '../support/world.ts'
import type { Client, Connecting, Driver, Options } from './driver.ts'

export interface Site {
  readonly sessions: Sessions<Data>
  readonly server: Server
  readonly port: number
  /** Sessions that this node has the store watch. */
  readonly watches: () => number
  readonly connect: (how?: Connecting) => Promise<Client>
  readonly browser: () => Browser
  /** Ends the sockets and the server. */
  readonly close: () => Promise<void>
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
  const handle = (path: string, work: (session: Session<Data>, name: string) => unknown): void => {
    app.get(path, (req, res, next) => {
      Promise.resolve(work(sessions.from(req), String(req.params['name']))).then(
        (answer) => res.json(answer),
        next,
      )
    })
  }
  handle('/login/:name', async (session, name) => {
    session.set('n', 0)
    await session.login(name, { keep: ['n'], level: 1 })
  })
  handle('/add', (session) => session.update('n', (n = 0) => n + 1))
  handle('/rotate', (session) => session.rotate())
  handle('/step-up', (session) => session.stepUp(2))
  handle('/logout', (session) => session.logout())
  handle('/', (session) => session.toJSON())
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
  const watch = engine.watch.bind(engine)
  engine.watch = (id, listener) => {
    count++
    const leave = watch(id, listener)
    return () => {
      count--
      leave()
    }
  }
  return () => count
}
