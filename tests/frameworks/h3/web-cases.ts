import { H3, HTTPError, HTTPResponse, html, toNodeHandler } from 'h3'
import { createSessions, memoryEngine, type Sessions, StoreUnavailableError } from 'sojourn'
import { h3Sessions } from 'sojourn/h3'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { listen } from '../support/listen.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

interface Site {
  readonly sessions: Sessions<Data>
  readonly engine: WatchedEngine
  readonly browser: Browser
}

/** An application of which the test writes every line, on the embedded engine; `/begin` makes a session. */
async function site(build: (sessions: Sessions<Data>) => H3): Promise<Site> {
  const store = memoryEngine()
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({ engine, secrets: [SECRET] })
  const elsewhere = createSessions<Data>({ engine: store, secrets: [SECRET] })
  const app = build(sessions)
  const served = await listen(toNodeHandler(app))
  const browser = new Browser(served.port, async ({ token }) =>
    (await elsewhere.open(token)).toJSON(),
  )
  onTestFinished(async () => {
    browser.close()
    await served.close()
    await store.close()
  })
  return { sessions, engine, browser }
}

export function webCases(): void {
  describe('a context that is given to several requests', () => {
    /** As Bun gives its server to each, and Workers their bindings. */
    class Server {
      readonly binding = 'db'
      address(): string {
        return 'here'
      }
    }
    const asWho = (cookie: string | undefined, path = '/who') =>
      new Request(`http://localhost${path}`, cookie === undefined ? {} : { headers: { cookie } })

    function world() {
      const sessions = createSessions<Data>({ secrets: [SECRET] })
      const app = new H3().use('/**', h3Sessions(sessions))
      app.post('/login/:who', async (event) => {
        await sessions.from(event).login(String(event.context.params?.['who']))
        return 'ok'
      })
      app.get('/who', (event) => ({
        held: event.context.session.principal ?? null,
        own: sessions.from(event).principal ?? null,
        binding: (event.context as { binding?: string }).binding ?? null,
        address: (event.context as Partial<Server>).address?.() ?? null,
      }))
      app.get('/inner', (event) =>
        app.request(
          asWho(event.url.searchParams.get('cookie') ?? undefined),
          undefined,
          event.context,
        ),
      )
      const signIn = async (who: string) => {
        const { headers } = await app.request(`/login/${who}`, { method: 'POST' })
        return String(headers.getSetCookie()[0]?.split(';')[0])
      }
      onTestFinished(() => sessions.close())
      return { app, signIn }
    }

    it.each<[string, () => object]>([
      ['an object', () => ({ binding: 'db' })],
      ['one of a class', () => new Server()],
      ['one without a prototype', () => Object.assign(Object.create(null), { binding: 'db' })],
    ])('%s: each request has its own session', async (_, make) => {
      const { app, signIn } = world()
      const shared = make()
      const [ada, bob] = [await signIn('ada'), await signIn('bob')]
      const told = async (cookie?: string): Promise<{ held: unknown; address: unknown }> =>
        (await app.request(asWho(cookie), undefined, shared as never)).json() as Promise<{
          held: unknown
          address: unknown
        }>
      expect(await told(ada)).toMatchObject({ held: 'ada', own: 'ada', binding: 'db' })
      expect(await told(bob)).toMatchObject({ held: 'bob', own: 'bob', binding: 'db' })
      expect(await told()).toMatchObject({ held: null, own: null, binding: 'db' })
      const [one, other] = await Promise.all([told(ada), told(bob)])
      expect([one.held, other.held]).toEqual(['ada', 'bob'])
      expect(one.address).toBe(shared instanceof Server ? 'here' : null)
      // And nothing of it stays there.
      expect(Reflect.ownKeys(shared)).not.toContain('session')
      expect(Object.getOwnPropertySymbols(shared)).toEqual([])
    })

    it('that of an outer request: the inner one has its own session', async () => {
      const { app, signIn } = world()
      const [ada, bob] = [await signIn('ada'), await signIn('bob')]
      const path = `/inner?cookie=${encodeURIComponent(bob)}`
      const answer = await (await app.request(asWho(ada, path))).json()
      expect(answer).toMatchObject({ held: 'bob', own: 'bob' })
      const nobody = await (await app.request(asWho(ada, '/inner'))).json()
      expect(nobody).toMatchObject({ held: null, own: null })
    })
  })

  describe('values and headers of h3', () => {
    it('a session that is returned unread counts as used', async () => {
      const { browser } = await site((sessions) =>
        new H3().use(h3Sessions(sessions)).get('/', (event) => event.context.session),
      )
      const answer = await browser.get('/')
      expect(answer).toMatchObject({ text: '{}', headers: { vary: 'Cookie' } })
    })

    it('a response that is given to everybody keeps nobody’s cookie', async () => {
      const page = html('<p>hello')
      page.headers.set('Cache-Control', 'public, max-age=60')
      page.headers.set('CDN-Cache-Control', 'max-age=60')
      page.headers.set('Vary', 'Accept')
      const response = new Response('hello', { headers: { 'Cache-Control': 'public' } })
      const { browser } = await site((sessions) => {
        const app = new H3().use(h3Sessions(sessions))
        for (const [path, value] of Object.entries({ '/page': page, '/response': response })) {
          app.get(path, (event) => {
            if (event.url.search === '?change') sessions.from(event).set('n', 1)
            return value instanceof Response ? value.clone() : value
          })
        }
        return app
      })
      const changed = await browser.get('/page?change')
      expect(changed.cookies).toHaveLength(1)
      expect(changed.headers).toMatchObject({
        'cache-control': 'private, max-age=60',
        'cdn-cache-control': 'no-store',
        'content-type': 'text/html; charset=utf-8',
        vary: 'Accept, Cookie',
      })
      const other = await browser.get('/page', { cookie: 'other=1' })
      expect(other.cookies).toEqual([])
      expect(other.headers['cache-control']).toBe('public, max-age=60')
      const second = await browser.get('/response?change', { cookie: 'other=1' })
      expect(second.cookies).toHaveLength(1)
      expect(second.headers['cache-control']).toBe('private')
    })

    it('what `event.res` says of caching does not undo what the cookie needs', async () => {
      const { browser } = await site((sessions) =>
        new H3().use(h3Sessions(sessions)).get('/', (event) => {
          event.res.headers.set('Cache-Control', 'public, max-age=9')
          event.res.headers.set('Vary', 'Accept')
          event.res.headers.set('X-Of-The-App', 'stays')
          sessions.from(event).set('n', 1)
          return new Response('made', { headers: { 'Cache-Control': 'no-cache' } })
        }),
      )
      expect((await browser.get('/')).headers).toMatchObject({
        'cache-control': 'private, max-age=9',
        vary: 'Accept, Cookie',
        'x-of-the-app': 'stays',
      })
    })

    it('a stream that is returned stores what it changes', async () => {
      const { browser } = await site((sessions) =>
        new H3().use(h3Sessions(sessions)).get('/', (event) => {
          const { data } = sessions.from(event)
          data.cart = ['first']
          return new ReadableStream<Uint8Array>(
            {
              pull(controller) {
                data.cart?.push('in the stream')
                controller.enqueue(Buffer.from('streamed'))
                controller.close()
              },
            },
            { highWaterMark: 0 },
          )
        }),
      )
      expect((await browser.get('/')).text).toBe('streamed')
      expect((await browser.get('/nowhere')).seen).toEqual({ cart: ['first', 'in the stream'] })
    })
  })

  describe('errors by h3’s own handling', () => {
    const build =
      (onError?: (error: Error, headers: Headers) => unknown) =>
      (sessions: Sessions<Data>): H3 =>
        new H3({
          silent: true,
          ...(onError && { onError: (error, event) => onError(error, event.res.errHeaders) }),
        })
          .use(h3Sessions(sessions))
          .get('/begin', (event) => sessions.from(event).set('n', 1) ?? 'begun')
          .get('/throws', (event) => {
            sessions.from(event).set('n', 2)
            throw new Error('boom')
          })
          .get('/change', (event) => sessions.from(event).set('n', 3) ?? 'changed')

    it.each([
      ['its default answer', undefined],
      ['a value', () => ({ sorry: true })],
      [
        'a response with the headers',
        (_: Error, headers: Headers) => new Response('', { status: 500, headers }),
      ],
    ] as const)('what a handler changed before it threw is stored: %s', async (_, onError) => {
      const { browser } = await site(build(onError))
      const answer = await browser.get('/throws')
      expect(answer.cookies).toHaveLength(1)
      expect(answer).toMatchObject({ seen: { n: 2 }, headers: { vary: 'Cookie' } })
    })

    it('a session that cannot be loaded or stored', async () => {
      const thrown: unknown[] = []
      const { browser, engine } = await site(build((error) => void thrown.push(error)))
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await browser.get('/change')).toMatchObject({
        status: 503,
        cookies: [],
        headers: { 'retry-after': '1' },
      })
      engine.failure = undefined
      await browser.get('/begin')
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await browser.get('/change')).toMatchObject({
        status: 503,
        cookies: [],
        headers: { 'retry-after': '1' },
      })
      expect(thrown.map((error) => (error as Error).cause)).toEqual([
        engine.failure,
        engine.failure,
      ])
    })

    it.each<[string, () => unknown, number, string | undefined]>([
      ['a response', () => new Response('sorry', { status: 503 }), 503, '1'],
      [
        'that says another time',
        () => new Response('', { status: 503, headers: { 'Retry-After': '30' } }),
        503,
        '30',
      ],
      ['a redirect', () => Response.redirect('http://localhost/maintenance', 302), 302, undefined],
      ['an error', () => new HTTPError({ status: 503 }), 503, '1'],
      ['an error with another status', () => new HTTPError({ status: 500 }), 500, undefined],
      ['nothing', () => undefined, 503, '1'],
      ['in the end a response', async () => new Response('sorry', { status: 503 }), 503, '1'],
      ['h3’s own kind of response', () => new HTTPResponse('', { status: 503 }), 503, '1'],
      ['a value', () => ({ sorry: true }), 200, undefined],
    ])('says when to come again on %s', async (_, answer, status, retryAfter) => {
      const { browser, engine } = await site(build(answer))
      await browser.get('/begin')
      engine.failure = new StoreUnavailableError('gone', false)
      // To be loaded by one, and to be stored by the other.
      for (const cookie of [undefined, '']) {
        const { headers, ...rest } = await browser.get('/change', cookie === '' ? { cookie } : {})
        expect(rest.status).toBe(status)
        expect(headers['retry-after']).toBe(retryAfter)
      }
      expect((await browser.get('/throws', { cookie: '' })).headers['retry-after']).toBe(retryAfter)
    })

    it('no route, with a cookie that is due all the same', async () => {
      const { browser } = await site((sessions) =>
        new H3({ silent: true }).use(h3Sessions(sessions)).use((event) => {
          sessions.from(event).set('n', 1)
        }),
      )
      const answer = await browser.get('/nowhere')
      expect(answer).toMatchObject({ status: 404, seen: { n: 1 } })
      expect(answer.cookies).toHaveLength(1)
    })
  })

  it('mounted twice, also in an application below: one session, stored once', async () => {
    const { browser, engine } = await site((sessions) => {
      const below = new H3().use(h3Sessions(sessions)).get('/change', (event) => {
        sessions.from(event).set('n', (sessions.from(event).get('n') ?? 0) + 1)
        return sessions.from(event).get('n')
      })
      return new H3().use(h3Sessions(sessions)).mount('/below', below)
    })
    expect((await browser.get('/below/change')).text).toBe('1')
    engine.calls.length = 0
    expect((await browser.get('/below/change')).seen).toEqual({ n: 2 })
    expect(engine.calls).toEqual(['load', 'commit'])
  })
}
