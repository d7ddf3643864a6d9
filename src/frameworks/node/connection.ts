import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { holdAddress } from '../../core/client-address.ts'
import { firstForwarded, isForwardedHttps, lastForwarded } from './forwarded.ts'

export interface ConnectionOptions {
  /**
   * Whether X-Forwarded-Proto is believed, which decides on the cookie's form, and of X-Forwarded-For the last address,
   * for `addressOf`; for sockets also X-Forwarded-Host, for the check of origins. Only behind a proxy that sets them. Default false.
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

/**
 * Has `addressOf` tell of the request what its proxy says, where that is believed.
 * @param isSecure what `securityOf` has made
 */
export function holdForwarded(
  request: object,
  { headers, socket }: IncomingMessage,
  isSecure: (request: IncomingMessage) => boolean,
): void {
  if (isSecure !== isSecureByProxy) return
  holdAddress(
    request,
    () =>
      lastForwarded(String(headers['x-forwarded-for'] ?? '')) ??
      (socket as Socket | undefined)?.remoteAddress,
  )
}

/** What the proxy nearest to the browser says. */
export function forwarded(request: IncomingMessage, name: string): string | undefined {
  const header = request.headers[name]
  return header === undefined ? undefined : firstForwarded(String(header))
}
