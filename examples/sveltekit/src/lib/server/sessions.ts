import { counter, createSessions } from 'sojourn'
import type { SessionData } from 'sojourn/sveltekit'

declare module 'sojourn/sveltekit' {
  interface SessionData {
    count: number
  }
}

export const sessions = createSessions<SessionData>({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
  // Changed by two requests at once, both count.
  merge: { count: counter },
})
