import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { createSessions, memoryEngine, OptionError, SessionEndedError } from 'sojourn'
import { type WsSessionsOptions, wsSessions } from 'sojourn/ws'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import type { Data } from '../support/adapter.ts'
import { exchangeBytes } from '../support/http-client.ts'
import { turns } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

/** A `ws` server in one of its modes, on embedded sessions, and a signed-in user. */
async function start(
  mode: 'server' | 'noServer' | 'port',
  options: WsSessionsOptions<Data> = {},
  more: ServerOptions = {},
) {
  const engine = memoryEngine()
  const sessions = createSessions<Data>({ engine, secrets: [SECRET] })
  const http = createServer()
  const by = { server: { server: http }, noServer: { noServer: true }, port: { port: 0 } }[mode]
  const sockets = new WebSocketServer({ host: '127.0.0.1', ...by, ...more })
  const live = wsSessions(sockets, sessions, options)
  if (mode === 'noServer') {
    http.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (client) =>
        sockets.emit('connection', client, request),
      )
    })
  }
  if (mode === 'port') await once(sockets, 'listening')
  else await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = (mode === 'port' ? sockets : http).address() as AddressInfo
  onTestFinished(async () => {
    for (const client of sockets.clients) client.terminate()
    sockets.close()
    http.close()
    await sessions.close()
  })
  const session = await sessions.open()
  await session.login('ada')
  const cookie = `session=${session.token}`
  const join = async (headers: Record<string, string> = { cookie }) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers })
    const served = once(sockets, 'connection') as Promise<[WebSocket, object]>
    await once(socket, 'open')
    return { socket, served: (await served)[0] }
  }
  return { sessions, sockets, live, port, session, cookie, join }
}

const request = (path: string, headers: Record<string, string>): string =>
  `GET ${path} HTTP/1.1\r\n${Object.entries({
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`

