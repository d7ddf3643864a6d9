import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { type FetchHandler, fetchSessions } from 'sojourn/fetch'
import { describe, expect, it, onTestFinished } from 'vitest'
import { codeOf, type Data } from '../support/adapter.ts'
import { signal, turns } from '../support/watched-engine.ts'
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

    it('that cannot be changed, and needs no cookie, has its Vary', async () => {
      const site = fetchSite((_, session) => {
        void session.principal
        return Response.redirect('http://localhost/there', 302)
      })
      const { headers, status } = await site.ask('/')
      expect({ status, vary: headers.get('vary'), location: headers.get('location') }).toEqual({
        status: 302,
        vary: 'Cookie',
        location: 'http://localhost/there',
      })
    })

    it('to HEAD has its cookie', async () => {
      const site = fetchSite((_, session) => {
        void session.signal
        session.set('n', (session.get('n') ?? 0) + 1)
        return new Response('not sent')
      })
      const { browser } = await site.serve()
      const head = await browser.get('/', { method: 'HEAD' })
      expect(head).toMatchObject({ status: 200, text: '', seen: { n: 1 } })
      expect(head.cookies).toHaveLength(1)
    })

    it('waits for what is changed while the session is stored', async () => {
      const site = fetchSite((_, session) => {
        session.set('n', 1)
        setImmediate(() => session.set('name', 'meanwhile'))
        return new Response('both')
      })
      const gate = site.engine.gate()
      const answering = site.ask('/')
      await gate.reached
      await turns(3)
      gate.open()
      await answering
      expect(await site.stored()).toEqual({ n: 1, name: 'meanwhile' })
    })

    it('says no Vary where the session was only read anew', async () => {
      const site = fetchSite((request, session) => below(request, session))
      const below: FetchHandler<[unknown]> = fetchSessions(site.sessions, { fresh: true })(
        () => new Response('unused'),
      )
      const session = await site.elsewhere.open()
      session.set('n', 1)
      await session.commit()
      const headers = { cookie: `session=${session.token}` }
      const answer = await site.fetch(new Request('http://localhost/', { headers }))
      expect(site.engine.calls).toEqual(['load', 'load'])
      expect(answer.headers.get('vary')).toBeNull()
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
      [false, 'https://localhost/', undefined, true],
      [false, 'http://localhost/', 'https', false],
      [true, 'http://localhost/', undefined, false],
      [true, 'https://localhost/', undefined, true],
      [true, 'http://localhost/', 'https', true],
      // The first is the browser's; each proxy adds its own.
      [true, 'http://localhost/', 'HTTPS, http', true],
      [true, 'https://localhost/', 'http, https', false],
    ])(
      'trustProxy %s, %s, X-Forwarded-Proto %s: secure %s',
      async (trustProxy, url, proto, secure) => {
        const sessions = createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET] })
        onTestFinished(() => sessions.close())
        const asked: boolean[] = []
        const exchange = sessions.exchange.bind(sessions)
        sessions.exchange = (key, request, options) => {
          asked.push(request.secure)
          return exchange(key, request, options)
        }
        const handle = fetchSessions(sessions, { trustProxy })(() => new Response('ok'))
        const headers: Record<string, string> =
          proto === undefined ? {} : { 'X-Forwarded-Proto': proto }
        await handle(new Request(url, { headers }))
        expect(asked).toEqual([secure])
      },
    )

    it('a request that no server has made has its host in its URL', async () => {
      const handle = fetchSessions(sessions)((_, session) => {
        session.set('n', 1)
        return new Response('ok')
      })
      const cookies = async (url: string) => (await handle(new Request(url))).headers.getSetCookie()
      expect(await cookies('http://127.0.0.1:3000/')).toEqual([expect.stringMatching(/^session=/)])
      expect(await cookies('https://localhost/')).toEqual([
        expect.stringMatching(/^__Host-session=/),
      ])
    })
  })
}
