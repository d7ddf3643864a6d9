import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Attachment } from '../../core/attachment.ts'
import { OptionError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'
import {
  endWithErrors,
  type HandshakeOptions,
  handshakes,
  type Refusal,
  refuseUpgrade,
} from '../node/handshake.ts'
import { addRetry } from '../node/retry-after.ts'
import { holdSessionNow } from '../node/session-now.ts'
import { type SocketSessions, socketEvents } from '../node/socket-events.ts'
import type { Connection, IoServer, IoSocket } from './parts.ts'

export type { EventOptions } from '../../core/attachment.ts'
export type { HandshakeOptions } from '../node/handshake.ts'
export type { AllowedOrigins } from '../node/origin.ts'
export type { SocketSessions } from '../node/socket-events.ts'
export type { IoServer, IoSocket } from './parts.ts'

export interface SocketIoSessionsOptions<Data extends object, Socket extends IoSocket>
  extends HandshakeOptions<Data> {
  /** Called for each socket whose session has ended, just before it is disconnected: to tell the client why. */
  readonly onEnd?: (socket: Socket) => void
}

/** One client, by whichever transport, and its sockets: one in each namespace. */
interface Held<Data extends object, Socket extends IoSocket> {
  readonly attachment: Attachment<Data>
  readonly sockets: Set<Socket>
}

/** What Engine.IO answers with to what it does not let in. */
const ENGINE_FORBIDDEN = 4

/**
 * Asks each handshake of a Socket.IO server for its session, before it is answered, and disconnects the sockets
 * of sessions that end. Call it right after `new Server`, before namespaces are made.
 * `sessions.from(socket.request)` is the handshake's session; events run `withSession`.
 * @throws OptionError
 */
export function socketIoSessions<Data extends object, Socket extends IoSocket>(
  io: IoServer<Socket>,
  sessions: Sessions<Data>,
  options: SocketIoSessionsOptions<Data, Socket> = {},
): SocketSessions<Data, Socket> {
  const engine = io?.engine
  if (typeof engine?.use !== 'function') {
    throw new OptionError('io', 'takes a Socket.IO Server that is attached to an HTTP server')
  }
  const { onEnd, touch = true } = options
  if (onEnd !== undefined && typeof onEnd !== 'function') {
    throw new OptionError('onEnd', 'takes a function of the socket')
  }
  const admit = handshakes(sessions, options, ['onEnd'])
  // By the handshake's request: what all namespaces of a client share, over a change of transport too.
  const clients = new WeakMap<IncomingMessage, Held<Data, Socket>>()

  // Of the engine, not of a namespace: before anything is answered, for all namespaces and transports.
  engine.use((request, response, next) => {
    // What follows a handshake names the connection. Engine.IO's own reading of the address: another
    // one could differ, and let in what has not been asked.
    if (queryOf(request)['sid']) return next()
    const { socket } = request
    const isUpgrade = request.headers.upgrade !== undefined
    if (isUpgrade) endWithErrors(socket)
    void enter(request, (refusal) => {
      if (refusal === undefined) {
        // Of a client that has gone nothing would tell the end.
        if (!socket.destroyed) next()
      } else if (isUpgrade) refuseUpgrade(socket, refusal)
      else refuse(response, refusal)
    })
  })

  async function enter(
    request: IncomingMessage,
    answer: (refusal: Refusal | undefined) => void,
  ): Promise<void> {
    answer(await admit(request))
  }

  engine.on('connection', (connection: Connection) => {
    const { request } = connection
    // However it has come past the middleware.
    if (!sessions.has(request)) return connection.close()
    const attachment = sessions.attach(request)
    holdSessionNow(request, () => attachment.view({ touch }))
    const held: Held<Data, Socket> = { attachment, sockets: new Set() }
    clients.set(request, held)
    connection.once('close', () => attachment.close())
    attachment.signal.addEventListener('abort', () => end(held, connection))
  })

  function end({ sockets }: Held<Data, Socket>, connection: Connection): void {
    const all = [...sockets]
    for (const socket of all) tell(socket)
    // Not the connection at once: its client would take that for a fault, and try again.
    for (const socket of all) socket.disconnect(true)
    if (all.length === 0) connection.close()
  }

  function tell(socket: Socket): void {
    try {
      onEnd?.(socket)
    } catch (error) {
      sessions.reportError('onEnd', error)
    }
  }

  const follow = (socket: Socket): void => {
    const held = clients.get(socket.request)
    if (held === undefined) return
    if (held.attachment.signal.aborted) return void socket.disconnect(true)
    held.sockets.add(socket)
    socket.once('disconnect', () => held.sockets.delete(socket))
  }
  io.of('/').on('connection', follow)
  io.on('new_namespace', (namespace) => void namespace.on('connection', follow))

  return socketEvents(sessions, touch, (socket) => clients.get(socket.request)?.attachment)
}

function queryOf(request: IncomingMessage): Readonly<Record<string, string | undefined>> {
  return (request as { _query?: Record<string, string> })._query ?? {}
}

function refuse(response: ServerResponse, { status, message }: Refusal): void {
  addRetry(response, status)
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(JSON.stringify({ code: ENGINE_FORBIDDEN, message }))
}
