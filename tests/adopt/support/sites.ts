/** Old applications and ours, over HTTP and on a real Redis, and people who visit them. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@redis/client'
import express, { type Request, type RequestHandler } from 'express'
import {
  type CreateSessionsOptions,
  createSessions,
  type Session,
  type SessionEvents,
  type Sessions,
} from 'sojourn'
import { type ConnectRedisOptions, connectRedis, type LegacyClient } from 'sojourn/adopt'
import { expressSessions } from 'sojourn/express'
import { afterEach } from 'vitest'
import { type Answer, Browser, type RequestOptions } from '../../frameworks/support/http-client.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { expressSessionApp, type OldAppOptions } from './old-sites.mjs'

export const SECRET = 'a secret for tests, of 32 bytes or more'
export const OLD_SECRET = 'keyboard cat'

const closing: (() => unknown)[] = []

/** After the test, the last first. */
export function later(close: () => unknown): void {
  closing.push(close)
}

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** What the tests ask of the old application's client, which is one of node-redis. */
export interface Client extends LegacyClient {
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: () => void): unknown
  get(key: string): Promise<unknown>
  set(key: string, value: string | Buffer): Promise<unknown>
  hSet(key: string, fields: Record<string, string>): Promise<unknown>
  del(keys: string | string[]): Promise<number>
  exists(key: string): Promise<number>
  keys(pattern: string): Promise<string[]>
  pTTL(key: string): Promise<number>
  pExpire(key: string, milliseconds: number): Promise<number>
}

function openClient({ admin, socketPath: path }: RedisServer): Client {
  return createClient({ ...admin, RESP: 2, socket: { path, reconnectStrategy: false } })
}

export interface Stores {
  readonly server: RedisServer
  /** The old application's. */
  readonly client: Client
  /** Keys of the old store, sorted. */
  oldKeys(prefix?: string): Promise<string[]>
}

export async function openStores(): Promise<Stores> {
  const server = await startRedis()
  later(() => server.stop())
  const client = openClient(server)
  client.on('error', () => undefined)
  await client.connect()
  later(() => client.destroy())
  const oldKeys = async (prefix = 'sess:'): Promise<string[]> =>
    (await client.keys(`${prefix}*`)).toSorted()
  return { server, client, oldKeys }
}

export interface Site {
  readonly port: number
  /** Answers what has come, and takes nothing more. */
  drain(): Promise<void>
}

export async function listen(listener: RequestListener): Promise<Site> {
  const server = createServer(listener)
  // A connection that it closes while a request is on its way would be a failure of that.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let isClosed = false
  const drain = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    const closed = once(server, 'close')
    server.close()
    server.closeIdleConnections()
    await closed
  }
  later(() => {
    server.closeAllConnections()
    return drain()
  })
  return { port: (server.address() as AddressInfo).port, drain }
}

export type OldOptions = Omit<OldAppOptions, 'client' | 'secret'> & {
  readonly secret?: OldAppOptions['secret']
}

/** express-session with connect-redis. */
export function oldSite({ client }: Stores, options: OldOptions = {}): Promise<Site> {
  return listen(expressSessionApp({ client, secret: OLD_SECRET, ...options }))
}

export interface OurSite extends Site {
  readonly sessions: Sessions
  readonly adopted: SessionEvents['adopted'][]
  readonly rejected: SessionEvents['rejected'][]
  readonly errors: SessionEvents['error'][]
}

export interface OurOptions extends CreateSessionsOptions<Record<string, unknown>> {
  readonly adopted?: Partial<ConnectRedisOptions>
}

/** Ours; by default on the same Redis, and taking over what `oldSite` has made. */
export async function ourSite(
  { server, client }: Stores,
  { adopted: source, ...options }: OurOptions = {},
): Promise<OurSite> {
  const sessions = createSessions({
    ...{ redis: server.url, secrets: [SECRET] },
    adopt: [connectRedis({ client, secret: OLD_SECRET, principal: 'userId', ...source })],
    ...options,
  })
  later(() => sessions.close())
  await sessions.ready()
  const [adopted, rejected, errors]: [
    SessionEvents['adopted'][],
    SessionEvents['rejected'][],
    SessionEvents['error'][],
  ] = [[], [], []]
  sessions.on('adopted', (event) => adopted.push(event))
  sessions.on('rejected', (event) => rejected.push(event))
  sessions.on('error', (event) => errors.push(event))
  const app = express()
  app.use(expressSessions(sessions, { fresh: ({ url }) => url === '/fresh' }))
  app.get(['/me', '/fresh'], (req, res) => {
    res.json({ ...sessions.from(req).toJSON(), principal: req.session.principal })
  })
  // Express 5 passes on what a promise rejects with; its types take one.
  const answer =
    (work: (session: Session, req: Request) => unknown): RequestHandler =>
    (req, res) =>
      Promise.resolve(work(sessions.from(req), req)).then((body) => void res.json(body ?? {}))
  app.get(
    '/login/:user',
    answer((session, req) => session.login(String(req.params['user']), { keep: ['count'] })),
  )
  app.get(
    '/count',
    answer(async (session) => ({
      count: await session.update('count', (before) => Number(before ?? 0) + 1),
    })),
  )
  app.get(
    '/set/:name/:value',
    answer((session, { params }) => session.set(String(params['name']), params['value'])),
  )
  app.get(
    '/logout',
    answer(async (session) => void (await session.logout())),
  )
  app.get(
    '/rotate',
    answer((session) => session.rotate()),
  )
  const site = await listen(app)
  return { ...site, sessions, adopted, rejected, errors }
}

/** Keeps cookies, whichever site has set them, as a browser does for one host. */
export class Person {
  readonly jar: Map<string, string> = new Map()
  readonly #browsers = new Map<number, Browser>()

  /** @returns what was answered, parsed */
  async get(site: Site, path: string, options?: RequestOptions): Promise<Record<string, unknown>> {
    return JSON.parse((await this.ask(site, path, options)).text) as Record<string, unknown>
  }

  async ask({ port }: Site, path: string, options?: RequestOptions): Promise<Answer> {
    let browser = this.#browsers.get(port)
    if (browser === undefined) {
      const made = new Browser(port)
      browser = made
      this.#browsers.set(port, made)
      later(() => made.close())
    }
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    browser.jar.clear()
    for (const [name, value] of this.jar) browser.jar.set(name, value)
    const answer = await browser.get(path, { cookie, ...options })
    for (const line of answer.cookies) {
      const [pair = '', ...attributes] = line.split('; ')
      const equals = pair.indexOf('=')
      const isOver = /^max-age=0$|^expires=thu, 01 jan 1970/i
      if (attributes.some((each) => isOver.test(each))) this.jar.delete(pair.slice(0, equals))
      else this.jar.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
    return answer
  }

  /** Another one that holds the same cookies now. */
  copy(): Person {
    const copy = new Person()
    for (const [name, value] of this.jar) copy.jar.set(name, value)
    return copy
  }

  /** Holds only this cookie of theirs. */
  only(name: string): Person {
    const copy = new Person()
    const value = this.jar.get(name)
    if (value !== undefined) copy.jar.set(name, value)
    return copy
  }
}
