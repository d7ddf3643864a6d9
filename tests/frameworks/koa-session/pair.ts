/** Runs the same middleware on koa-session and on what stands in for it, and compares what a browser sees. */
import Koa, { type Context, type Middleware } from 'koa'
import koaSession from 'koa-session'
import { memoryEngine, type Sessions } from 'sojourn'
import { type KoaSessionOptions, koaSession as ours } from 'sojourn/koa-session'
import { afterEach } from 'vitest'
import { listen } from '../koa/koa-site.ts'
import { Browser } from '../support/http-client.ts'

const KEYS: readonly string[] = ['a key of the application, long enough', 'a former one, as long']

/** `ctx.session` as code for koa-session sees it. */
export type Any = Record<string, unknown> & {
  isNew: boolean
  maxAge: unknown
  length: number
  populated: boolean
  externalKey: string
  toJSON(): unknown
  save(callback?: (error?: unknown) => void): Promise<void>
  regenerate(callback?: (error?: unknown) => void): Promise<void>
  manuallyCommit(): Promise<void>
  commit(...args: unknown[]): Promise<void>
}
export type Handler = (
  ctx: Omit<Context, 'session'> & {
    session: Any | null
    sessionOptions: Record<string, unknown>
    /** Of Sojourn alone: with all attributes. */
    login(principal: string): Promise<string>
  },
) => unknown

export interface Row {
  readonly options?: Partial<KoaSessionOptions>
  /** By path. */
  readonly handlers: Readonly<Record<string, Handler>>
  readonly before?: Middleware
  /** Sent with each request; a proxy that sends them is believed. */
  readonly headers?: Readonly<Record<string, string>>
  /** Paths, asked one after the other by one browser. */
  readonly visits: readonly string[]
}

/** Of one answer, free of what differs by chance. */
export interface Seen {
  readonly status: number
  readonly text: string
  readonly cookies: readonly string[]
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

export type Kind = 'koa-session' | 'koa-session with a store' | 'sojourn'

export async function run(kind: Kind, row: Row): Promise<Seen[]> {
  const { browser, key } = await start(kind, row)
  const seen: Seen[] = []
  for (const path of row.visits) {
    const { status, text, cookies } = await browser.get(path, { headers: row.headers ?? {} })
    seen.push({ status, text, cookies: cookies.filter(isOf(key)).map(masked) })
  }
  return seen
}

interface Site {
  readonly browser: Browser
  readonly app: Koa
  readonly key: string
  readonly events: string[]
  /** Of Sojourn alone. */
  readonly sessions?: Sessions | undefined
}

export async function start(
  kind: Kind,
  { options = {}, handlers, before }: Omit<Row, 'visits'>,
): Promise<Site> {
  const app = new Koa()
  app.silent = true
  app.proxy = true
  app.keys = [...KEYS]
  const events: string[] = []
  for (const name of ['missed', 'invalid', 'expired']) {
    app.on(`session:${name}`, ({ value, ctx }: { value: unknown; ctx: Context }) =>
      events.push(`${name} ${JSON.stringify(value)} ${ctx.path}`),
    )
  }
  if (before) app.use(before)
  let sessions: Sessions | undefined
  if (kind === 'sojourn') {
    const store = options.redis === undefined ? { engine: options.engine ?? memoryEngine() } : {}
    const middleware = ours({ ...options, ...store }, app)
    const made = middleware.sessions
    sessions = made
    app.context['login'] = async function (this: Context, principal: string) {
      const session = made.from(this)
      await session.login(principal, { keep: session.names() })
      return principal
    }
    closing.push(() => made.close())
    app.use(middleware)
  } else {
    const stored = new Map<string, unknown>()
    const store = {
      get: async (key: string) => stored.get(key),
      set: async (key: string, value: unknown) =>
        void stored.set(key, JSON.parse(JSON.stringify(value))),
      destroy: async (key: string) => void stored.delete(key),
    }
    const external = kind === 'koa-session' ? {} : { store }
    app.use(koaSession({ ...options, ...external } as never, app))
  }
  app.use(async (ctx) => {
    const handler = handlers[ctx.path]
    if (handler === undefined) return
    const body = await handler(ctx as never)
    if (body !== undefined) ctx.body = body
  })
  const server = await listen(app, [])
  const browser = new Browser(server.port)
  closing.push(
    () => server.close(),
    () => browser.close(),
  )
  return { browser, app, key: options.key ?? 'koa.sess', events, sessions }
}

/** With its signature. */
const isOf = (key: string) => (cookie: string) =>
  cookie.startsWith(`${key}=`) || cookie.startsWith(`${key}.sig=`)

/** The value, and the time until it expires in place of the moment. */
function masked(cookie: string): string {
  return cookie.replace(/=[^;]+/, '=…').replace(/expires=([^;]+)/, (_, date: string) => {
    const at = Date.parse(date)
    return at === 0 ? 'expires=never' : `expires=in ${Math.round((at - Date.now()) / 60_000)} min`
  })
}
