import { createServer } from 'node:http'
import { Server, type Socket } from 'socket.io'
import { createSessions, type Session } from 'sojourn'
import { socketIoSessions } from 'sojourn/socket.io'
import { describe, expectTypeOf, it } from 'vitest'

interface Own {
  visits: number
}
interface ClientEvents {
  visit: (reply: (visits: number) => void) => void
}
interface ServerEvents {
  ended: () => void
}

const sessions = createSessions<Own>()

describe('socketIoSessions', () => {
  it('takes servers whatever their events, and knows its sockets', () => {
    const io = new Server<ClientEvents, ServerEvents>(createServer())
    const { withSession } = socketIoSessions(io, sessions, {
      onEnd: (socket) => void socket.emit('ended'),
      require: (session) => session.get('visits') !== undefined,
    })
    io.on('connection', (socket) => {
      socket.on('visit', async (reply) => {
        const visits = await withSession(socket, (session) => {
          expectTypeOf(session).toEqualTypeOf<Session<Own>>()
          return session.update('visits', (before = 0) => before + 1)
        })
        reply(visits)
      })
    })
    io.of('/admin').on('connection', (socket) => void withSession(socket, () => undefined))
  })

  it('takes servers without types of events', () => {
    const io = new Server()
    const { withSession } = socketIoSessions(io, sessions, { require: 'login' })
    io.on('connection', (socket: Socket) => {
      expectTypeOf(withSession(socket, (session) => session.principal)).resolves.toEqualTypeOf<
        string | undefined
      >()
    })
  })

  it('takes its options only', () => {
    const io = new Server()
    expectTypeOf(socketIoSessions<Own, Socket>).toBeCallableWith(io, sessions, { require: 2 })
    // @ts-expect-error no such option
    socketIoSessions(io, sessions, { requires: 'login' })
    // @ts-expect-error no such requirement
    socketIoSessions(io, sessions, { require: 'logins' })
    // @ts-expect-error these are no sessions
    socketIoSessions(io, {})
  })
})
