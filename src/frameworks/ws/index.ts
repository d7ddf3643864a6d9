import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import type { Attachment } from '../../core/attachment.ts'
import { OptionError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'
import {
  endWithErrors,
  type HandshakeOptions,
  handshakes,
  refuseUpgrade,
} from '../node/handshake.ts'
import { holdSessionNow, type SessionNow } from '../node/session-now.ts'
import { type SocketSessions, socketEvents } from '../node/socket-events.ts'

export type { EventOptions } from '../../core/attachment.ts'
export type { HandshakeOptions } from '../node/handshake.ts'
export type { AllowedOrigins } from '../node/origin.ts'
export type { SocketSessions } from '../node/socket-events.ts'

export interface WsSessionsOptions<Data extends object> extends HandshakeOptions<Data> {
  /** With which a socket is closed when its session ends: 1008 or 3000 to 4999. Default 4401. */
  readonly closeCode?: number
}

const SESSION_ENDED = 4401
/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION = 1008

/**
 * Asks each handshake of a `ws` server for its session, before it is answered, and closes the sockets of
 * sessions that end. `sessions.from(request)` is the handshake's session; events run `withSession`.
 * @throws OptionError
 */
export function wsSessions<Data extends object>(
  server: Pick<WebSocketServer, 'handleUpgrade' | 'shouldHandle'>,
  sessions: Sessions<Data>,
  options: WsSessionsOptions<Data> = {},
): SocketSessions<Data, WebSocket> {
  if (typeof server?.handleUpgrade !== 'function') {
    throw new OptionError('server', 'takes a WebSocketServer of ws')
  }
  const admit = handshakes(sessions, options, ['closeCode'])
  const { closeCode = SESSION_ENDED, touch = true } = options
  checkCloseCode(closeCode)
  const attachments = new WeakMap<WebSocket, Attachment<Data>>()

  function attach(socket: WebSocket, request: IncomingMessage): void {
    const attachment = sessions.attach(request)
    attachments.set(socket, attachment)
    const now: SessionNow = () => attachment.view({ touch })
    for (const holder of [socket, request]) holdSessionNow(holder, now)
    socket.once('close', () => attachment.close())
    attachment.signal.addEventListener('abort', () => {
      // A peer that does not answer the close could go on to send until it is cut off.
      socket.removeAllListeners('message')
      socket.close(closeCode, 'session ended')
    })
  }

  // Not `verifyClient`: it is one option, and the application's own. Not an own upgrade listener: with
  // the options `server` and `port` there is one already.
  const { handleUpgrade } = server
  server.handleUpgrade = (request, socket, head, done) => {
    const upgrade = (): void =>
      handleUpgrade.call(server, request, socket, head, (client, answered) => {
        attach(client, request)
        done(client, answered)
      })
    // A wrong path is answered as one, whoever asks.
    if (server.shouldHandle(request) === false) {
      return handleUpgrade.call(server, request, socket, head, done)
    }
    endWithErrors(socket)
    void enter(request, socket, upgrade)
  }

  async function enter(
    request: IncomingMessage,
    socket: Duplex,
    upgrade: () => void,
  ): Promise<void> {
    const refusal = await admit(request)
    if (refusal === undefined) upgrade()
    else refuseUpgrade(socket, refusal)
  }

  return socketEvents(sessions, touch, (socket) => attachments.get(socket))
}

function checkCloseCode(code: unknown): void {
  const isOwn = Number.isInteger(code) && (code as number) >= 3000 && (code as number) <= 4999
  if (isOwn || code === POLICY_VIOLATION) return
  throw new OptionError(
    'closeCode',
    `takes ${POLICY_VIOLATION}, or a whole number from 3000 to 4999`,
  )
}
