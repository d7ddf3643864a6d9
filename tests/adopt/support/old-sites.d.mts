import type { RequestListener } from 'node:http'
import type { LegacyClient, LegacyCookieOptions, OldSecret } from '../../../src/adopt/index.ts'

export interface OldAppOptions {
  /** Of node-redis. */
  readonly client: LegacyClient
  readonly prefix?: string | undefined
  readonly secret: OldSecret | readonly OldSecret[]
  /** Milliseconds. */
  readonly maxAge?: number | undefined
  /** Of express-session. */
  readonly cookie?: LegacyCookieOptions | undefined
  /** Of @fastify/session. */
  readonly algorithm?: string | undefined
}

export function expressSessionApp(options: OldAppOptions): RequestListener
export function expressApp(middleware: unknown): RequestListener
export function fastifyAppOn(
  plugin: unknown,
  options: object,
): Promise<RequestListener & { close(): Promise<void> }>
export function koaAppOn(session: unknown, options: object, keys: string[]): RequestListener
export function fastifyApp(options: OldAppOptions): Promise<RequestListener>
/** Without a client the sessions are in the cookie. */
export function koaApp(
  options: Omit<OldAppOptions, 'client'> & { readonly client?: LegacyClient | undefined },
): RequestListener
export function ironApp(options: {
  readonly password: string | Readonly<Record<string, string>>
  readonly cookieName: string
}): RequestListener
