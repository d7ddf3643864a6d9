/** What the proxy nearest to the browser says: each one adds its own at the end. */
export function firstForwarded(header: string): string {
  return (header.split(',', 1)[0] ?? '').trim()
}

/** The address that the proxy nearest to us has seen: what stands before it the client may have made up. */
export function lastForwarded(header: string): string | undefined {
  return header.slice(header.lastIndexOf(',') + 1).trim() || undefined
}

/** @param proto X-Forwarded-Proto */
export function isForwardedHttps(proto: string): boolean {
  return firstForwarded(proto).toLowerCase() === 'https'
}
