import type { IncomingMessage } from 'node:http'
import { isForwardedHttps } from './forwarded.ts'

export interface ConnectionOptions {
  /**
   * Whether X-Forwarded-Proto is believed, which decides on the cookie's form. Only behind a proxy
   * that sets it. Default false.
   */
  readonly trustProxy?: boolean
}

/** Whether a request has come by TLS. */
export function securityOf({
  trustProxy,
}: ConnectionOptions): (request: IncomingMessage) => boolean {
  return trustProxy === true ? isSecureByProxy : isEncrypted
}

function isEncrypted({ socket }: IncomingMessage): boolean {
  return (socket as { encrypted?: boolean }).encrypted === true
}

function isSecureByProxy(request: IncomingMessage): boolean {
  const header = request.headers['x-forwarded-proto']
  return header === undefined ? isEncrypted(request) : isForwardedHttps(String(header))
}
