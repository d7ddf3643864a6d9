/** The same application on @fastify/session and on Sojourn's, driven over HTTP, and what each of them answered. */
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import fastifyCookie from '@fastify/cookie'
import Fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import { memoryEngine } from 'sojourn'
import { type FastifySessionOptions, fastifySession } from 'sojourn/fastify-session'
import { afterEach, expect, it, vi } from 'vitest'
import { Browser } from '../support/http-client.ts'
import { SECRET } from '../support/world.ts'

// Without its types: they declare `request.session` too.
export const theirs: FastifyPluginCallback<Record<string, unknown>> = createRequire(
  import.meta.url,
)('@fastify/session')

declare module 'fastify' {
  interface Session {
    n?: number
    user?: string
    extra?: boolean
    first?: number
    second?: boolean
    third?: number
    list?: object[]
    id?: number
    a?: unknown
    v?: unknown
    body?: unknown
  }
}

export type Options = Omit<FastifySessionOptions, 'secret' | 'sessions' | 'store'>
export type Build = (app: FastifyInstance) => unknown

export interface Step {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Instead of the jar's; a number: that which the answer of this step has set. */
  readonly cookie?: string | number
  /** Milliseconds that pass before it. */
  readonly after?: number
}

export interface Seen {
  readonly path: string
  readonly status: number
  readonly body: string
  readonly cookies: readonly string[]
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
  vi.useRealTimers()
})

/** What Redis' users see of a store: what JSON keeps. */
class JsonStore {
  readonly #texts = new Map<string, string>()

  set(id: string, session: object, done: (error?: unknown) => void): void {
    this.#texts.set(id, JSON.stringify(session))
    done()
  }

  get(id: string, done: (error: unknown, session?: unknown) => void): void {
    const text = this.#texts.get(id)
    done(null, text === undefined ? undefined : JSON.parse(text))
  }

  destroy(id: string, done: (error?: unknown) => void): void {
    this.#texts.delete(id)
    done()
  }
}

export async function start(app: FastifyInstance): Promise<Browser> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const browser = new Browser((app.server.address() as AddressInfo).port)
  closing.push(
    () => app.close(),
    () => browser.close(),
  )
  return browser
}

export function makeApp(): FastifyInstance {
  return Fastify({ trustProxy: true, forceCloseConnections: true })
}

async function ours(build: Build, options: FastifySessionOptions): Promise<Browser> {
  const app = makeApp()
  const clock = { now: () => Date.now(), monotonic: () => Date.now() }
  const engine = memoryEngine({ clock })
  closing.push(() => engine.close())
  await app.register(fastifyCookie)
  await app.register(fastifySession, { secret: SECRET, engine, clock, ...options })
  await build(app)
  return start(app)
}

async function original(build: Build, options: Options): Promise<Browser> {
  const app = makeApp()
  await app.register(fastifyCookie)
  // It writes its defaults into what it is given.
  const { cookie } = options
  const own = { ...options, ...(cookie === undefined ? {} : { cookie: { ...cookie } }) }
  await app.register(theirs, { secret: SECRET, store: new JsonStore(), ...own })
  await build(app)
  return start(app)
}

/** Ids as numbers, in the order of their first appearance. */
function masker(name: string): (text: string) => string {
  const known: string[] = []
  const number = (id: string): string => {
    if (!known.includes(id)) known.push(id)
    return `#${known.indexOf(id) + 1}`
  }
  return (text) =>
    text
      .replaceAll(/<([^<>]*)>/g, (_, id: string) => `<${number(id)}>`)
      .replace(new RegExp(`^${name}=([^;]+)`), (_, value: string) => `${name}=${number(value)}`)
}

async function run(
  browser: Browser,
  steps: readonly Step[],
  from: number,
  name: string,
): Promise<Seen[]> {
  const mask = masker(name)
  const seen: Seen[] = []
  const pairs: (string | undefined)[] = []
  let now = from
  for (const { path, after = 0, cookie, ...request } of steps) {
    now += after
    vi.setSystemTime(now)
    const sent = typeof cookie === 'number' ? pairs[cookie] : cookie
    const options = sent === undefined ? request : { ...request, cookie: sent }
    const { status, text, cookies } = await browser.get(path, options)
    pairs.push(cookies.find((each) => each.startsWith(`${name}=`))?.split(';')[0])
    seen.push({ path, status, body: mask(text), cookies: cookies.map(mask).toSorted() })
  }
  return seen
}

async function expectSame(
  build: Build,
  options: Options,
  steps: readonly (Step | string)[],
): Promise<Seen[]> {
  const from = Date.UTC(2027, 0, 1)
  vi.useFakeTimers({ toFake: ['Date'], now: from })
  const all = steps.map((step) => (typeof step === 'string' ? { path: step } : step))
  const name = options.cookieName ?? 'sessionId'
  const expected = await run(await original(build, options), all, from, name)
  vi.setSystemTime(from)
  expect(await run(await ours(build, options), all, from, name)).toEqual(expected)
  return expected
}

/** One behaviour: what @fastify/session answers, this package answers. */
export function row(
  title: string,
  options: Options,
  steps: readonly (Step | string)[],
  build: Build = routes,
): void {
  it(`as the original: ${title}`, async () => {
    await expectSame(build, options, steps)
  })
}

/** Those that most rows need. */
function routes(app: FastifyInstance): void {
  app.get('/', () => 'hello')
  app.get('/id', (request) => `<${request.session.sessionId}>`)
  app.get('/show', (request) => ({ ...request.session, cookie: undefined }))
  app.get('/all', (request) => request.session)
  app.get('/cookie', (request) => request.session.cookie)
  app.get('/flags', ({ session }) => `${session.isModified()} ${session.isSaved()}`)
  app.get('/count', ({ session }) => {
    session.n = (session.n ?? 0) + 1
    return `${session.n} <${session.sessionId}>`
  })
  app.get('/save', async ({ session }) => {
    session.n = 7
    await session.save()
    return `${session.isModified()} ${session.isSaved()}`
  })
  app.get('/save-empty', async ({ session }) => {
    await session.save()
    return `${session.isModified()} ${session.isSaved()}`
  })
  app.get('/regenerate', async (request) => {
    const before = request.session
    const id = before.sessionId
    await request.session.regenerate()
    const same = request.session === before
    return `<${id}> <${before.sessionId}> <${request.session.sessionId}> ${same} ${request.session.n}`
  })
  app.get('/regenerate-and-set', async (request) => {
    await request.session.regenerate()
    request.session.user = 'ada'
    return `<${request.session.sessionId}>`
  })
  app.get('/regenerate-keep', async (request) => {
    await request.session.regenerate(['n', 'none'])
    return `${request.session.isModified()} ${request.session.isSaved()} ${request.session.n}`
  })
  app.get('/destroy', async (request) => {
    await request.session.destroy()
    return `destroyed: ${request.session === null}`
  })
  app.get('/reload', async (request) => {
    const id = request.session.sessionId
    request.session.n = 99
    request.session.extra = true
    await request.session.reload()
    return `${request.session.n} ${request.session.extra} ${id === request.session.sessionId}`
  })
  app.get('/touch', (request) => {
    request.session.touch()
    return request.session.cookie
  })
  app.get('/forget', (request) => {
    delete request.session.n
    return 'forgotten'
  })
}
