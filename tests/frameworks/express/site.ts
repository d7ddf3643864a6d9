import type { Express, NextFunction, Request, Response, Router } from 'express'
import { createSessions, memoryEngine, type Sessions } from 'sojourn'
import { afterEach } from 'vitest'
import { type App, codeOf, type Data, statusOf } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'
import { listen } from './express-adapter.ts'

export interface ExpressVersion {
  readonly name: string
  readonly express: () => Express
  readonly Router: () => Router
}

export interface Site {
  readonly app: App
  readonly sessions: Sessions<Data>
  readonly engine: WatchedEngine
  readonly browser: Browser
  readonly newBrowser: () => Browser
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** The error handler of an application. */
export const report = (error: unknown, _: Request, res: Response, next: NextFunction): void => {
  if (res.headersSent) return next(error)
  res.status(statusOf(error)).json({ error: codeOf(error) })
}

/** An application of which the test writes every line, on the embedded engine. */
export async function site(
  { express }: ExpressVersion,
  build: (app: Express, sessions: Sessions<Data>) => void,
): Promise<Site> {
  const store = memoryEngine()
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({ engine, secrets: [SECRET], maxBytes: 2_000 })
  const observer = createSessions<Data>({ engine: store, secrets: [SECRET] })
  const application = express()
  // Express' own error handler prints what it was given, but not in tests.
  application.set('env', 'test')
  build(application, sessions)
  const app = await listen(application)
  closing.push(
    () => store.close(),
    () => app.close(),
  )
  const newBrowser = (): Browser => {
    const browser = new Browser(app.port, async ({ token }) =>
      (await observer.open(token)).toJSON(),
    )
    closing.push(() => browser.close())
    return browser
  }
  return { app, sessions, engine, browser: newBrowser(), newBrowser }
}
