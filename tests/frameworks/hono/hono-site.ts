import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { createSessions, memoryEngine, type Sessions } from 'sojourn'
import { honoSessions, type SessionEnv } from 'sojourn/hono'
import { onTestFinished } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { listen } from '../support/listen.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

export interface Env extends SessionEnv<Data> {
  Bindings: HttpBindings
}

export interface HonoSite {
  readonly sessions: Sessions<Data>
  /** Of another node. */
  readonly elsewhere: Sessions<Data>
  readonly engine: WatchedEngine
  readonly browser: Browser
  readonly dropped: string[]
  /** Operations that failed when nobody could be answered. */
  readonly failures: string[]
  readonly stored: () => Promise<Record<string, unknown>>
}

/** An application of which the test writes every line, on the embedded engine; `/begin` makes a session. */
export async function honoSite(
  build: (app: Hono<Env>, sessions: Sessions<Data>) => unknown,
): Promise<HonoSite> {
  const store = memoryEngine()
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({ engine, secrets: [SECRET], maxBytes: 2_000 })
  const elsewhere = createSessions<Data>({ engine: store, secrets: [SECRET] })
  const dropped: string[] = []
  sessions.on('dropped', ({ reason }) => dropped.push(reason))
  const failures: string[] = []
  sessions.on('error', ({ operation }) => failures.push(operation))
  const app = new Hono<Env>()
  app.get('/begin', honoSessions(sessions), (c) => {
    c.get('session').set('n', 1)
    return c.text('begun')
  })
  await build(app, sessions)
  const site = await listen(getRequestListener(app.fetch))
  const look = async ({ token }: Browser) => (await elsewhere.open(token)).toJSON()
  const browser = new Browser(site.port, look)
  onTestFinished(async () => {
    browser.close()
    await site.close()
    await store.close()
  })
  return {
    ...{ sessions, elsewhere, engine, browser, dropped, failures },
    stored: () => look(browser),
  }
}
