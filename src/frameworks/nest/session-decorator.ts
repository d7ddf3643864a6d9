import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import type { Session as CoreSession } from '../../core/session.ts'
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
 * @throws TypeError where the request has no session
 */
export const Session: (name?: keyof SessionData) => ParameterDecorator = createParamDecorator(
  (name: string | undefined, context: ExecutionContext): unknown => {
    const session = sessionIn(context)
    return name === undefined ? session : (session.data as Record<string, unknown>)[name]
  },
)

/** @throws TypeError where the request has no session */
export function sessionIn(context: ExecutionContext): NestSession {
  const request = requestOf(context)
  const session = request && sessionOf(request)
  if (session === undefined) {
    throw new TypeError(
      `no session in this ${context.getType<string>()} context: is SojournModule imported, and for sockets ` +
        'sessionOfUpgrade called?',
    )
  }
  return session as NestSession
}
