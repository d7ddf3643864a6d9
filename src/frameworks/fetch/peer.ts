/** What servers give beside a request. */
interface Beside {
  /** Bun's server, by itself or named. */
  readonly server?: Pick<Beside, 'requestIP'> | undefined
  readonly requestIP?: ((request: Request) => { readonly address: string } | null) | undefined
  /** Of `Deno.serve`. */
  readonly remoteAddr?: { readonly hostname?: string } | undefined
  /** Node's own request, of `@hono/node-server`. */
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } } | undefined
}

/**
 * The address of who is connected, where the server tells it.
 * @param beside what it gives to its handler besides the request
 */
export function peerOf(request: Request, beside: unknown): string | undefined {
  // Of srvx, which h3 2 and Nitro 3 are served by.
  const { ip } = request as { ip?: unknown }
  if (typeof ip === 'string') return ip
  const known = (typeof beside === 'object' && beside !== null ? beside : {}) as Beside
  const server = known.requestIP === undefined ? known.server : known
  if (typeof server?.requestIP === 'function') return server.requestIP(request)?.address
  return known.remoteAddr?.hostname ?? known.incoming?.socket?.remoteAddress
}
