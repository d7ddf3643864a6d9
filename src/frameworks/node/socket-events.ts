import type { Attachment, EventOptions } from '../../core/attachment.ts'
import { SessionEndedError } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'

/** Runs events of sockets on the sessions that they were let in with. */
export interface SocketSessions<Data extends object, Socket extends object> {
  /**
   * Runs the work of one event on the socket's session as it is now, and stores what it has changed. Work that
   * throws stores nothing. `login`, `stepUp` and `rotate` throw HeadersSentError: no cookie can be set.
   * @returns what the work returns, once the changes are stored
   * @throws SessionEndedError: the session has ended, and the socket is being closed; TypeError for a socket of
   * another server; and as `session.commit`
   */
  readonly withSession: <Result>(
    socket: Socket,
    work: (session: Session<Data>) => Result | Promise<Result>,
    options?: EventOptions,
  ) => Promise<Result>
  /**
   * A listener that runs the work `withSession`, with the event's arguments. It never rejects: nobody waits for
   * it. That the session has ended is not worth a word; other failures are `error` events (`event`).
   */
  readonly handler: <Args extends readonly unknown[]>(
    socket: Socket,
    work: (session: Session<Data>, ...args: Args) => unknown,
    options?: EventOptions,
  ) => (...args: Args) => void
}

/** @param attachmentOf the socket's, if a handshake of these sessions has let it in */
export function socketEvents<Data extends object, Socket extends object>(
  sessions: Sessions<Data>,
  touch: boolean,
  attachmentOf: (socket: Socket) => Attachment<Data> | undefined,
): SocketSessions<Data, Socket> {
  const withSession: SocketSessions<Data, Socket>['withSession'] = async (
    socket,
    work,
    options,
  ) => {
    const attachment = attachmentOf(socket)
    if (attachment === undefined) {
      throw new TypeError(
        'this socket has no session: it is of a server that these sessions do not guard',
      )
    }
    return attachment.run(work, { touch, ...options })
  }
  return {
    withSession,
    handler:
      (socket, work, options) =>
      (...args) => {
        withSession(socket, (session) => work(session, ...args), options).catch(
          (error: unknown) => {
            if (!(error instanceof SessionEndedError)) sessions.reportError('event', error)
          },
        )
      },
  }
}
