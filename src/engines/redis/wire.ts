import { createClient, RESP_TYPES } from '@redis/client'
import type { RedisTarget } from './options.ts'

export type Argument = string | Buffer

/** As much of a node-redis client as is used: one socket, from connect to its end. */
export interface Wire {
  readonly isReady: boolean
  connect(): Promise<unknown>
  /** Commands sent in one turn of the event loop leave in one write. */
  sendCommand(args: readonly Argument[], options?: object): Promise<unknown>
  /** Ends the socket at once; commands under way reject. */
  destroy(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect', listener: () => void): unknown
}

/** For commands whose strings are wanted as bytes. */
export const BYTES: object = Object.freeze({
  typeMapping: Object.freeze({ [RESP_TYPES.BLOB_STRING]: Buffer }),
})

/**
 * A client that lives as long as its socket: it never reconnects by itself, because a link makes a
 * new one instead (docs/decisions/0012 has what was seen without these options).
 */
export function openWire(target: RedisTarget, connectTimeout: number): Wire {
  const { address, password, username } = target
  return createClient({
    RESP: 3,
    // Ours wait with a deadline; a queued command would be sent after its caller has given up.
    disableOfflineQueue: true,
    // The default makes an AbortSignal for each command: six times the cost of a GET.
    commandOptions: { timeout: undefined } as object,
    maintNotifications: 'disabled',
    clientInfoTag: 'sojourn',
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
