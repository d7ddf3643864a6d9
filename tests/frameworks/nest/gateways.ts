import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { INestApplication } from '@nestjs/common'
import { Module, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { IoAdapter } from '@nestjs/platform-socket.io'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { io, type Socket } from 'socket.io-client'
import { createSessions, memoryEngine, type Sessions } from 'sojourn'
import { RequireLevel, Session, SessionGuard, SojournModule } from 'sojourn/nest'
import { sessionOfUpgrade } from 'sojourn/node'
import { socketIoSessions } from 'sojourn/socket.io'
import { wsSessions } from 'sojourn/ws'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { SECRET } from '../support/world.ts'
import { contextOf, decorated } from './contexts.ts'
import { handler } from './nest-app.ts'

interface Data {
  n: number
}

type Visit = { principal?: string; n?: number }

/** A gateway in a namespace: `count` counts for whoever is signed in, `who` tells everybody, `secure` needs level 2. */
function gateway(): new () => object {
  class Gateway {}
  WebSocketGateway({ namespace: 'feed' })(Gateway)
  const message = (name: string, guards: MethodDecorator[], run: (session: Visit) => unknown) =>
    handler(Gateway, name, [SubscribeMessage(name), ...guards], [Session()], run)
  message('count', [UseGuards(SessionGuard)], (session) => {
    session.n = (session.n ?? 0) + 1
    return session.n
  })
  message('who', [], (session) => session.principal ?? 'nobody')
  message('secure', [RequireLevel(2)], () => 'secret')
  return Gateway
}

interface Site {
  readonly sessions: Sessions<Data>
  readonly connect: (token: string | undefined, headers?: object) => Socket
  readonly cookie: (name: string, level?: number) => Promise<{ token: string; id: string }>
}

async function site(letIn: (server: never, sessions: Sessions<Data>) => void): Promise<Site> {
  const sessions = createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET] })
  class Adapter extends IoAdapter {
    override createIOServer(
      ...args: Parameters<IoAdapter['createIOServer']>
    ): ReturnType<IoAdapter['createIOServer']> {
      const server = super.createIOServer(...args)
      letIn(server as never, sessions)
      return server
    }
  }
  class AppModule {}
  Module({ imports: [SojournModule.forRoot({ sessions })], providers: [gateway()] })(AppModule)
  const app: INestApplication = await NestFactory.create(AppModule, new ExpressAdapter(), {
    logger: false,
    abortOnError: false,
    forceCloseConnections: true,
  })
  app.useWebSocketAdapter(new Adapter(app))
  await app.listen(0, '127.0.0.1')
  const { port } = app.getHttpServer().address() as AddressInfo
  onTestFinished(async () => {
    await app.close()
    await sessions.close()
  })
  return {
    sessions,
    connect: (token, headers) => {
      const cookie = token === undefined ? {} : { cookie: `session=${token}` }
      const socket = io(`http://127.0.0.1:${port}/feed`, {
        ...{ transports: ['websocket'], forceNew: true, reconnection: false },
        extraHeaders: { ...cookie, ...headers },
      })
      onTestFinished(() => void socket.close())
      return socket
    },
    cookie: async (name, level) => {
      const session = await sessions.open()
      await session.login(name, level === undefined ? {} : { level })
      return { token: session.token as string, id: session.id as string }
    },
  }
}

/** What a handler has answered, or the exception that Nest has sent. */
function ask(socket: Socket, message: string): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once('exception', ({ message: text }: { message: string }) => resolve(text))
    socket.emit(message, {}, resolve)
  })
}

function event(socket: Socket, name: string): Promise<unknown> {
  return new Promise((resolve) => socket.once(name, resolve))
}

/** Real gateways, on Socket.IO. */
export function nestGateways(): void {
  describe('a gateway behind socketIoSessions', () => {
    const guarded = (): Promise<Site> =>
      site((server, sessions) => void socketIoSessions(server, sessions))

    it('has the session as it is with each message, and stores what is changed', async () => {
      const { sessions, connect, cookie } = await guarded()
      const { token } = await cookie('ada')
      const socket = connect(token)
      expect(await ask(socket, 'who')).toBe('ada')
      expect(await ask(socket, 'count')).toBe(1)
      const elsewhere = await sessions.open(token)
      await elsewhere.update('n', (n = 0) => n + 10)
      expect(await ask(socket, 'count')).toBe(12)
      expect(await ask(socket, 'secure')).toBe('Forbidden resource')
      expect((await sessions.open(token, { fresh: true })).get('n')).toBe(12)
    })

    it('closes sockets of a session that has ended, and refuses strangers and foreign pages', async () => {
      const { sessions, connect, cookie } = await guarded()
      const { token, id } = await cookie('ada', 2)
      const socket = connect(token)
      expect(await ask(socket, 'secure')).toBe('secret')
      const closed = event(socket, 'disconnect')
      await sessions.revoke(id)
      expect(await closed).toBe('io server disconnect')
      const stranger = connect(undefined)
      expect(await ask(stranger, 'who')).toBe('nobody')
      expect(await ask(stranger, 'count')).toBe('Forbidden resource')
      const foreign = connect(token, { origin: 'https://evil.example' })
      expect(await event(foreign, 'connect_error')).toBeInstanceOf(Error)
    })
  })

  it('a gateway behind sessionOfUpgrade refuses messages of a session that has ended', async () => {
    const { sessions, connect, cookie } = await site((server, sessions) => {
      const { engine } = server as {
        engine: {
          use(check: (req: never, res: never, next: (error?: unknown) => void) => void): void
        }
      }
      engine.use((request, _, next) => {
        const go = (): void => next()
        sessionOfUpgrade(sessions, request).then(go, next)
      })
    })
    const { token, id } = await cookie('ada')
    const socket = connect(token)
    expect(await ask(socket, 'count')).toBe(1)
    await sessions.revoke(id)
    expect(await ask(socket, 'count')).toBe('Forbidden resource')
    expect(await ask(socket, 'who')).not.toBe('ada')
  })

  it('a socket of ws, which has no request, is known by itself', async () => {
    const sessions = createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET] })
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    wsSessions(server, sessions)
    const session = await sessions.open()
    await session.login('ada')
    const { port } = server.address() as AddressInfo
    const headers = { cookie: `session=${session.token}` }
    const client = new WebSocket(`ws://127.0.0.1:${port}`, { headers })
    client.on('error', () => undefined)
    onTestFinished(async () => {
      client.terminate()
      server.close()
      await sessions.close()
    })
    const [socket] = (await once(server, 'connection')) as [WebSocket]
    const context = contextOf('ws', [socket])
    expect(await new SessionGuard().canActivate(context)).toBe(true)
    expect(await decorated(Session(), context)).toMatchObject({ principal: 'ada' })
    await session.logout()
    expect(await new SessionGuard().canActivate(context)).toBe(false)
  })
}
