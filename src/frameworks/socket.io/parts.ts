import type { IncomingMessage, ServerResponse } from 'node:http'

/*
 * What is used of Socket.IO. Not its own types: a server that names its events fits none that names others, and
 * a package that does without Socket.IO needs none of it.
 */

/** A socket of any namespace, whatever its events. */
export interface IoSocket {
  readonly request: IncomingMessage
  disconnect(close?: boolean): unknown
  once(event: 'disconnect', listener: () => void): unknown
}

/** A client of Engine.IO. */
export interface Connection {
  readonly request: IncomingMessage
  close(): void
  once(event: 'close', listener: () => void): unknown
}

interface IoNamespace<Socket> {
  on(event: 'connection', listener: (socket: Socket) => void): unknown
}

/** A Socket.IO server, whatever its events. */
export interface IoServer<Socket> {
  readonly engine: {
    use(
      middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void,
    ): void
    on(event: 'connection', listener: (connection: Connection) => void): unknown
  }
  of(name: string): IoNamespace<Socket>
  on(event: 'new_namespace', listener: (namespace: IoNamespace<Socket>) => void): unknown
}
