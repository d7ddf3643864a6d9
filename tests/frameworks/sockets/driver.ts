import type { Server } from 'node:http'
import type { Session, Sessions } from 'sojourn'
import type { HandshakeOptions } from '../../../src/frameworks/node/handshake.ts'
import type { SocketSessions } from '../../../src/frameworks/node/socket-events.ts'
import { codeOf, type Data } from '../support/adapter.ts'

export type Options = HandshakeOptions<Data>

/** One way to have sockets, on both sides. */
export interface Driver {
  readonly name: string
  /** What the client learns when the session ends. */
  readonly end: number | string
  /** Puts sockets on a server that greet with the handshake's principal, and do as `act` says. */
  serve(server: Server, sessions: Sessions<Data>, options: Options): { close(): Promise<void> }
  /** @throws Refused */
  connect(port: number, how?: Connecting): Promise<Client>
}

export interface Connecting {
  readonly cookie?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export interface Client {
  /** The principal of the handshake's session, or null. */
  readonly greeting: unknown
  /** Has the server run an event. */
  ask(event: Event): Promise<unknown>
  /** Close code, or reason. */
  readonly ended: Promise<number | string>
  close(): void
}

export class Refused extends Error {
  readonly status: number
  /** The header; `unseen` where the client does not show it. */
  readonly retryAfter: string | undefined

  constructor(status: number, retryAfter: string | undefined) {
    super(`refused with ${status}`)
    this.status = status
    this.retryAfter = retryAfter
  }
}

export type Event = 'read' | 'add' | 'set left' | 'set right' | 'logout' | 'login'

/** What events do to the session. */
const events: Record<Event, (session: Session<Data>) => unknown> = {
  read: (session) => session.toJSON(),
  add: (session) => session.update('n', (n = 0) => n + 1),
  'set left': (session) => session.set('left', 1),
  'set right': (session) => session.set('right', 1),
  logout: (session) => session.logout(),
  login: (session) => session.login('mallory'),
}

export async function act<Socket extends object>(
  { withSession }: SocketSessions<Data, Socket>,
  socket: Socket,
  event: string,
): Promise<unknown> {
  try {
    return await withSession(
      socket,
      async (session) => (await events[event as Event](session)) ?? null,
    )
  } catch (error) {
    return codeOf(error)
  }
}
