declare module 'sojourn/nest' {
  interface SessionData {
    cart: string[]
  }
}

export type { NestSession, SessionData } from 'sojourn/nest'
