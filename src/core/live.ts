import type { SessionId, Stamp } from './engine.ts'
import type { SessionEvents } from './events.ts'
import type { Meta } from './meta.ts'
import type { RecordHeader } from './record.ts'
import type { Token } from './token.ts'

/** A session as it stands in the store, opened. */
export interface Live {
  readonly token: Token
  readonly stamp: Stamp
  readonly header: RecordHeader
  readonly meta: Meta
  /** Shared by all requests that read the same record: what is handed out is frozen, or a copy. */
  readonly attributes: () => ReadonlyMap<string, unknown>
  /** They hold objects that a migration has made and nobody can copy: for this request alone. */
  readonly unshared?: true
  /** Moves with each touch. */
  readonly lease: Lease
}

export interface Lease {
  /** When the store lets it go if nobody comes, milliseconds since the epoch by the engine's clock. */
  expiresAt: number
}

export type Loaded =
  | { readonly status: 'live'; readonly live: Live }
  | {
      readonly status: 'none'
      readonly reason: SessionEvents['rejected']['reason']
      /** Of `superseded`: where the same session goes on, for those who have its token. */
      readonly successor?: SessionId | undefined
    }
