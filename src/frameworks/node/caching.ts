/** Speak to shared caches over the head of Cache-Control (RFC 9213; Edge Architecture). */
export const CDN_HEADERS: readonly string[] = ['cdn-cache-control', 'surrogate-control']

/** @returns what Cache-Control says beside a cookie: one user's answer is not for others (RFC 9111, section 7.3) */
export function withoutSharedCaching(cacheControl: string): string {
  const directives = cacheControl
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '' && !/^(?:public|s-maxage\b.*)$/i.test(directive))
  const isClosed = directives.some((directive) => /^(?:private|no-store)$/i.test(directive))
  return (isClosed ? directives : ['private', ...directives]).join(', ')
}

/** @returns the value of Vary with Cookie among it; undefined: it says so already */
export function withVaryCookie(vary: string): string | undefined {
  if (/(?:^|,)\s*(?:\*|cookie)\s*(?:,|$)/i.test(vary)) return undefined
  return vary === '' ? 'Cookie' : `${vary}, Cookie`
}
