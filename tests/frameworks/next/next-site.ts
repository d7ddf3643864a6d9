import { createSessions, memoryEngine, type NewSessionsOptions, type Sessions } from 'sojourn'
import { onTestFinished } from 'vitest'
import { bindSessions, type NextSessions } from '../../../src/frameworks/next/next-sessions.ts'
import type { CookieJar, Platform } from '../../../src/frameworks/next/platform.ts'
import type { CookieFields } from '../../../src/frameworks/next/set-cookie.ts'
import type { Data } from '../support/adapter.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

export interface NextSite extends NextSessions<Data> {
  readonly engine: WatchedEngine
  /** How often the factory has been called. */
  readonly made: () => number
  /** As another bundle of the application has it. */
  readonly again: NextSessions<Data>
  /** Runs as Next does a request, with the browser's cookies. */
  readonly request: <T>(browser: NextBrowser, work: () => T | Promise<T>) => Promise<T>
  /** Runs as Next renders: no cookie can be set. */
  readonly render: <T>(browser: NextBrowser, work: () => T | Promise<T>) => Promise<T>
}

export class NextBrowser {
  cookie: string | undefined
  readonly sent: CookieFields[] = []
}

const sites = { count: 0 }

/** What Next does with `headers()` and `cookies()`; Next itself is in examples/next. */
export function nextSite(
  options: { failing?: true; forwardedFor?: string; by?: NewSessionsOptions['by'] } = {},
): NextSite {
  const store = memoryEngine()
  onTestFinished(() => store.close())
  const engine = watchedEngine(store)
  let current: { headers: Headers; jar: CookieJar } | undefined
  let made = 0
  const platform: Platform = {
    headers: async () => required(current).headers,
    cookies: async () => required(current).jar,
  }
  const factory = (): Sessions<Data> => {
    if (options.failing) throw new Error('no secrets at build time')
    made++
    const { by } = options
    const newSessions = by === undefined ? undefined : { max: 9, per: '10m' as const, by }
    return createSessions<Data>({ engine, secrets: [SECRET], maxBytes: 2_000, newSessions })
  }
  // A process has one of a name: a test its own.
  const name = `test ${sites.count++}`
  const run = async <T>(browser: NextBrowser, jar: CookieJar, work: () => T | Promise<T>) => {
    const headers = new Headers({ host: 'localhost:3000', 'x-forwarded-proto': 'http' })
    if (options.forwardedFor !== undefined) headers.set('x-forwarded-for', options.forwardedFor)
    if (browser.cookie !== undefined) headers.set('cookie', browser.cookie)
    current = { headers, jar }
    try {
      return await work()
    } finally {
      current = undefined
    }
  }
  const sealed = (): never => {
    throw new Error('Cookies can only be modified in a Server Action or Route Handler.')
  }
  return {
    ...bindSessions(platform, factory, { name }),
    again: bindSessions(platform, factory, { name }),
    engine,
    made: () => made,
    request: (browser, work) => {
      const jar: CookieJar = {
        set: (cookie) => {
          browser.sent.push(cookie)
          browser.cookie = cookie.maxAge === 0 ? undefined : `${cookie.name}=${cookie.value}`
        },
        delete: () => undefined,
      }
      return run(browser, jar, work)
    },
    render: (browser, work) => run(browser, { set: sealed, delete: sealed }, work),
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('`headers` was called outside a request scope.')
  return value
}
