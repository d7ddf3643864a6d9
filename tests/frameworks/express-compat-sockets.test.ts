/** WebSockets as applications of express-session have them: the middleware is called with a handshake and `{}`. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { Server as IoServer } from 'socket.io'
import { io as ioClient } from 'socket.io-client'
import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { compat } from 'sojourn/express-compat'
import { nodeSessions } from 'sojourn/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { Browser, SECRET } from './express-compat/nodes.ts'
import { count } from './express-compat/rows/storing.ts'
import { expressSession, on, type SessionRequest } from './express-compat/versions.ts'
import { watchedEngine } from './support/watched-engine.ts'

type Middleware = ReturnType<typeof expressSession>

/** What one event asks for, and what comes of it. */
type Event = (request: SessionRequest) => Promise<unknown>

const told = (call: (callback: (error?: unknown) => void) => unknown): Promise<unknown> =>
  new Promise((resolve) => {
    call((error) => resolve(error instanceof Error ? error.message : (error ?? null)))
  })

const EVENTS: Readonly<Record<string, Event>> = {
  look: async ({ session }) => session?.['n'] ?? null,
  reload: async (request) => {
    const error = await told((callback) => request.session.reload(callback))
    return [error, request.session['n'] ?? null]
  },
  add: async (request) => {
    await told((callback) => request.session.reload(callback))
    request.session['n'] = ((request.session['n'] as number | undefined) ?? 0) + 1
    const error = await told((callback) => request.session.save(callback))
    return [error, request.session['n']]
  },
  touch: async ({ session }) => {
    session.touch()
    return told((callback) => session.save(callback))
  },
  destroy: async ({ session }) => told((callback) => session.destroy(callback)),
  regenerate: async (request) => {
    const error = await told((callback) => request.session.regenerate(callback))
    return [error, request.session['n'] ?? null]
  },
}

interface Client {
  ask(event: string): Promise<unknown>
  close(): void
}

interface Kind {
  serve(server: Server, parser: Middleware): { close(): unknown }
  connect(port: number, cookie: string): Promise<Client>
}

const answer = async (event: string, request: IncomingMessage): Promise<unknown> =>
  EVENTS[event]?.(request as unknown as SessionRequest)

/** As examples/express-session-parse of `ws`. */
function wsKind(response: (request: IncomingMessage) => object): Kind {
  return {
    serve: (server, parser) => {
      const sockets = new WebSocketServer({ noServer: true })
      server.on('upgrade', (request, socket, head) => {
        parser(request, response(request) as ServerResponse, () => {
          sockets.handleUpgrade(request, socket, head, (client) => {
            client.on('message', (data: Buffer) => {
              void answer(data.toString(), request).then((result) =>
                client.send(JSON.stringify(result ?? null)),
              )
            })
          })
        })
      })
      return sockets
    },
    connect: async (port, cookie) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { cookie } })
      await once(socket, 'open')
      return {
        ask: async (event) => {
          const answered = once(socket, 'message')
          socket.send(event)
          return JSON.parse(String((await answered)[0])) as unknown
        },
        close: () => socket.terminate(),
      }
    },
  }
}

/** As Socket.IO's guide "Usage with express-session", now and formerly. */
function ioKind(
  transport: 'polling' | 'websocket',
  use: (io: IoServer, parser: Middleware) => void,
): Kind {
  return {
    serve: (server, parser) => {
      const io = new IoServer(server)
      use(io, parser)
      io.on('connection', (socket) => {
        socket.on('event', async (event: string, reply: (result: unknown) => void) =>
          reply(await answer(event, socket.request)),
        )
      })
      return io
    },
    connect: async (port, cookie) => {
      const socket = ioClient(`http://127.0.0.1:${port}`, {
        ...{ transports: [transport], forceNew: true, reconnection: false },
        extraHeaders: { cookie },
      })
      await new Promise<void>((resolve, reject) => {
        socket.on('connect', resolve)
        socket.on('connect_error', reject)
      })
      return {
        ask: (event) => socket.timeout(5000).emitWithAck('event', event) as Promise<unknown>,
        close: () => void socket.close(),
      }
    },
  }
}

const wrap =
  (response: (request: IncomingMessage) => object) =>
  (io: IoServer, parser: Middleware): void => {
    io.use((socket, next) =>
      parser(socket.request, response(socket.request) as ServerResponse, (error) =>
        next(error as Error | undefined),
      ),
    )
  }
const nothing = (): object => ({})
const ofEngine = (request: IncomingMessage): object => (request as { res?: object }).res ?? {}
const engine = (io: IoServer, parser: Middleware): void => {
  io.engine.use(parser)
}

const KINDS: Readonly<Record<string, Kind>> = {
  'ws, {}': wsKind(nothing),
  'Socket.IO by polling, {}': ioKind('polling', wrap(nothing)),
  'Socket.IO by WebSocket, {}': ioKind('websocket', wrap(nothing)),
  'Socket.IO by polling, request.res || {}': ioKind('polling', wrap(ofEngine)),
  'Socket.IO by WebSocket, request.res || {}': ioKind('websocket', wrap(ofEngine)),
  'Socket.IO by polling, io.engine.use': ioKind('polling', engine),
  'Socket.IO by WebSocket, io.engine.use': ioKind('websocket', engine),
}

interface Site {
  readonly origin: string
  readonly browser: Browser
  connect(cookie?: string): Promise<Client>
}

