import type { IncomingMessage } from 'node:http'
import { firstForwarded, isForwardedHttps } from './forwarded.ts'

export interface ConnectionOptions {
  /**
   * Whether X-Forwarded-Proto is believed, which decides on the cookie's form; for sockets also
   * X-Forwarded-Host, for the check of origins. Only behind a proxy that sets them. Default false.
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

/** What the proxy nearest to the browser says. */
export function forwarded(request: IncomingMessage, name: string): string | undefined {
  const header = request.headers[name]
  return header === undefined ? undefined : firstForwarded(String(header))
}
