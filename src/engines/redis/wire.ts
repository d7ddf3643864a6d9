import { BasicPooledClientSideCache, createClient, RESP_TYPES } from '@redis/client'
import type { RedisTarget } from './options.ts'

export type Argument = string | Buffer

/** As much of a node-redis client as is used: one socket, from connect to its end. */
export interface Wire {
  readonly isReady: boolean
  connect(): Promise<unknown>
  /** Commands sent in one turn of the event loop leave in one write. */
  sendCommand(args: readonly Argument[], options?: object): Promise<unknown>
  /** From now on `listener` is told of what is published there. Other commands go on. */
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  /** Ends the socket at once; commands under way reject. */
  destroy(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect', listener: () => void): unknown
}

/** For commands whose strings are wanted as bytes. */
export const BYTES: object = Object.freeze({
  typeMapping: Object.freeze({ [RESP_TYPES.BLOB_STRING]: Buffer }),
})

/** The key that has changed; null: any. */
export type Invalidated = string | Buffer | null

/**
 * The client's hook for invalidation messages. Its own cache is not used: `sendCommand`, all that we
 * call, passes it by. Decision 0012 says why.
 */
class Invalidations extends BasicPooledClientSideCache {
  readonly #listener: (key: Invalidated) => void

  constructor(listener: (key: Invalidated) => void) {
    super()
    this.#listener = listener
  }

  override invalidate(key: Invalidated): void {
    this.#listener(key)
  }

  /**
   * The client sends this with its HELLO and takes a refusal for a failed connection. We ask for
   * tracking ourselves, and do without it where it is refused.
   */
  override trackingOn(): string[] {
    return ['TIME']
  }
}

/**
 * A client that lives as long as its socket: it never reconnects by itself, because a link makes a
 * new one instead (docs/decisions/0012 has what was seen without these options).
 */
export function openWire(
  target: RedisTarget,
  connectTimeout: number,
  onInvalidate?: (key: Invalidated) => void,
): Wire {
  const { address, password, username } = target
  return createClient({
    RESP: 3,
    // Ours wait with a deadline; a queued command would be sent after its caller has given up.
    disableOfflineQueue: true,
    // The default makes an AbortSignal for each command: six times the cost of a GET.
    commandOptions: { timeout: undefined } as object,
    maintNotifications: 'disabled',
    clientInfoTag: 'sojourn',
    ...(onInvalidate === undefined ? {} : { clientSideCache: new Invalidations(onInvalidate) }),
    name: target.name,
    database: target.database,
    ...(password === undefined
      ? {}
      : {
          credentialsProvider: {
            type: 'async-credentials-provider' as const,
            credentials: async () => ({
              ...(username === undefined ? {} : { username }),
              password: typeof password === 'function' ? await password() : password,
            }),
          },
        }),
    socket: {
      ...('path' in address ? { path: address.path } : { host: address.host, port: address.port }),
      ...(target.tls === undefined ? {} : { ...target.tls, tls: true as const }),
      connectTimeout,
      reconnectStrategy: false,
    },
  })
}
