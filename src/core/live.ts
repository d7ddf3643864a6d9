import type { SessionId, Stamp } from './engine.ts'
import type { SessionEvents } from './events.ts'
import type { Key } from './keyring.ts'
import type { Meta } from './meta.ts'
import type { RecordHeader } from './record.ts'
import type { Token } from './token.ts'

/** A session as it stands in the store, opened. */
export interface Live {
  readonly token: Token
  readonly stamp: Stamp
  readonly header: RecordHeader
  /** That its record is sealed with. */
  readonly key: Key
  readonly meta: Meta
  /** Shared by all requests that read the same record: what is handed out is frozen, or a copy. */
  readonly attributes: () => ReadonlyMap<string, unknown>
  /** What attributes and meta take in memory, estimated; 0 until they are decoded. */
  heapBytes: number
  /** When its token is to be replaced by another, milliseconds since the epoch; infinite: never. */
  readonly rotateAt: number
  /**
   * The id of before the rotation, whose forward is to end now that this token is used. Taken by the first
   * request that comes with it.
   */
  former: SessionId | undefined
  /** With more left until its end no touch is worth a write: at hand, for most requests need no more. Milliseconds. */
  readonly touchBelow: number
  /** Moves with each touch. */
  readonly lease: Lease
}

export interface Lease {
  /** When the store lets it go if nobody comes, milliseconds since the epoch by the engine's clock. */
  expiresAt: number
}

export type Loaded =
  | {
      readonly status: 'live'
      readonly live: Live
      /**
       * A forward has led here whose time is over. Who was let in before may go on, but nobody is to get
       * the successor's token by it.
       */
      readonly over?: { readonly until: number; readonly isUsed: boolean } | undefined
    }
  | {
      readonly status: 'none'
      readonly reason: SessionEvents['rejected']['reason']
      /** The browser may have a newer cookie by now: nothing but a login may replace it. */
      readonly keepsCookie?: boolean
      /** Of `superseded`: where the same session goes on, for those who have its token. */
      readonly successor?: SessionId | undefined
    }
