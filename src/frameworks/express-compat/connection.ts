import type { IncomingMessage } from 'node:http'
import { isForwardedHttps } from '../node/forwarded.ts'

/** Whether the connection is secure, by the option `proxy`. */
export function securityOf(proxy: boolean | undefined): (request: IncomingMessage) => boolean {
  if (proxy === true) return (request) => isEncrypted(request) || isForwardedSecure(request)
  if (proxy === false) return isEncrypted
  // Express knows which proxies the application trusts.
  return (request) => isEncrypted(request) || (request as { secure?: boolean }).secure === true
}

function isEncrypted({ socket }: IncomingMessage): boolean {
  return (socket as { encrypted?: boolean } | undefined)?.encrypted === true
}

function isForwardedSecure({ headers }: IncomingMessage): boolean {
  return isForwardedHttps(String(headers['x-forwarded-proto'] ?? ''))
}

/** Of the URL that the client has asked for, wherever the middleware is mounted. */
export function pathOf(request: IncomingMessage): string {
  const url = (request as { originalUrl?: string }).originalUrl ?? request.url ?? '/'
  if (!url.startsWith('/')) return URL.canParse(url) ? new URL(url).pathname : '/'
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}
