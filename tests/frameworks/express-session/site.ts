/** Sites that keep express-session, for tests of what it keeps its sessions in. */
import type { ServerResponse } from 'node:http'
import type { Express, NextFunction, Request } from 'express'
import session from 'express-session'
import { SojournStore, type SojournStoreOptions } from 'sojourn/express-session'
import { afterEach } from 'vitest'
import type { SessionEvents } from '../../../src/core/events.ts'
import { listen } from '../express/express-adapter.ts'
import type { App } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'

export const SECRETS: readonly string[] = ['a secret for tests, of 32 bytes or more']
export const COOKIE_SECRET = 'of express-session'

/** What the sites keep. */
export interface Data {
  n: number
  name: string
  any: unknown
  cart: { id: string; count: number }[]
}

declare module 'express-session' {
  interface SessionData extends Partial<Data> {
    [attribute: `a${number}`]: number
  }
}

/** The request as express-session leaves it: its own types and those of `sojourn/express` meet in this program. */
export interface SiteRequest {
  readonly query: Record<string, string | undefined>
  readonly session: session.Session & Partial<session.SessionData>
  readonly sessionID: string
  readonly sessionStore: session.Store
}
export interface SiteResponse extends ServerResponse {
  send(body: string): void
  json(body: unknown): void
  status(code: number): SiteResponse
}
export type Route = (request: SiteRequest, response: SiteResponse, next: NextFunction) => unknown

export interface SiteOptions extends Omit<session.SessionOptions, 'secret' | 'store'> {
  /** Runs before the routes, behind the sessions. */
  readonly use?: (app: Express) => void
}

const closing: (() => unknown)[] = []

/** Ends it after the test, before what was made earlier. */
export function afterwards(close: () => unknown): void {
  closing.push(close)
}

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A node: an application with these routes, its sessions in the store. */
export async function site(
  express: () => Express,
  store: session.Store,
  routes: Readonly<Record<string, Route>>,
  { use, ...options }: SiteOptions = {},
): Promise<App> {
  const app = express()
  const usual = { secret: COOKIE_SECRET, resave: false, saveUninitialized: false }
  app.use(session({ ...usual, ...options, store }))
  use?.(app)
  for (const [path, route] of Object.entries(routes)) app.all(path, route as never)
  const errors: unknown[] = []
  app.use((error: unknown, _: Request, response: ServerResponse, _next: NextFunction) => {
    errors.push(error)
    // Of a save: express-session ends the response itself. Express would cut the connection.
    if (response.headersSent) return
    const { status = 500, code = String(error) } = error as { status?: number; code?: string }
    response.statusCode = status
    response.end(code)
  })
  const opened = await listen(app, errors)
  afterwards(() => opened.close())
  return opened
}

/** A browser; `jar` is that of another one, as two tabs have it. */
export function browse({ port }: App, like?: Browser): Browser {
  const browser = new Browser(port)
  for (const [name, value] of like?.jar ?? []) browser.jar.set(name, value)
  afterwards(() => browser.close())
  return browser
}

export interface OpenedStore {
  readonly store: SojournStore
  readonly dropped: SessionEvents['dropped'][]
  readonly failures: SessionEvents['error'][]
}

export function openStore(options: SojournStoreOptions<session.SessionData> = {}): OpenedStore {
  // A busy machine is no outage: express-session answers 200 where storing has failed.
  const usual = { secrets: SECRETS, commandTimeout: 10_000 }
  const own = options.sessions === undefined ? { ...usual, ...options } : options
  const store = new SojournStore(own)
  afterwards(() => store.sessions.close())
  const dropped: SessionEvents['dropped'][] = []
  const failures: SessionEvents['error'][] = []
  store.sessions.on('dropped', (event) => dropped.push(event))
  store.sessions.on('error', (event) => failures.push(event))
  return { store, dropped, failures }
}

/** For `expect.poll`: what comes about in its own time. */
export const PATIENCE = { timeout: 15_000, interval: 10 }

/** The sid in the browser's cookie. */
export function sidOf(browser: Browser): string {
  const [sid = ''] = decodeURIComponent(browser.jar.get('connect.sid') ?? '')
    .slice(2)
    .split('.')
  return sid
}

/** Requests wait here until as many have come. */
export function meeting(count: number): () => Promise<void> {
  let come = 0
  let open = (): void => undefined
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  return () => {
    come++
    if (come === count) open()
    return all
  }
}
