import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Attachment } from '../../core/attachment.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { type ConnectionOptions, holdForwarded, securityOf } from './connection.ts'
import { checkOptions, enter, type MountOptions } from './mount.ts'
import { refuseOtherCookie } from './other-cookie.ts'
import { NodeRequest } from './request.ts'
import { hookResponse } from './response-hook.ts'
import { holdSessionNow } from './session-now.ts'
import { holdSession } from './session-property.ts'
import { openWithoutCookie } from './upgrade.ts'

export type { ConnectionOptions } from './connection.ts'

/** A request to a server of node:http, node:https or, with its compatibility API, node:http2. */
export type NodeServerRequest = IncomingMessage | Http2ServerRequest
export type NodeServerResponse = ServerResponse | Http2ServerResponse

export interface NodeSessionsOptions extends MountOptions<NodeServerRequest>, ConnectionOptions {}

/** Fits what is called middleware since connect. */
export type NodeMiddleware = (
  request: NodeServerRequest,
  response: NodeServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Gives each request its session, for `sessions.from(request)`, stores it before the response goes
 * out, and keeps the cookie. `next` is called at once where no I/O is needed; with an error, such as
 * `StoreUnavailableError` with `status` 503, it has to answer the request.
 * @throws OptionError
 */
export function nodeSessions<Data extends object>(
  sessions: Sessions<Data>,
  options: NodeSessionsOptions = {},
): NodeMiddleware {
  checkOptions(sessions, options, ['fresh', 'outage', 'trustProxy'])
  const isSecure = securityOf(options)
  return (request, response, next) => {
    const message = request as IncomingMessage
    const facts = new NodeRequest(message, message, isSecure)
    holdForwarded(message, message, isSecure)
    const start = (exchange: Exchange<Data>): void => {
      hookResponse(response as ServerResponse, exchange, next, sessions)
      next()
    }
    enter(sessions, options, message, facts, start, next, response as ServerResponse)
  }
}

/**
 * The session of a request that gets no response, such as a WebSocket's handshake. No cookie can be
 * set: `login` and `rotate` are refused, a session that is new is not stored. What is changed is
 * stored by `commit()`.
 * @throws OptionError, StoreUnavailableError, StoreRefusedError
 */
export async function sessionOfUpgrade<Data extends object>(
  sessions: Sessions<Data>,
  request: IncomingMessage,
  options: ConnectionOptions = {},
): Promise<Session<Data>> {
  checkOptions(sessions, options, ['trustProxy'])
  refuseOtherCookie(sessions)
  // Node leaves an upgraded socket without a listener: a client that resets it would end the process.
  request.socket.on('error', () => request.socket.destroy())
  const exchange = await openWithoutCookie(sessions, request, securityOf(options))
  holdSession(request, exchange)
  let attachment: Attachment<Data> | undefined
  holdSessionNow(request, () => {
    attachment ??= sessions.attach(request)
    if (request.socket.destroyed) attachment.close()
    return attachment.view()
  })
  // The session's signal lasts as long as the socket.
  const release = (): void => {
    exchange.release()
    attachment?.close()
  }
  if (request.socket.destroyed) release()
  else request.socket.once('close', release)
  return exchange.session
}
