import type { CookieFields } from './set-cookie.ts'

/** What Next gives for the request that is being answered, by `cookies()`. */
export interface CookieJar {
  readonly set: (cookie: CookieFields) => unknown
  readonly delete: (name: string) => unknown
}

/** What is used of `next/headers`. */
export interface Platform {
  /** The same object for the whole of a request. */
  readonly headers: () => Promise<Headers>
  readonly cookies: () => Promise<CookieJar>
}

/**
 * Whether cookies cannot be set, as while a component renders. Next then has one function, which throws,
 * for all that would change them.
 */
export function isSealed({ set, delete: remove }: CookieJar): boolean {
  return (set as unknown) === remove
}

/** `redirect()`, `notFound()` and the like, by which Next answers a request and which are no failures. */
export function isControlFlow(error: unknown): boolean {
  const digest = (error as { digest?: unknown } | null | undefined)?.digest
  return typeof digest === 'string' && digest.startsWith('NEXT_')
}