export function wsCases(): void {
  describe('servers of ws', () => {
    it.each(['server', 'noServer', 'port'] as const)('in the mode `%s`', async (mode) => {
      const { join, live, session, sessions, port } = await start(mode, { require: 'login' })
      expect(await exchangeBytes(port, request('/', {}))).toMatch(/^HTTP\/1.1 401 /)
      const { socket, served } = await join()
      await live.withSession(served, (theirs) => theirs.set('n', 7))
      expect((await sessions.open(session.token)).get('n')).toBe(7)
      const closed = once(socket, 'close')
      await session.logout()
      const [code, reason] = (await closed) as [number, Buffer]
      expect([code, reason.toString()]).toEqual([4401, 'session ended'])
      await expect(live.withSession(served, () => 1)).rejects.toBeInstanceOf(SessionEndedError)
    })

    it('a refusal is an answer of HTTP, and ends the connection', async () => {
      const { port, cookie } = await start('server', { require: 2 })
      const none = await exchangeBytes(port, request('/', {}))
      expect(none.split('\r\n')).toEqual([
        ...['HTTP/1.1 401 Unauthorized', 'Connection: close'],
        ...['Content-Type: text/plain; charset=utf-8', 'Content-Length: 13', '', 'sign in first'],
      ])
      const low = await exchangeBytes(port, request('/', { Cookie: cookie }))
      expect(low).toMatch(/^HTTP\/1.1 403 Forbidden\r\n[^]*\r\n\r\nnot allowed$/)
    })

    it('a wrong path is answered as one, whoever asks', async () => {
      const { port } = await start('server', { require: 'login' }, { path: '/chat' })
      expect(await exchangeBytes(port, request('/other', {}))).toMatch(/^HTTP\/1.1 400 /)
      expect(await exchangeBytes(port, request('/chat?x=1', {}))).toMatch(/^HTTP\/1.1 401 /)
    })

    it('the application’s own verifyClient is asked as well', async () => {
      const seen: unknown[] = []
      const verifyClient = ({ req }: { req: object }): boolean => {
        seen.push(sessionsOf().from(req).principal)
        return false
      }
      const { port, cookie, sessions } = await start('server', {}, { verifyClient })
      const sessionsOf = () => sessions
      expect(await exchangeBytes(port, request('/', { Cookie: cookie }))).toMatch(/ 401 /)
      expect(seen).toEqual(['ada'])
    })

    it('closes with the code of the option', async () => {
      const { join, session } = await start('server', { closeCode: 1008 })
      const { socket } = await join()
      const closed = once(socket, 'close')
      await session.logout()
      expect((await closed)[0]).toBe(1008)
    })

    it('what a client sends that does not answer the close is not handled', async () => {
      const { port, cookie, sockets, session } = await start('server')
      const handled: string[] = []
      const served = once(sockets, 'connection') as Promise<[WebSocket]>
      sockets.on('connection', (socket) =>
        socket.on('message', (data: Buffer) => handled.push(data.toString())),
      )
      const client = connect(port, '127.0.0.1')
      onTestFinished(() => void client.destroy())
      client.write(request('/', { Cookie: cookie }))
      await once(client, 'data')
      // A text frame `a`, masked with zeros.
      const frame = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61])
      client.write(frame)
      await expect.poll(() => handled).toEqual(['a'])
      const [socket] = await served
      const told = once(client, 'data')
      await session.logout()
      await told
      expect(socket.readyState).toBe(WebSocket.CLOSING)
      const received = once(socket, 'ping')
      client.write(Buffer.concat([frame, Buffer.from([0x89, 0x80, 0, 0, 0, 0])]))
      await received
      expect(handled).toEqual(['a'])
    })

    it('a handler stores, and what fails in it ends neither process nor socket', async () => {
      const { join, live, sessions, session } = await start('server')
      const failures: unknown[] = []
      sessions.on('error', (event) => failures.push(event))
      const { socket, served } = await join()
      const say = live.handler(served, async (theirs, data: Buffer, isBinary: boolean) => {
        expect(isBinary).toBe(false)
        if (data.toString() === 'fail') throw new Error('mine')
        await theirs.update('name', () => data.toString())
        served.send('stored')
      })
      served.on('message', say)
      socket.send('fail')
      await expect
        .poll(() => failures)
        .toMatchObject([{ operation: 'event', error: { message: 'mine' } }])
      socket.send('ada')
      await once(socket, 'message')
      expect((await sessions.open(session.token)).get('name')).toBe('ada')
      const closed = once(socket, 'close')
      await session.logout()
      await closed
      say(Buffer.from('late'), false)
      live.handler({} as WebSocket, () => 1)()
      await turns()
      expect(failures).toMatchObject([{}, { operation: 'event', error: { name: 'TypeError' } }])
    })

    it('a socket of another server has no session', async () => {
      const { live } = await start('noServer')
      const working = live.withSession({} as WebSocket, () => 1)
      await expect(working).rejects.toBeInstanceOf(TypeError)
    })

    it.each<[string, object]>([
      ['closeCode', { closeCode: 1000 }],
      ['closeCode', { closeCode: 5000 }],
      ['closeCode', { closeCode: '4401' }],
      ['origin', { origin: 'https://app.example' }],
      ['origin', { origin: ['app.example'] }],
      ['origin', { origin: ['https://app.example/'] }],
      ['origin', { origin: [undefined] }],
      ['require', { require: true }],
      ['require', { require: 256 }],
      ['require', { require: -1 }],
      ['require', { require: 1.5 }],
      ['touch', { touch: 'yes' }],
      ['trustProxy', { trustProxy: 1 }],
      ['login', { login: true }],
    ])('refuses a wrong `%s` at the start: %o', async (option, options) => {
      const { sockets, sessions } = await start('noServer')
      const before = Reflect.get(sockets, 'handleUpgrade')
      const wrong = (): unknown => wsSessions(sockets, sessions, options)
      expect(wrong).toThrow(OptionError)
      expect(wrong).toThrow(`\`${option}\``)
      expect(Reflect.get(sockets, 'handleUpgrade')).toBe(before)
    })

    it('refuses what is no server, and what are no sessions', async () => {
      const { sockets, sessions } = await start('noServer')
      expect(() => wsSessions({} as WebSocketServer, sessions)).toThrow(OptionError)
      expect(() => wsSessions(sockets, {} as typeof sessions)).toThrow(OptionError)
    })
  })
}
