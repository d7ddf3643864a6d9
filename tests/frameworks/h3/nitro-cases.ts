import { type App, createApp, defineEventHandler, getQuery, toNodeListener } from 'h3v1'
import { fetchNodeRequestHandler } from 'node-mock-http'
import {
  createSessions,
  memoryEngine,
  OptionError,
  type Session,
  type Sessions,
  StoreUnavailableError,
} from 'sojourn'
import { type NitroSessionsOptions, nitroSessions } from 'sojourn/h3'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { listen } from '../support/listen.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

interface Nitro {
  readonly app: App
  readonly sessions: Sessions<Data>
  readonly engine: WatchedEngine
  readonly browser: Browser
  readonly thrown: unknown[]
  readonly stored: (token: string | undefined) => Promise<Record<string, unknown>>
  /** What Nitro's `localFetch` does. */
  readonly call: (path: string, context?: object, cookie?: string) => Promise<Response>
}

/** `/inner` counts; `/outer` calls it by itself, with its context as `event.$fetch` does. */
async function nitro(options: NitroSessionsOptions = {}): Promise<Nitro> {
  const store = memoryEngine()
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({ engine, secrets: [SECRET], maxBytes: 1_000 })
  const elsewhere = createSessions<Data>({ engine: store, secrets: [SECRET] })
  const thrown: unknown[] = []
  const app = createApp({ onError: (error) => void thrown.push(error.cause) })
  const listener = toNodeListener(app)
  const call: Nitro['call'] = (path, context, cookie) =>
    fetchNodeRequestHandler(listener, path, {
      ...(context && { context }),
      headers: cookie === undefined ? {} : { cookie },
    })
  const count = (session: Session<Data>): number => {
    const n = (session.get('n') ?? 0) + 1
    session.set('n', n)
    return n
  }
  app.use(
    '/inner',
    defineEventHandler((event) => {
      if ('large' in getQuery(event)) sessions.from(event).set('name', 'x'.repeat(2_000))
      const n = count(sessions.from(event))
      if ('throws' in getQuery(event)) throw new Error('boom')
      return { n }
    }),
  )
  app.use(
    '/outer',
    defineEventHandler(async (event) => {
      count(sessions.from(event))
      const inner = await call('/inner', event.context, event.node.req.headers.cookie)
      return { inner: await inner.json(), cookies: inner.headers.getSetCookie().length }
    }),
  )
  app.use(
    '/asset',
    defineEventHandler((event) => ({ has: 'session' in event.context })),
  )
  nitroSessions(sessions, options)({ h3App: app })
  const served = await listen(listener)
  const stored: Nitro['stored'] = async (token) => (await elsewhere.open(token)).toJSON()
  const browser = new Browser(served.port, ({ token }) => stored(token))
  onTestFinished(async () => {
    browser.close()
    await served.close()
    await store.close()
  })
  return { app, sessions, engine, browser, thrown, stored, call }
}

function tokenOf(response: Response): string | undefined {
  return /^session=([^;]+)/.exec(response.headers.getSetCookie()[0] ?? '')?.[1]
}

function signIn(sessions: Sessions<Data>): (name: string) => Promise<string | undefined> {
  return async (name) => {
    const stored = await sessions.open()
    await stored.login(name)
    return stored.token
  }
}

