import { createSessions, memoryEngine, type Session, type Sessions } from 'sojourn'
import { type FetchHandler, type FetchSessionsOptions, fetchSessions } from 'sojourn/fetch'
import { onTestFinished } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { listen } from '../support/listen.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'
import { listener } from './fetch-adapter.ts'

type Handler = (request: Request, session: Session<Data>) => Response | Promise<Response>

export interface FetchSite {
  readonly sessions: Sessions<Data>
  /** Of another node. */
  readonly elsewhere: Sessions<Data>
  readonly engine: WatchedEngine
  readonly dropped: string[]
  /** Operations that failed when nobody could be answered. */
  readonly failures: string[]
  /** The wrapped handler. */
  readonly fetch: FetchHandler<[]>
  /** A request to the handler itself, with the cookies of the answers before. */
  readonly request: (path: string, init?: { method?: string; signal?: AbortSignal }) => Request
  /** Asks the handler itself, and keeps its cookies. */
  readonly ask: (path: string, init?: { method?: string }) => Promise<Response>
  readonly token: () => string | undefined
  /** The attributes of the jar's session, as another node finds them. */
  readonly stored: () => Promise<Record<string, unknown>>
  /** The same over HTTP. */
  readonly serve: () => Promise<{ browser: Browser; port: number }>
}

/**
 * An application of which the test writes every line, on the embedded engine.
 * @param direct without the engine's watch in between, which does not pass on what the engine tells of by itself
 */
export function fetchSite(
  handler: Handler,
  options: FetchSessionsOptions = {},
  { direct = false }: { readonly direct?: boolean } = {},
): FetchSite {
  const store = memoryEngine()
  onTestFinished(() => store.close())
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({
    engine: direct ? store : engine,
    secrets: [SECRET],
    maxBytes: 2_000,
  })
  const elsewhere = createSessions<Data>({ engine: store, secrets: [SECRET] })
  const dropped: string[] = []
  sessions.on('dropped', ({ reason }) => dropped.push(reason))
  const failures: string[] = []
  sessions.on('error', ({ operation }) => failures.push(operation))
  const fetch = fetchSessions(sessions, options)(handler)
  let cookie: string | undefined
  const request: FetchSite['request'] = (path, init = {}) =>
    new Request(`http://localhost${path}`, {
      ...init,
      headers: cookie === undefined ? {} : { cookie },
    })
  return {
    ...{ sessions, elsewhere, engine, dropped, failures, fetch, request },
    ask: async (path, init) => {
      const answer = await fetch(request(path, init))
      const [set] = answer.headers.getSetCookie().filter((each) => each.startsWith('session='))
      if (set !== undefined) cookie = set.split(';', 1)[0]
      return answer
    },
    token: () => cookie?.slice('session='.length),
    stored: async () => (await elsewhere.open(cookie?.slice('session='.length))).toJSON(),
    serve: async () => {
      const app = await listen(listener(fetch))
      const browser = new Browser(app.port, async ({ token }) =>
        (await elsewhere.open(token)).toJSON(),
      )
      onTestFinished(async () => {
        browser.close()
        await app.close()
      })
      return { browser, port: app.port }
    },
  }
}
