/** Sockets beside what stands in for another library: their handshakes bring its cookie, and not that of the sessions. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import Koa from 'koa'
import { createSessions, type Sessions } from 'sojourn'
import { compat } from 'sojourn/express-compat'
import { SojournStore } from 'sojourn/express-session'
import { koaSession } from 'sojourn/koa-session'
import { sessionOfUpgrade } from 'sojourn/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { socketIoDriver } from './sockets/socket.io-driver.ts'
import { wsDriver } from './sockets/ws-driver.ts'
import type { Data } from './support/adapter.ts'
import { SECRET } from './support/world.ts'

interface Site {
  readonly sessions: Sessions<Data>
  /** Signs in at `/login`. */
  readonly listener: RequestListener
}

const QUIET = { resave: false, saveUninitialized: false }

function expressSite(options: object): Site {
  const session = compat<Data>({ ...QUIET, ...options })
  const app = express()
  app.use(session)
  app.get('/login', (req, res) => {
    void session.sessions
      .from(req)
      .login('ada')
      .then(() => res.end())
  })
  return { sessions: session.sessions, listener: app }
}

function koaSite(options: object, keys?: string[]): Site {
  const app = new Koa()
  if (keys !== undefined) app.keys = keys
  const session = koaSession<Data>(options, app)
  app.use(session)
  app.use(async (ctx) => {
    await session.sessions.from(ctx).login('ada')
    ctx.body = ''
  })
  const handle = app.callback()
  return { sessions: session.sessions, listener: (req, res) => void handle(req, res) }
}

const made = (): Sessions<Data> => createSessions<Data>({ secrets: [SECRET] })

const SITES: Readonly<Record<string, () => Site>> = {
  'compat({ sessions })': () => expressSite({ sessions: made() }),
  'compat({ sessions, name })': () => expressSite({ sessions: made(), name: 'sid' }),
  'compat({ store })': () => {
    const store = new SojournStore<Data>({ secrets: [SECRET] })
    return expressSite({ store })
  },
  'compat({ secret })': () => expressSite({ secret: SECRET }),
  'koaSession({ sessions })': () => koaSite({ sessions: made() }),
  'koaSession with a name that the sessions cannot have': () =>
    koaSite({ key: 'koa:sess' }, [SECRET]),
}

describe.each(Object.entries(SITES))('%s', (name, make) => {
  const isShared = name.includes('{ sessions')
  it.each([wsDriver, socketIoDriver('polling'), socketIoDriver('websocket')])(
    '$name lets in whoever is signed in there',
    async (driver) => {
      const { sessions, listener } = make()
      const server = createServer(listener)
      const sockets = driver.serve(server, sessions, { require: 'login' })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      onTestFinished(async () => {
        await sockets.close()
        server.closeAllConnections()
        server.close()
        await sessions.close()
      })
      const response = await fetch(`http://127.0.0.1:${port}/login`)
      const cookie = response.headers
        .getSetCookie()
        .map((one) => one.split(';')[0])
        .join('; ')
      const client = await driver.connect(port, { cookie })
      expect(client.greeting).toBe('ada')
      client.close()
      await expect(driver.connect(port, {})).rejects.toMatchObject({ status: 401 })
      // The cookie of sessions that were made before leads there as ever.
      if (!isShared) return
      const own = await sessions.open()
      await own.login('bob')
      const other = await driver.connect(port, { cookie: `session=${own.token}` })
      expect(other.greeting).toBe('bob')
      other.close()
    },
  )
})

it('sessionOfUpgrade finds it too', async () => {
  const { sessions } = expressSite({ sessions: made() })
  const session = await sessions.open()
  await session.login('ada')
  const socket = { on: () => undefined, once: () => undefined }
  const request = { headers: { cookie: `connect.sid=${session.token}` }, url: '/', socket }
  expect((await sessionOfUpgrade(sessions, request as never)).principal).toBe('ada')
  await sessions.close()
})