/** Beside HTTP; a browser has been there once. */
async function startSite(kind: Kind, parser: Middleware): Promise<Site> {
  const app = express()
  app.use(parser)
  app.all('/', on(count))
  app.all(
    '/look',
    on((req, res) => res.json(req.session['n'] ?? null)),
  )
  app.all(
    '/logout',
    on((req, res) => req.session.destroy(() => res.json({}))),
  )
  const server = createServer(app)
  const sockets = kind.serve(server, parser)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const browser = new Browser()
  await browser.get(`${origin}/`)
  const clients: Client[] = []
  onTestFinished(async () => {
    for (const client of clients) client.close()
    sockets.close()
    server.closeAllConnections()
    await (parser as { sessions?: { close(): Promise<void> } }).sessions?.close()
  })
  return {
    origin,
    browser,
    connect: async (cookie = browser.cookie) => {
      const client = await kind.connect(port, cookie)
      clients.push(client)
      return client
    },
  }
}

const OPTIONS = { secret: SECRET, resave: false, saveUninitialized: false }

/** What a row tells of express-session, and of ours. */
async function compare(
  kind: Kind,
  options: object,
  row: (site: Site) => Promise<readonly unknown[]>,
): Promise<{ readonly theirs: readonly unknown[]; readonly ours: readonly unknown[] }> {
  const theirs = await row(await startSite(kind, expressSession({ ...OPTIONS, ...options })))
  const ours = await row(await startSite(kind, compat({ ...OPTIONS, ...options })))
  return { theirs, ours }
}

describe.each(Object.entries(KINDS))('%s, as with express-session', (_, kind) => {
  const look = async ({ origin, browser }: Site, cookie = browser.cookie): Promise<string> =>
    (await new Browser().get(`${origin}/look`, { cookie })).text

  it.each([{}, { cookie: { maxAge: 60_000 } }, { rolling: true, cookie: { maxAge: 60_000 } }])(
    'a handshake has its session, and events read and store it: %o',
    async (options) => {
      const { ours, theirs } = await compare(kind, options, async (site) => {
        const client = await site.connect()
        const before = await client.ask('look')
        await site.browser.get(`${site.origin}/`)
        const seen = [before, await client.ask('reload'), await client.ask('add')]
        return [...seen, await client.ask('add'), await client.ask('touch'), await look(site)]
      })
      expect(theirs).toEqual([1, [null, 2], [null, 3], [null, 4], null, '4'])
      expect(ours).toEqual(theirs)
    },
  )

  it('one that HTTP has signed out is not loaded again', async () => {
    const { ours, theirs } = await compare(kind, {}, async (site) => {
      const client = await site.connect()
      await site.browser.get(`${site.origin}/logout`)
      return [await client.ask('reload')]
    })
    expect(ours).toEqual(theirs)
  })

  it.each(['destroy', 'regenerate'])('%s ends it for HTTP too', async (event) => {
    const { ours, theirs } = await compare(kind, {}, async (site) => {
      const client = await site.connect()
      return [await client.ask(event), await look(site)]
    })
    expect(ours).toEqual(theirs)
  })

  it.each([
    { cookie: '', saveUninitialized: false },
    { cookie: '', saveUninitialized: true },
    { cookie: 'connect.sid=s%3Anobody.x', saveUninitialized: true },
  ])('a handshake without one: %o', async ({ cookie, saveUninitialized }) => {
    const { ours, theirs } = await compare(kind, { saveUninitialized }, async (site) => {
      const client = await site.connect(cookie)
      const asked = [await client.ask('look'), await client.ask('reload')]
      return [...asked, await client.ask('destroy')]
    })
    expect(ours).toEqual(theirs)
  })
})

describe('a handshake of ours', () => {
  const handshake = (cookie: string): IncomingMessage =>
    ({ headers: { cookie }, url: '/', socket: {} }) as unknown as IncomingMessage
  /** Answers with what `next` is called with. */
  const call = (middleware: Middleware, request: IncomingMessage): Promise<unknown> =>
    new Promise((resolve) => middleware(request, {} as ServerResponse, resolve))

  it('makes no session that no cookie leads to', async () => {
    const session = compat({ ...OPTIONS, saveUninitialized: true })
    const request = handshake('')
    expect(await call(session, request)).toBeUndefined()
    await (request as unknown as SessionRequest).session.save()
    expect(await session.store.length()).toBe(0)
    await session.sessions.close()
  })

  it('an error of the store, and of the application, goes to next', async () => {
    const engine = watchedEngine(memoryEngine())
    const options = { ...OPTIONS, engine, nearCache: false }
    const { origin, browser } = await startSite(KINDS['ws, {}'] as Kind, compat(options))
    expect((await browser.get(`${origin}/`)).status).toBe(200)
    const session = compat(options)
    engine.failure = new StoreUnavailableError('gone', false)
    expect(await call(session, handshake(browser.cookie))).toBe(engine.failure)
    engine.failure = undefined
    // Only an object with a cookie is a session.
    session.store.get = ((_: string, callback: (error: null, record: object) => void) =>
      setImmediate(callback, null, {})) as unknown as typeof session.store.get
    expect(await call(session, handshake(browser.cookie))).toBeInstanceOf(TypeError)
  })

  it.each(['expressSessions', 'nodeSessions'])('%s takes {} as well', async (name) => {
    const sessions = createSessions({ secrets: [SECRET], cookie: { name: 'sid', secure: false } })
    const use = name === 'nodeSessions' ? nodeSessions : expressSessions
    const session: Middleware = use(sessions)
    const stored = await sessions.open()
    await stored.login('ada')
    const request = handshake(`sid=${stored.token}`)
    expect(await call(session, request)).toBeUndefined()
    expect(sessions.from(request).principal).toBe('ada')
    await expect(sessions.from(request).login('ada')).rejects.toThrow('headers')
    await sessions.close()
  })
})
