import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import type { Session as CoreSession } from '../../core/session.ts'
import { sessionNowOf } from '../node/session-now.ts'
import { sessionOf } from '../node/session-property.ts'
import { requestOf } from './request-of.ts'

/**
 * The attributes of the session, for applications to extend:
 * `declare module 'sojourn/nest' { interface SessionData { cart: Item[] } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface SessionData {}

/** Attributes by name (`get`, `set`, `update`) and as plain properties. */
export type NestSession = CoreSession<SessionData> & Partial<SessionData>

/**
 * For a parameter of a handler: its session, or one of its attributes. `@Session() session: NestSession`,
 * `@Session('cart') cart: SessionData['cart'] | undefined`. Changes of an attribute in place are stored.
 * Of a socket it is the session as it is with this message; what is changed is stored right after.
 * @throws TypeError where the request has no session, SessionEndedError for a socket whose session has ended
 */
export const Session: (name?: keyof SessionData) => ParameterDecorator = createParamDecorator(
  (name: string | undefined, context: ExecutionContext): unknown => {
    const found = sessionIn(context)
    const pick = (session: NestSession): unknown =>
      name === undefined ? session : (session.data as Record<string, unknown>)[name]
    // Nest waits for what a parameter is to be.
    return found instanceof Promise ? found.then(pick) : pick(found)
  },
)

/**
 * The session of the request; of a socket the one of its handshake, as it is now.
 * @throws TypeError where there is none, SessionEndedError for a socket whose session has ended
 */
export function sessionIn(context: ExecutionContext): NestSession | Promise<NestSession> {
  const request = requestOf(context)
  const now = request && sessionNowOf(request)
  if (now !== undefined) return now() as Promise<NestSession>
  const session = request && (sessionOf(request) as NestSession | undefined)
  if (session === undefined) {
    throw new TypeError(
      `no session in this ${context.getType<string>()} context: is SojournModule imported, and for sockets ` +
        'socketIoSessions, wsSessions or sessionOfUpgrade called?',
    )
  }
  // Of a handshake that other middleware has let in: what it has found may have ended long ago.
  return context.getType<string>() === 'ws' ? session.refresh().then(() => session) : session
}
