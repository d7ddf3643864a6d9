import type { IncomingMessage } from 'node:http'

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
  const scheme = forwarded(request, 'x-forwarded-proto')
  return scheme === undefined ? isEncrypted(request) : scheme.toLowerCase() === 'https'
}

/** What the proxy nearest to the browser says. */
export function forwarded(request: IncomingMessage, name: string): string | undefined {
  const header = request.headers[name]
  // Each proxy adds its own at the end: the first is the browser's.
  return header === undefined ? undefined : (String(header).split(',', 1)[0] ?? '').trim()
}
