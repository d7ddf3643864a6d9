import { counter, createSessions } from 'sojourn'
import { nextSessions } from 'sojourn/next'

export interface Data {
  count: number
}

export const { readSession, withSession, sessions } = nextSessions(() =>
  createSessions<Data>({
    redis: process.env.REDIS_URL,
    secrets: [process.env.SESSION_SECRET],
    // Changed by two requests at once, both count.
    merge: { count: counter },
  }),
)
