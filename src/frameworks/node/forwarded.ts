/** @param proto X-Forwarded-Proto: each proxy adds its own at the end, the first is the browser's */
export function isForwardedHttps(proto: string): boolean {
  return proto.split(',', 1)[0]?.trim().toLowerCase() === 'https'
}
