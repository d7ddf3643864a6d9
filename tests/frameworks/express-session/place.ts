import type { SessionData } from 'express-session'
import type { OwnSessionsOptions, SojournStore } from 'sojourn/express-session'

/** Where sessions are kept during a test: all stores of one are nodes of one site. */
export interface Place {
  options(): OwnSessionsOptions<SessionData>
  /** Another node, which has nothing at hand. */
  fresh(): SojournStore
}
