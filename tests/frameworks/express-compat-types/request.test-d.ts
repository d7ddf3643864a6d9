/** A program without `@types/express-session`, as docs/express-session.md has it: it says itself what a request has. */
import express, { type Request } from 'express'
import { compat as session } from 'sojourn/express-compat'

declare module 'sojourn/express-compat' {
  interface SessionData {
    views: number
  }
}

declare global {
  namespace Express {
    interface Request {
      session: session.Session & Partial<session.SessionData>
      sessionID: string
      sessionStore: session.Store
    }
  }
}

function countVisit(visit: session.Session & Partial<session.SessionData>): number {
  visit.views = (visit.views ?? 0) + 1
  // @ts-expect-error declared nowhere
  visit.visits = 1
  return visit.views
}

function store(request: Request): session.Store {
  return request.sessionStore
}

function load(request: Request, done: (views: number | undefined) => void): void {
  store(request).get(request.sessionID, (_, data) => done(data?.views))
}

export const app: express.Express = express()
app.use(
  session({ secret: 'keyboard cat, and thirty-two bytes more', store: new session.MemoryStore() }),
)
app.get('/', (request, response) => {
  countVisit(request.session)
  load(request, (views) => response.json(views))
})
