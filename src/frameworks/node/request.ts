import type { IncomingMessage } from 'node:http'
import type { ExchangeRequest } from '../../core/exchange.ts'

/** What the session layer has to know of a request to a Node server. */
export function requestOf(request: IncomingMessage, secure: boolean): ExchangeRequest {
  const { headers } = request
  return {
    cookie: headers.cookie,
    secure,
    host: headers.host,
    proxied:
      headers['x-forwarded-for'] !== undefined ||
      headers['x-forwarded-proto'] !== undefined ||
      headers['forwarded'] !== undefined,
  }
}