export function nitroCases(): void {
  describe('calls by itself', () => {
    it('with the context of a request have its session, which is stored once, with its cookie', async () => {
      const { browser, engine } = await nitro()
      const first = await browser.get('/outer')
      expect(first).toMatchObject({ text: JSON.stringify({ inner: { n: 2 }, cookies: 0 }) })
      expect(first).toMatchObject({ seen: { n: 2 } })
      expect(first.cookies).toHaveLength(1)
      expect(engine.calls).toEqual(['create'])
      engine.calls.length = 0
      expect((await browser.get('/outer')).seen).toEqual({ n: 4 })
      expect(engine.calls).toEqual(['load', 'commit'])
    })

    it('with the cookie of somebody else have that session', async () => {
      const { app, call, sessions } = await nitro()
      const [ada, bob] = await Promise.all(['ada', 'bob'].map(signIn(sessions)))
      app.use(
        '/as-bob',
        defineEventHandler(async (event) => {
          sessions.from(event).set('n', 5)
          const own = await call('/inner', event.context, `theme=dark; session=${ada}`)
          const other = await call('/inner', event.context, `session=${bob}`)
          const nobodys = await call('/inner', event.context)
          return Promise.all([own, other, nobodys].map((answer) => answer.json()))
        }),
      )
      const answer = await call('/as-bob', undefined, `session=${ada}`)
      expect(await answer.json()).toEqual([{ n: 6 }, { n: 1 }, { n: 1 }])
      expect((await sessions.open(bob)).get('n')).toBe(1)
    })

    it('with the context of a request that is over have their own', async () => {
      const { app, call, sessions } = await nitro()
      let context: object = {}
      app.use(
        '/keep',
        defineEventHandler((event) => {
          context = event.context
          return 'kept'
        }),
      )
      await call('/keep')
      const late = await call('/inner', context)
      expect(tokenOf(late)).toBeDefined()
      expect((await sessions.open(tokenOf(late))).get('n')).toBe(1)
    })

    it('without one are stored before they are answered, as on servers other than Node’s', async () => {
      const { call, stored } = await nitro()
      const first = await call('/inner')
      expect(await first.json()).toEqual({ n: 1 })
      expect(first.headers.get('vary')).toBe('Cookie')
      const token = tokenOf(first)
      expect(await stored(token)).toEqual({ n: 1 })
      const second = await call('/inner', undefined, `session=${token}`)
      expect(second.headers.getSetCookie()).toEqual([])
      expect(await stored(token)).toEqual({ n: 2 })
      const failed = await call('/inner?throws', undefined, `session=${token}`)
      expect(failed.status).toBe(500)
      expect(await stored(token)).toEqual({ n: 3 })
    })

    it('and refused when that fails', async () => {
      const { call, thrown, engine } = await nitro()
      const refused = await call('/inner?large')
      expect(refused.status).toBe(500)
      expect(await refused.text()).not.toContain('"n"')
      expect(refused.headers.getSetCookie()).toEqual([])
      expect(thrown).toMatchObject([{ code: 'ERR_SOJOURN_TOO_LARGE' }])
      engine.failure = new StoreUnavailableError('gone', false)
      const away = await call('/inner')
      expect(away.status).toBe(503)
      expect(away.headers.get('retry-after')).toBe('1')
      expect(thrown).toMatchObject([{}, engine.failure])
    })
  })

  it('errors come to h3 with ours as their cause, whatever the cause of that', async () => {
    const { browser, engine, thrown } = await nitro()
    await browser.get('/inner')
    engine.failure = new StoreUnavailableError('gone', false, { cause: new Error('ECONNREFUSED') })
    const answer = await browser.get('/inner')
    expect(answer).toMatchObject({ status: 503, cookies: [], headers: { 'retry-after': '1' } })
    expect(JSON.parse(answer.text)).toMatchObject({ statusCode: 503 })
    expect(thrown).toEqual([engine.failure])
  })

  it('Nuxt’s own requests have none: its error page comes also when the store is what has failed', async () => {
    const { app, browser, engine } = await nitro()
    app.use(
      '/__nuxt_error',
      defineEventHandler(() => 'sorry'),
    )
    await browser.get('/inner')
    engine.failure = new StoreUnavailableError('gone', false)
    expect((await browser.get('/__nuxt_error')).text).toBe('sorry')
  })

  it('behind Nuxt’s development server the cookie is one that browsers keep', async () => {
    const { browser } = await nitro()
    const by = (scheme: string) => ({
      headers: { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': scheme },
    })
    expect((await browser.get('/inner', by('http'))).cookies[0]).toMatch(/^session=[^;]*; Path=/)
    expect((await browser.get('/inner', by('https'))).cookies[0]).toMatch(
      /^__Host-session=.*Secure/,
    )
  })

  it('only the requests that `only` names have a session', async () => {
    const { browser, engine } = await nitro({ only: ({ path }) => path !== '/asset' })
    await browser.get('/inner')
    engine.failure = new StoreUnavailableError('gone', false)
    expect((await browser.get('/asset')).text).toBe('{"has":false}')
    expect((await browser.get('/inner')).status).toBe(503)
  })

  it('refuses options that it does not know', () => {
    const sessions = createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET] })
    for (const options of [{ onError: () => undefined }, { only: true }, { prefix: '/' }]) {
      expect(() => nitroSessions(sessions, options as never)).toThrow(OptionError)
    }
  })
}
