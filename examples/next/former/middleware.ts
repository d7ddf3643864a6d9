/** Next 15 has no proxy.ts: the same by its former name, and on Node only where that is said. */
export { proxy as middleware } from './proxy'

export const config = { matcher: '/admin/:path*', runtime: 'nodejs' }
