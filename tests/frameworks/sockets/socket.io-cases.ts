import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type ServerOptions, type Socket } from 'socket.io'
import { type Socket as Client, io, type SocketOptions } from 'socket.io-client'
import { createSessions, memoryEngine, OptionError, SessionEndedError } from 'sojourn'
import { type SocketIoSessionsOptions, socketIoSessions } from 'sojourn/socket.io'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { exchangeBytes } from '../support/http-client.ts'
import { SECRET } from '../support/world.ts'

async function start(
  options: SocketIoSessionsOptions<Data, Socket> = {},
  server: Partial<ServerOptions> = {},
  before: (sockets: Server) => void = () => undefined,
) {
  const engine = memoryEngine()
  const sessions = createSessions<Data>({ engine, secrets: [SECRET] })
  const failures: string[] = []
  sessions.on('error', ({ operation }) => failures.push(operation))
  const http = createServer()
  const sockets = new Server(http, { connectTimeout: 1_000, ...server })
  before(sockets)
  const live = socketIoSessions(sockets, sessions, options)
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  const clients: Client[] = []
  onTestFinished(async () => {
    for (const client of clients) client.disconnect()
    await sockets.close()
    await sessions.close()
  })
  const session = await sessions.open()
  await session.login('ada')
  const cookie = `session=${session.token}`
  const client = (path = '', more: Partial<SocketOptions> & object = {}): Client => {
    const made = io(`http://127.0.0.1:${port}${path}`, {
      ...{ extraHeaders: { cookie }, forceNew: true, reconnection: false },
      ...more,
    })
    clients.push(made)
    return made
  }
  const connected = (made: Client): Promise<void> =>
    new Promise((resolve, reject) => {
      made.on('connect', resolve)
      made.on('connect_error', reject)
    })
  const ended = (made: Client): Promise<string> =>
    new Promise((resolve) => {
      made.on('disconnect', resolve)
    })
  return {
    ...{ engine, sessions, sockets, live, port, session, cookie, client, connected, ended },
    failures,
  }
}

const poll = (query: string, headers = ''): string =>
  `GET /socket.io/?${query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`

