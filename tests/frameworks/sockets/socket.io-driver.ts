import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { socketIoSessions } from 'sojourn/socket.io'
import { act, type Client, type Driver, Refused } from './driver.ts'

/** Socket.IO over these transports. */
export function socketIoDriver(...transports: ('polling' | 'websocket')[]): Driver {
  return {
    name: `Socket.IO by ${transports.join(' and ')}`,
    end: 'io server disconnect',
    serve: (server, sessions, options) => {
      const sockets = new Server(server)
      const live = socketIoSessions(sockets, sessions, options)
      sockets.on('connection', (socket) => {
        socket.emit('greeting', sessions.from(socket.request).principal ?? null)
        socket.on('event', async (event: string, reply: (answer: unknown) => void) => {
          reply(await act(live, socket, event))
        })
      })
      return { close: () => sockets.close() }
    },
    connect: async (port, { cookie, headers } = {}) => {
      const socket = io(`http://127.0.0.1:${port}`, {
        ...{ transports, forceNew: true, reconnection: false },
        extraHeaders: { ...(cookie === undefined ? {} : { cookie }), ...headers },
      })
      const ended = new Promise<string>((resolve) => {
        socket.on('disconnect', (reason) => resolve(reason))
      })
      const greeted = new Promise((resolve) => {
        socket.on('greeting', resolve)
      })
      await new Promise<void>((resolve, reject) => {
        socket.on('connect', resolve)
        socket.on('connect_error', (error) => {
          socket.close()
          reject(new Refused(statusOf(error), retryAfterOf(error)))
        })
      })
      const client: Client = {
        greeting: await greeted,
        ended,
        ask: (event) => socket.emitWithAck('event', event),
        close: () => socket.close(),
      }
      return client
    },
  }
}

/** Of a poll it is a number, of a WebSocket in a message. */
function statusOf(error: Error): number {
  const { description } = error as { description?: number | { message?: string } }
  if (typeof description === 'number') return description
  return Number(/\d{3}$/.exec(description?.message ?? '')?.[0])
}

/** Of a poll alone. */
function retryAfterOf(error: Error): string | undefined {
  const { description, context } = error as {
    description?: unknown
    context?: { getResponseHeader(name: string): string | null }
  }
  if (typeof description !== 'number') return 'unseen'
  try {
    return context?.getResponseHeader('retry-after') ?? undefined
  } catch {
    // There was no answer.
    return undefined
  }
}
