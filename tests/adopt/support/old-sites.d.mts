import type { RequestListener } from 'node:http'
import type { LegacyClient } from '../../../src/adopt/index.ts'

export interface OldAppOptions {
  /** Of node-redis. */
  readonly client: LegacyClient
  readonly prefix?: string | undefined
  readonly secret: string | readonly string[]
  /** Milliseconds. */
  readonly maxAge?: number | undefined
}

export function expressSessionApp(options: OldAppOptions): RequestListener