export function socketIoCases(): void {
  describe('servers of Socket.IO', () => {
    it('a change of transport changes nothing', async () => {
      const { sockets, client, connected, ended, live, session } = await start({
        require: 'login',
      })
      const served = once(sockets, 'connection') as Promise<[Socket]>
      const made = client()
      await connected(made)
      const [socket] = await served
      await expect.poll(() => socket.conn.transport.name).toBe('websocket')
      expect(await live.withSession(socket, ({ principal }) => principal)).toBe('ada')
      const end = ended(made)
      await session.logout()
      expect(await end).toBe('io server disconnect')
      await expect(live.withSession(socket, () => 1)).rejects.toBeInstanceOf(SessionEndedError)
    })

    it('polls after the handshake ask for nothing', async () => {
      const { client, connected, engine, sockets, live } = await start({ require: 'login' })
      const served = once(sockets, 'connection') as Promise<[Socket]>
      const made = client('', { transports: ['polling'] } as object)
      await connected(made)
      const [socket] = await served
      socket.on('echo', (reply: () => void) => reply())
      const load = vi.spyOn(engine, 'load')
      const near = vi.spyOn(engine, 'holds')
      for (let i = 0; i < 5; i++) await made.emitWithAck('echo')
      expect(load).not.toHaveBeenCalled()
      expect(near).not.toHaveBeenCalled()
      expect(await live.withSession(socket, ({ principal }) => principal)).toBe('ada')
    })

    it('a refusal is an answer of HTTP that Socket.IO understands', async () => {
      const { port } = await start({ require: 'login' })
      const answer = await exchangeBytes(port, poll('EIO=4&transport=polling'))
      expect(answer).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/)
      expect(answer).toMatch(/\r\n\r\n[^]*\{"code":4,"message":"sign in first"\}/)
    })

    it.each(['sid=x&sid=', 'sid=&sid=', 'sid', 'SID=x', 'sid%00=x', '__proto__=x'])(
      'nobody comes past it: %s',
      async (query) => {
        const { port } = await start({ require: 'login' })
        const answer = await exchangeBytes(port, poll(`EIO=4&transport=polling&${query}`))
        expect(answer).toMatch(/^HTTP\/1.1 4\d\d /)
        expect(answer).not.toContain('pingInterval')
      },
    )

    it('a connection of which nobody knows is closed, however it has come', async () => {
      const { sockets } = await start()
      const close = vi.fn<() => void>()
      sockets.engine.listeners('connection').at(-1)?.({ request: {}, close })
      expect(close).toHaveBeenCalled()
    })

    it('holds for all namespaces, made later too, and tells each socket before its end', async () => {
      const told: string[] = []
      const { sockets, client, connected, ended, session } = await start({
        require: 'login',
        onEnd: (socket) => {
          told.push(socket.nsp.name)
          socket.emit('signed out')
          if (socket.nsp.name === '/admin') throw new Error('mine')
        },
      })
      sockets.of('/admin').on('connection', () => undefined)
      sockets.of(/^\/room-\d+$/).on('connection', () => undefined)
      const first = client('/')
      await connected(first)
      const all = [first, first.io.socket('/admin', {}), first.io.socket('/room-7', {})]
      await Promise.all(all.slice(1).map(connected))
      const heard: Client[] = []
      for (const made of all) made.on('signed out', () => heard.push(made))
      const ends = all.map(ended)
      await session.logout()
      expect(await Promise.all(ends)).toEqual(Array(3).fill('io server disconnect'))
      expect(told.sort()).toEqual(['/', '/admin', '/room-7'])
      expect(heard).toHaveLength(3)
      await expect(connected(client('/admin'))).rejects.toMatchObject({ type: 'TransportError' })
    })

    it('a namespace of before ends as well, as a fault', async () => {
      const { client, connected, ended, session } = await start({}, {}, (sockets) => {
        sockets.of('/old').on('connection', () => undefined)
      })
      const made = client('/old')
      await connected(made)
      const end = ended(made)
      await session.logout()
      expect(await end).toMatch(/transport (close|error)/)
    })

    it('a client whose session ends before it has joined a namespace is cut off', async () => {
      const { sockets, session, client } = await start()
      sockets.use(() => undefined) // never lets anybody in
      const made = client()
      const [connection] = (await once(sockets.engine, 'connection')) as [{ once: () => void }]
      const closed = once(connection as never, 'close')
      await session.logout()
      await closed
      expect(made.connected).toBe(false)
    })

    it('a client does not try again by itself', async () => {
      const { sockets, client, connected, ended, session } = await start()
      const made = client('', { reconnection: true, reconnectionDelay: 1 } as object)
      await connected(made)
      const end = ended(made)
      await session.logout()
      expect(await end).toBe('io server disconnect')
      expect(made.active).toBe(false)
      await expect.poll(() => sockets.engine.clientsCount).toBe(0)
    })

    it('what has ended is not recovered for the next user of the page', async () => {
      const { sockets, client, connected, ended, session, sessions } = await start(
        {},
        { connectionStateRecovery: {} },
      )
      sockets.on('connection', (socket) => void socket.join('ada'))
      const made = client()
      await connected(made)
      const heard = once(made as never, 'news')
      sockets.emit('news') // an offset, without which nothing is recovered
      await heard
      const end = ended(made)
      await session.logout()
      await end
      const next = await sessions.open()
      await next.login('grace')
      made.io.opts.extraHeaders = { cookie: `session=${next.token}` }
      const back = connected(made)
      made.connect()
      await back
      expect(made.recovered).toBe(false)
    })

    it('goes with `cors` for pages elsewhere', async () => {
      const page = 'https://app.example'
      const { port, cookie } = await start(
        { require: 'login', origin: [page] },
        { cors: { origin: page, credentials: true } },
      )
      const query = 'EIO=4&transport=polling'
      const own = `Origin: ${page}\r\nCookie: ${cookie}\r\n`
      const asked = await exchangeBytes(
        port,
        poll(query, `${own}Access-Control-Request-Method: GET\r\n`).replace('GET', 'OPTIONS'),
      )
      expect(asked).toMatch(/^HTTP\/1.1 204 /)
      expect(await exchangeBytes(port, poll(query, own))).toMatch(
        /^HTTP\/1.1 200 [^]*Access-Control-Allow-Credentials: true/,
      )
      const refused = await exchangeBytes(port, poll(query, `Origin: ${page}\r\n`))
      // So that the page can read why.
      expect(refused).toMatch(/^HTTP\/1.1 401 [^]*Access-Control-Allow-Origin: https:/)
      const strange = await exchangeBytes(port, poll(query, own.replace('app', 'evil')))
      expect(strange).toMatch(/^HTTP\/1.1 403 /)
    })

    it('a socket of another server has no session', async () => {
      const { live } = await start()
      const working = live.withSession({ request: {} } as Socket, () => 1)
      await expect(working).rejects.toBeInstanceOf(TypeError)
    })

    it('refuses wrong options at the start', async () => {
      const { sockets, sessions } = await start()
      const call =
        (...args: unknown[]) =>
        () =>
          (socketIoSessions as (...all: unknown[]) => unknown)(...args)
      expect(call(new Server(), sessions)).toThrow('`io`')
      expect(call({}, sessions)).toThrow(OptionError)
      expect(call(undefined, sessions)).toThrow(OptionError)
      expect(call(sockets, {})).toThrow('`sessions`')
      expect(call(sockets, sessions, { onEnd: 'x' })).toThrow('`onEnd`')
      expect(call(sockets, sessions, { closeCode: 4401 })).toThrow('`closeCode`')
    })
  })
}
