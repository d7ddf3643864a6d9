import type { RedisTarget } from './options.ts'
import type { Commands } from './wire.ts'

/** How to come to the server that is meant: always the same, or the one that is the primary just now. */
export interface Route {
  /** Asked before each attempt to connect. Rejects when nobody can say where. */
  find(): Promise<RedisTarget>
  /**
   * Whether the server at the other end is the one that is meant, still. Rejects if it is not.
   * @returns false where that is in doubt: nothing that is known near counts until it is not
   */
  check?(wire: Commands): Promise<boolean>
  /**
   * @param listener told when the way leads somewhere else now
   * @returns a function that ends it
   */
  onMove?(listener: () => void): () => void
  close?(): void
}

/** Always to the same server. */
export function directRoute(target: RedisTarget): Route {
  return { find: () => Promise.resolve(target) }
}
