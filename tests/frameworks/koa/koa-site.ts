import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type Koa from 'koa'
import type { Context } from 'koa'
import { createSessions, memoryEngine, type Sessions } from 'sojourn'
import { afterEach } from 'vitest'
import type { App, Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

export interface KoaVersion {
  readonly name: string
  readonly create: () => Koa
}

export interface KoaSite {
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

/** An application of which the test writes every line, on the embedded engine. */
export async function koaSite(
  { create }: KoaVersion,
  build: (app: Koa, sessions: Sessions<Data>) => void,
): Promise<KoaSite> {
  const store = memoryEngine()
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({ engine, secrets: [SECRET], maxBytes: 2_000 })
  const observer = createSessions<Data>({ engine: store, secrets: [SECRET] })
  const application = create()
  const errors: unknown[] = []
  application.on('error', (error) => errors.push(error))
  build(application, sessions)
  const app = await listen(application, errors)
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

/** Starts a Koa app on a free port. */
export async function listen(app: Koa, errors: unknown[]): Promise<App> {
  const handle = app.callback()
  const server: Server = createServer((req, res) => void handle(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    errors,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function count(ctx: Context): number {
  const data = ctx.session as unknown as Partial<Data>
  data.n = (data.n ?? 0) + 1
  return data.n
}
