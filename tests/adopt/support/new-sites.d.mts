import type { RequestListener } from 'node:http'
import type { CreateSessionsOptions, Sessions } from 'sojourn'
import type { ConnectRedisOptions } from 'sojourn/adopt'

export type Kind = 'express' | 'fastify' | 'koa'
export const NAMES: Readonly<Record<Kind, string>>

export interface NewAppOptions extends CreateSessionsOptions<Record<string, unknown>> {
  /** Of our cookie; absent: that of the old application. */
  readonly name?: string | undefined
  /** Milliseconds. */
  readonly maxAge?: number | undefined
  /** Of compat(): its option `cookie` is a function. */
  readonly perRequest?: boolean | undefined
  /** Of compat(). */
  readonly principal?: (data: Record<string, unknown>) => string | undefined
  readonly source: ConnectRedisOptions
}

export function newApp(
  kind: Kind,
  options: NewAppOptions,
): Promise<[app: RequestListener, sessions: Sessions]>

export function newFastifyApp(
  options: Record<string, unknown> & { readonly source: ConnectRedisOptions },
): Promise<RequestListener & { close(): Promise<void> }>
