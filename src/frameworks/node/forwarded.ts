/** What the proxy nearest to the browser says: each one adds its own at the end. */
export function firstForwarded(header: string): string {
  return (header.split(',', 1)[0] ?? '').trim()
}

/** @param proto X-Forwarded-Proto */
export function isForwardedHttps(proto: string): boolean {
  return firstForwarded(proto).toLowerCase() === 'https'
}
