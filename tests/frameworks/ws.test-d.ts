import { createServer } from 'node:http'
import { createSessions, type Session } from 'sojourn'
import { wsSessions } from 'sojourn/ws'
import { describe, expectTypeOf, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'

interface Own {
  visits: number
}

const sessions = createSessions<Own>()

describe('wsSessions', () => {
  it('takes servers of each mode, and types sessions by the instance', () => {
    const server = new WebSocketServer({ server: createServer() })
    const { withSession, handler } = wsSessions(server, sessions, {
      require: (session, { url }) => url !== '/' || session.get('visits') !== undefined,
      origin: ['https://app.example.com'],
    })
    server.on('connection', (socket, request) => {
      expectTypeOf(sessions.from(request)).toEqualTypeOf<Session<Own>>()
      const listen = handler(socket, (session, data: Buffer) => session.set('visits', data.length))
      expectTypeOf(listen).toEqualTypeOf<(data: Buffer) => void>()
      socket.on('message', listen)
      const done = withSession(socket, (session) => {
        expectTypeOf(session).toEqualTypeOf<Session<Own>>()
        // @ts-expect-error no such attribute
        session.set('visit', 1)
        return session.principal
      })
      expectTypeOf(done).resolves.toEqualTypeOf<string | undefined>()
    })
  })

  it('takes its options only', () => {
    const server = new WebSocketServer({ noServer: true })
    expectTypeOf(wsSessions<Own>).toBeCallableWith(server, sessions, { require: 2, touch: false })
    // @ts-expect-error no such option
    wsSessions(server, sessions, { code: 4000 })
    // @ts-expect-error no such requirement
    wsSessions(server, sessions, { require: true })
    const { withSession } = wsSessions(server, sessions)
    const socket = {} as WebSocket
    // @ts-expect-error no such option
    void withSession(socket, () => undefined, { touches: true })
  })
})
