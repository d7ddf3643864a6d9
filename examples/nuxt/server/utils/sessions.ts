import { createSessions } from 'sojourn'
import type { SessionData } from 'sojourn/h3'

declare module 'sojourn/h3' {
  interface SessionData {
    count: number
  }
}

export const sessions = createSessions<SessionData>({
  redis: process.env.REDIS_URL,
  secrets: [process.env.SESSION_SECRET],
})
