/** The same little application on express-session itself and on ours, and what each answers. */
import { once } from 'node:events'
import { Agent, createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express, NextFunction, Request, Response } from 'express'
import { type CompatMiddleware, compat } from 'sojourn/express-compat'
import { vi } from 'vitest'
import { type ExpressVersion, expressSession, type Handler, on } from './versions.ts'

export interface Row {
  readonly options?: object
  /** Mounted once more behind the first, with these. */
  readonly mountedTwice?: object
  /** Before the sessions. */
  readonly before?: (app: Express) => void
  /** Beside the handlers, after the sessions. */
  readonly after?: (app: Express) => void
  /** By path; whatever the method. */
  readonly handlers: Readonly<Record<string, Handler>>
  /** What is asked. What comes of it is compared. */
  readonly visit: (client: Client) => Promise<void>
}

export interface Seen {
  readonly status: number
  readonly body: string
  readonly cookies: readonly string[]
  readonly headers: Readonly<Record<string, string>>
}

/** All of it moves with the date. */
const clock = { now: () => Date.now(), monotonic: () => Date.now() }
const START = Date.UTC(2030, 0, 1, 12)
const SECRET = 'keyboard cat, and thirty-two bytes more'

/** Ours says these too, for caches; the others differ from answer to answer. */
const UNCOMPARED = new Set(
  ['date', 'vary', 'cache-control', 'etag', 'set-cookie', 'connection', 'keep-alive'].concat(
    'x-powered-by',
    'transfer-encoding',
  ),
)

export interface Comparison {
  readonly theirs: readonly Seen[]
  readonly ours: readonly Seen[]
}

/** Runs it on both. */
export async function compare(version: ExpressVersion, row: Row): Promise<Comparison> {
  const theirs = await run(version, row, 'express-session')
  return { theirs, ours: await run(version, row, 'compat') }
}

async function run(
  { express }: ExpressVersion,
  row: Row,
  which: 'express-session' | 'compat',
): Promise<readonly Seen[]> {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
  const options = { secret: SECRET, resave: false, saveUninitialized: false, ...row.options }
  const make = (given: object): CompatMiddleware<object> | undefined =>
    which === 'compat' ? compat({ ...given, clock }) : undefined
  const ours = make(options)
  const app = express()
  app.set('env', 'test')
  row.before?.(app)
  app.use(ours ?? expressSession(options))
  const second = row.mountedTwice && { ...options, ...row.mountedTwice }
  const also = second && make(second)
  if (second !== undefined) app.use(also ?? expressSession(second))
  for (const [path, handler] of Object.entries(row.handlers)) app.all(path, on(handler))
  row.after?.(app)
  app.use((error: unknown, _: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error)
    response.status(500).json({ failed: error instanceof Error ? error.name : String(error) })
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new Client((server.address() as AddressInfo).port, which === 'compat' ? 25 : 32)
  try {
    await row.visit(client)
    return client.seen
  } finally {
    client.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await ours?.sessions.close()
    await also?.sessions.close()
    vi.useRealTimers()
  }
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of the jar's. */
  readonly cookie?: string
}

/** A browser that writes down what it sees, with ids by the order in which they came. */
export class Client {
  readonly seen: Seen[] = []
  readonly jar: Map<string, string> = new Map()
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })
  readonly #id: RegExp
  readonly #names = new Map<string, string>()

  /** @param idLength how long the ids are that bodies may hold */
  constructor(port: number, idLength: number) {
    this.#port = port
    this.#id = new RegExp(`(?<![\\w-])[\\w-]{${idLength}}(?![\\w-])`, 'g')
  }

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Time passes. */
  advance(ms: number): void {
    vi.setSystemTime(Date.now() + ms)
  }

  get(path: string, ask: Ask = {}): Promise<Seen> {
    return new Promise((resolve, reject) => {
      const cookie = ask.cookie ?? this.cookie
      const headers = { ...(cookie === '' ? {} : { cookie }), ...ask.headers }
      const { method = 'GET' } = ask
      const address = { host: '127.0.0.1', port: this.#port, agent: this.#agent }
      const outgoing = send({ ...address, path, method, headers })
      outgoing.on('error', reject)
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const cookies = (incoming.headers['set-cookie'] ?? []).map((one) => this.#keep(one))
          const bytes = Buffer.concat(chunks)
          const kept = Object.entries(incoming.headers)
            .filter(([name]) => !UNCOMPARED.has(name))
            // Ids are not of the same length, and a length that is right is as good as none.
            .filter(([name, value]) => name !== 'content-length' || value !== String(bytes.length))
          const seen = {
            status: incoming.statusCode ?? 0,
            body: this.#masked(bytes.toString()),
            cookies,
            headers: Object.fromEntries(kept) as Record<string, string>,
          }
          this.seen.push(seen)
          resolve(seen)
        })
      })
      outgoing.end()
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #keep(cookie: string): string {
    const [pair = '', ...attributes] = cookie.split('; ')
    const equals = pair.indexOf('=')
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
    const expires = attributes.find((attribute) => attribute.startsWith('Expires='))?.slice(8)
    if (expires !== undefined && Date.parse(expires) <= Date.now()) {
      this.jar.delete(name)
      return [`${name}=over`, ...attributes].join('; ')
    }
    this.jar.set(name, value)
    // Only a session's own: applications set others.
    const isSession = value.length > 40
    return [`${name}=${isSession ? this.#nameOf(value, 'cookie') : value}`, ...attributes].join(
      '; ',
    )
  }

  #masked(body: string): string {
    return body.replace(this.#id, (id) => this.#nameOf(id, 'id'))
  }

  #nameOf(text: string, kind: string): string {
    const known = this.#names.get(text)
    if (known !== undefined) return known
    const count = [...this.#names.values()].filter((name) => name.startsWith(kind)).length
    const name = `${kind}#${count + 1}`
    this.#names.set(text, name)
    return name
  }
}
