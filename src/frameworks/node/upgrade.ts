import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../../core/exchange.ts'
import type { Sessions } from '../../core/sessions.ts'
import { holdForwarded } from './connection.ts'
import { handshakeReader } from './other-cookie.ts'
import { NodeRequest } from './request.ts'

/** Finds the session of a request with whose answer no cookie can be set. */
export async function openWithoutCookie<Data extends object>(
  sessions: Sessions<Data>,
  request: IncomingMessage,
  isSecure: (request: IncomingMessage) => boolean,
): Promise<Exchange<Data>> {
  const facts = new NodeRequest(request, request, isSecure)
  holdForwarded(request, request, isSecure)
  const cookie = handshakeReader(sessions, facts)
  const exchange = await sessions.exchange(request, facts, { cookie })
  exchange.sendHeaders()
  exchange.afterResponse((error) => sessions.reportError('touch', error))
  return exchange
}
