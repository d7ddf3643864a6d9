import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { fetchSessions } from 'sojourn/fetch'
import { describe, expect, it, onTestFinished } from 'vitest'
import { codeOf, type Data } from '../support/adapter.ts'
import { signal } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'
import { fetchSite } from './fetch-site.ts'

const COOKIE = /^session=[\w-]{48}; Path=\/; HttpOnly; SameSite=Lax$/

/** What becomes of the handler's Response, and of what it throws. */
export function responseCases(): void {
  describe('a response', () => {
    it('comes without a promise where nothing is waited for, and is the handler’s own', async () => {
      const engine = memoryEngine()
      onTestFinished(() => engine.close())
      const sessions = createSessions<Data>({ engine, secrets: [SECRET] })
      const session = await sessions.open()
      session.set('n', 1)
      await session.commit()
      const made: Response[] = []
      const handle = fetchSessions(sessions)((_, mine) => {
        const response = new Response(`n is ${mine.get('n')}`)
        made.push(response)
        return response
      })
      const headers = { cookie: `session=${session.token}` }
      const answer = handle(new Request('http://localhost/', { headers }))
      expect(answer).toBe(made[0])
      expect((answer as Response).headers.get('vary')).toBe('Cookie')
    })

    it('says Vary: Cookie where the session was looked at, and only there', async () => {
      const site = fetchSite((request, session) => {
        const { pathname } = new URL(request.url)
        if (pathname === '/asked') void session.principal
        return new Response(pathname, pathname === '/varies' ? { headers: { Vary: 'Origin' } } : {})
      })
      expect((await site.ask('/unused')).headers.get('vary')).toBeNull()
      expect((await site.ask('/varies')).headers.get('vary')).toBe('Origin')
      expect((await site.ask('/asked')).headers.get('vary')).toBe('Cookie')
    })

    it('that cannot be changed is made anew, with its body unread', async () => {
      let pulled = 0
      const upstream = createServer((_, response) => {
        pulled += 1
        response.writeHead(203, { 'X-Upstream': 'yes', 'Set-Cookie': ['a=1', 'b=2'] })
        response.end('fetched')
      }).listen(0, '127.0.0.1')
      onTestFinished(() => {
        upstream.closeAllConnections()
        upstream.close()
      })
      await once(upstream, 'listening')
      const { port } = upstream.address() as AddressInfo
      const site = fetchSite(async (request, session) => {
        session.set('n', (session.get('n') ?? 0) + 1)
        if (request.url.endsWith('/redirect'))
          return Response.redirect('http://localhost/there', 303)
        return fetch(`http://127.0.0.1:${port}/`)
      })
      const { browser } = await site.serve()
      const redirected = await browser.get('/redirect')
      expect(redirected).toMatchObject({ status: 303, seen: { n: 1 } })
      expect(redirected.headers).toMatchObject({
        location: 'http://localhost/there',
        vary: 'Cookie',
      })
      expect(redirected.cookies).toEqual([expect.stringMatching(COOKIE)])
      browser.jar.clear()
      const proxied = await browser.get('/fetched')
      expect(proxied).toMatchObject({ status: 203, text: 'fetched', seen: { n: 1 } })
      expect(proxied.headers).toMatchObject({ 'x-upstream': 'yes', 'cache-control': 'private' })
      expect(proxied.cookies).toEqual(['a=1', 'b=2', expect.stringMatching(COOKIE)])
      expect(pulled).toBe(1)
    })

    it('that the application gives to everybody keeps nobody’s cookie', async () => {
      const shared = new Response(null, { status: 204 })
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/change')) session.set('n', 1)
        return shared
      })
      expect((await site.ask('/change')).headers.getSetCookie()).toHaveLength(1)
      expect(shared.headers.getSetCookie()).toEqual([])
      const other = await site.fetch(new Request('http://localhost/'))
      expect(other.headers.getSetCookie()).toEqual([])
    })

    it('to HEAD has its cookie, and the signal is let go', async () => {
      const signals: AbortSignal[] = []
      const site = fetchSite((_, session) => {
        signals.push(session.signal)
        session.set('n', (session.get('n') ?? 0) + 1)
        return new Response('not sent')
      })
      const { browser } = await site.serve()
      const head = await browser.get('/', { method: 'HEAD' })
      expect(head).toMatchObject({ status: 200, text: '', seen: { n: 1 } })
      expect(head.cookies).toHaveLength(1)
      const { id = '' } = await site.elsewhere.open(browser.token)
      await site.elsewhere.revoke(id)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(signals[0]?.aborted).toBe(false)
    })

    it('that carries no headers passes through: a new session is not stored, a known one is', async () => {
      let given: Response | undefined
      const site = fetchSite((request, session) => {
        session.set('n', (session.get('n') ?? 0) + 1)
        return request.url.endsWith('/begin') ? new Response('begun') : (given as Response)
      })
      // A network error; Bun's handlers return nothing after `server.upgrade`.
      for (const passing of [Response.error(), undefined]) {
        given = passing
        expect(await site.fetch(new Request('http://localhost/'))).toBe(passing)
      }
      expect(site.dropped).toEqual(['headers-sent', 'headers-sent'])
      expect(site.engine.calls).not.toContain('create')
      await site.ask('/begin')
      expect(await site.fetch(site.request('/'))).toBe(given)
      expect(await site.stored()).toEqual({ n: 2 })
    })

    it('of parallel requests of one session: no change is lost', async () => {
      const arrived = signal()
      let count = 0
      const site = fetchSite(async (request, session) => {
        const name = new URL(request.url).pathname.slice(1)
        if (name === 'begin') session.set('n', 1)
        else {
          if (++count === 2) arrived.fire()
          await arrived.promise
          session.set(name as 'left', 1)
        }
        return new Response(name)
      })
      await site.ask('/begin')
      await Promise.all([site.ask('/left'), site.ask('/right')])
      expect(await site.stored()).toEqual({ n: 1, left: 1, right: 1 })
    })

    it('to a client that has gone: no session is made that nobody can have', async () => {
      const abort = new AbortController()
      const site = fetchSite(async (_, session) => {
        session.set('n', 1)
        abort.abort()
        return new Response('to nobody')
      })
      const answer = await site.fetch(site.request('/', { signal: abort.signal }))
      expect(answer.headers.getSetCookie()).toEqual([])
      expect(site.dropped).toEqual(['headers-sent'])
    })
  })

  describe('what is thrown', () => {
    const boom = new Error('boom')
    it.each(['sync', 'async'])('%s goes on, and what was changed before is stored', async (way) => {
      const site = fetchSite((request, session) => {
        session.set('n', (session.get('n') ?? 0) + 1)
        if (request.url.endsWith('/begin')) return new Response('begun')
        if (way === 'async') return Promise.reject(boom)
        throw boom
      })
      await site.ask('/begin')
      await expect((async () => site.fetch(site.request('/')))()).rejects.toBe(boom)
      expect(await site.stored()).toEqual({ n: 2 })
    })

    it('by a request without a session makes none: its cookie could not be sent', async () => {
      const site = fetchSite((_, session) => {
        session.set('n', 1)
        throw boom
      })
      await expect((async () => site.fetch(site.request('/')))()).rejects.toBe(boom)
      expect(site.dropped).toEqual(['headers-sent'])
      expect(site.engine.calls).toEqual([])
    })

    it('goes on though what was changed before cannot be stored: an event tells', async () => {
      const site = fetchSite((request, session) => {
        session.set('n', 1)
        if (request.url.endsWith('/begin')) return new Response('begun')
        session.set('any', 'x'.repeat(5_000))
        throw boom
      })
      await site.ask('/begin')
      await expect((async () => site.fetch(site.request('/')))()).rejects.toBe(boom)
      expect(site.failures).toEqual(['commit'])
    })

    it('a commit that fails: the response is let go, and the error goes on', async () => {
      let canceled = 0
      const site = fetchSite((_, session) => {
        session.set('n', 1)
        return new Response(new ReadableStream({ cancel: () => void canceled++ }))
      })
      site.engine.failure = new StoreUnavailableError('gone', true)
      const error: unknown = await (async () => site.fetch(site.request('/')))().catch((e) => e)
      expect(error).toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE', status: 503 })
      expect(canceled).toBe(1)
    })

    it('a store that does not answer: the error goes on, or to `onError`', async () => {
      const asked: string[] = []
      const site = fetchSite(() => new Response('never'))
      const session = await site.elsewhere.open()
      session.set('n', 1)
      await session.commit()
      const request = () =>
        new Request('http://localhost/', { headers: { cookie: `session=${session.token}` } })
      site.engine.failure = new StoreUnavailableError('gone', false)
      await expect((async () => site.fetch(request()))()).rejects.toThrow('gone')
      const answering = fetchSessions(site.sessions, {
        onError: (error, { url }) => {
          asked.push(`${codeOf(error)} ${url}`)
          return new Response('later', { status: 503 })
        },
      })(() => new Response('never'))
      expect((await answering(request())).status).toBe(503)
      expect(asked).toEqual(['ERR_SOJOURN_STORE_UNAVAILABLE http://localhost/'])
    })

    it('by `onError` itself goes on', async () => {
      const site = fetchSite(
        () => {
          throw new Error('first')
        },
        {
          onError: () => {
            throw boom
          },
        },
      )
      await expect((async () => site.fetch(site.request('/')))()).rejects.toBe(boom)
    })
  })

  describe('options', () => {
    const sessions = createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET] })
    it.each([
      ['sessions', () => fetchSessions({} as never)],
      ['fresh', () => fetchSessions(sessions, { fresh: 1 as never })],
      ['outage', () => fetchSessions(sessions, { outage: 'never' as never })],
      ['trustProxy', () => fetchSessions(sessions, { trustProxy: 1 as never })],
      ['onError', () => fetchSessions(sessions, { onError: 1 as never })],
      ['secret', () => fetchSessions(sessions, { secret: 'x' } as never)],
    ])('a wrong one is refused at once: %s', (option, make) => {
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option }))
    })

    it.each([
      [false, 'https://example.test/', undefined, '__Host-session='],
      [false, 'http://localhost/', 'https', '__Host-session='],
      [false, 'http://localhost/', undefined, 'session='],
      [true, 'http://localhost/', 'https', '__Host-session='],
      [true, 'https://localhost/', 'http', '__Host-session='],
    ])('trustProxy %s, %s, X-Forwarded-Proto %s: %s', async (trustProxy, url, proto, name) => {
      const handle = fetchSessions(sessions, { trustProxy })((_, session) => {
        session.set('n', 1)
        return new Response('ok')
      })
      const headers: Record<string, string> =
        proto === undefined ? {} : { 'X-Forwarded-Proto': proto }
      const [cookie] = (await handle(new Request(url, { headers }))).headers.getSetCookie()
      expect(cookie?.startsWith(name)).toBe(true)
    })
  })
}
