import { Inject } from '@nestjs/common'

/** Provides the `Sessions` of the application. */
export const SESSIONS: unique symbol = Symbol('sojourn.sessions')

/** For a constructor: `constructor(@InjectSessions() private readonly sessions: Sessions) {}`. */
export function InjectSessions(): ParameterDecorator & PropertyDecorator {
  return Inject(SESSIONS)
}
