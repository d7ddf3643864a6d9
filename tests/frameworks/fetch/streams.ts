import { StoreUnavailableError } from 'sojourn'
import { describe, expect, it, vi } from 'vitest'
import { codeOf } from '../support/adapter.ts'
import { signal, turns } from '../support/watched-engine.ts'
import { type FetchSite, fetchSite } from './fetch-site.ts'

type Controller = ReadableStreamDefaultController<Uint8Array>
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A body that is written by a function which runs on when the response has been handed out. */
function written(write: (controller: Controller) => Promise<void>): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // The response is handed out before.
      void Promise.resolve()
        .then(() => turns(3))
        .then(() => write(controller))
        .then(
          () => controller.close(),
          (error: unknown) => controller.error(error),
        )
        // The reader has gone.
        .catch(() => undefined)
    },
  })
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
}

/** What a handler's stream does with the session when the response is out. */
export function streamCases(): void {
  describe('changes after the response was handed out', () => {
    it('are stored by themselves, without a commit', async () => {
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('n', 1)
          return new Response('begun')
        }
        return written(async (controller) => {
          controller.enqueue(bytes('early '))
          session.set('n', 2)
          session.data.name = 'late'
          await turns(5)
          controller.enqueue(bytes('late'))
        })
      })
      const { browser } = await site.serve()
      await browser.get('/begin')
      site.engine.calls.length = 0
      expect((await browser.get('/')).text).toBe('early late')
      await expect
        .poll(async () => (await site.elsewhere.open(browser.token)).toJSON())
        .toEqual({ n: 2, name: 'late' })
      // Both in one.
      expect(site.engine.calls.filter((call) => call === 'commit')).toHaveLength(1)
    })

    it('in place are noticed: of an object from before, at the end of the body at the latest', async () => {
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('cart', [])
          return new Response('begun')
        }
        const { cart = [] } = session.data
        return written(async (controller) => {
          await turns(3)
          cart.push('kept')
          controller.enqueue(bytes('pushed'))
        })
      })
      const { browser } = await site.serve()
      await browser.get('/begin')
      expect((await browser.get('/')).text).toBe('pushed')
      expect((await site.elsewhere.open(browser.token)).toJSON()).toEqual({ cart: ['kept'] })
    })

    it('in place are noticed: of an object that is asked for then', async () => {
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('cart', [])
          return new Response('begun')
        }
        return written(async (controller) => {
          session.data.cart?.push('late')
          controller.enqueue(bytes('pushed'))
        })
      })
      await site.ask('/begin')
      await (await site.ask('/')).text()
      await expect.poll(site.stored).toEqual({ cart: ['late'] })
    })

    it('of a new session are dropped, with an event: its cookie is too late', async () => {
      const site = fetchSite((_, session) =>
        written(async () => {
          session.set('n', 1)
        }),
      )
      await (await site.ask('/')).text()
      await turns(3)
      expect(site.dropped).toEqual(['headers-sent'])
      expect(site.engine.calls).toEqual([])
    })

    it('login, rotate and setLifetime say that it is too late', async () => {
      const codes: string[] = []
      const site = fetchSite((_, session) =>
        written(async () => {
          for (const attempt of [
            () => session.login('ada'),
            () => session.rotate(),
            async () => session.setLifetime({ idleTimeout: '1m' }),
          ]) {
            await attempt().catch((error: unknown) => codes.push(codeOf(error)))
          }
        }),
      )
      await (await site.ask('/')).text()
      expect(codes).toEqual(Array(3).fill('ERR_SOJOURN_HEADERS_SENT'))
    })

    it('that cannot be stored: an event tells, and they are stored with the next', async () => {
      const failed = signal()
      const goOn = signal()
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('n', 1)
          return new Response('begun')
        }
        return written(async () => {
          session.set('n', 2)
          await turns(5)
          failed.fire()
          await goOn.promise
          session.set('name', 'ada')
        })
      })
      await site.ask('/begin')
      const answer = await site.ask('/')
      site.engine.failure = new StoreUnavailableError('gone', true)
      await failed.promise
      expect(site.failures).toEqual(['commit'])
      site.engine.failure = undefined
      goOn.fire()
      await answer.text()
      await expect.poll(site.stored).toEqual({ n: 2, name: 'ada' })
    })

    it('that cannot be stored at the end of a body that is followed: it does not look complete', async () => {
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('cart', [])
          return new Response('begun')
        }
        const { cart = [] } = session.data
        return written(async (controller) => {
          controller.enqueue(bytes('early'))
          site.engine.failure = new StoreUnavailableError('gone', true)
          cart.push('lost')
        })
      })
      const { browser } = await site.serve()
      await browser.get('/begin')
      await expect(browser.get('/')).rejects.toThrow(/aborted|hang up|terminated/)
      expect(site.failures).toEqual(['commit'])
    })
  })

  describe('the session’s signal', () => {
    it('ends an event stream when the session is ended elsewhere', async () => {
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('n', 1)
          return new Response('begun')
        }
        const ended = new Promise((resolve) => session.signal.addEventListener('abort', resolve))
        return written(async (controller) => {
          controller.enqueue(bytes('data: hello\n\n'))
          begun.fire()
          await ended
          controller.enqueue(bytes('data: signed out\n\n'))
        })
      })
      const begun = signal()
      const { browser } = await site.serve()
      await browser.get('/begin')
      const streamed = browser.get('/')
      await begun.promise
      await site.elsewhere.revoke((await site.elsewhere.open(browser.token)).id ?? '')
      expect((await streamed).text).toBe('data: hello\n\ndata: signed out\n\n')
    })

    const endings: Readonly<Record<string, (site: FetchSite) => Promise<unknown>>> = {
      'a body is read to its end': async ({ ask }) => (await ask('/')).text(),
      'a body is left unread': async ({ ask }) => (await ask('/')).body?.cancel(),
      'a body fails': async ({ ask }) =>
        expect((await ask('/fail')).text()).rejects.toThrow('broke'),
      'there is no body': ({ ask }) => ask('/empty'),
      'the body is not sent': ({ ask }) => ask('/', { method: 'HEAD' }),
      'its client has gone, asked for when the response is out': async ({ fetch, request }) => {
        const abort = new AbortController()
        await fetch(request('/late', { signal: abort.signal }))
        await turns(5)
        abort.abort()
      },
    }
    it.each(Object.keys(endings))('is let go when %s', async (name) => {
      const signals: AbortSignal[] = []
      const site = fetchSite(
        (request, session) => {
          const { pathname } = new URL(request.url)
          if (pathname !== '/late') signals.push(session.signal)
          if (pathname === '/begin') session.set('n', 1)
          if (pathname === '/empty') return new Response(null, { status: 204 })
          return written(async () => {
            if (pathname === '/late') signals.push(session.signal)
            if (pathname === '/fail') throw new Error('broke')
            if (pathname === '/late') await new Promise(() => undefined)
          })
        },
        {},
        { direct: true },
      )
      await (await site.ask('/begin')).text()
      await endings[name]?.(site)
      // Of the same node, and told with the others.
      const witness = await site.sessions.open(site.token())
      const told = new Promise((resolve) => witness.signal.addEventListener('abort', resolve))
      await site.elsewhere.revoke(witness.id ?? '')
      await told
      expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
    })

    it('lasts as long as the body: what is pending when the client goes is stored', async () => {
      const begun = signal()
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('cart', [])
          return new Response('begun')
        }
        const { cart = [] } = session.data
        return written(async (controller) => {
          controller.enqueue(bytes('early'))
          cart.push('late')
          begun.fire()
          await new Promise(() => undefined)
        })
      })
      const { browser } = await site.serve()
      await browser.get('/begin')
      const abort = new AbortController()
      const streaming = browser.get('/', { signal: abort.signal })
      await begun.promise
      await turns()
      abort.abort()
      await expect(streaming).rejects.toThrow(/abort/)
      await expect
        .poll(async () => (await site.elsewhere.open(browser.token)).toJSON())
        .toEqual({ cart: ['late'] })
    })

    it('what is pending when a body is left unread is stored', async () => {
      const pushed = signal()
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('cart', [])
          return new Response('begun')
        }
        const { cart = [] } = session.data
        return written(async () => {
          cart.push('late')
          pushed.fire()
        })
      })
      await site.ask('/begin')
      const answer = await site.ask('/')
      await pushed.promise
      await answer.body?.cancel()
      await expect.poll(site.stored).toEqual({ cart: ['late'] })
    })

    it('asked for when the response is out fires all the same', async () => {
      const signals: AbortSignal[] = []
      const site = fetchSite((request, session) => {
        if (request.url.endsWith('/begin')) {
          session.set('n', 1)
          return new Response('begun')
        }
        return written(async () => {
          signals.push(session.signal)
          await new Promise((resolve) => session.signal.addEventListener('abort', resolve))
        })
      })
      await site.ask('/begin')
      const answer = await site.ask('/')
      await vi.waitFor(() => expect(signals).toHaveLength(1))
      await site.elsewhere.revoke((await site.elsewhere.open(site.token())).id ?? '')
      await answer.text()
      expect(signals[0]?.aborted).toBe(true)
    })
  })

  describe('a body', () => {
    it('is the handler’s own where the application holds nothing that lasts', async () => {
      const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.close() })
      const site = fetchSite((_, session) => {
        void session.get('cart')
        return new Response(body)
      })
      expect((await site.fetch(site.request('/'))).body).toBe(body)
    })

    it('that fails fails for its reader, and ends what lasts', async () => {
      const site = fetchSite((_, session) => {
        void session.signal
        return written(async (controller) => {
          controller.enqueue(bytes('early'))
          throw new Error('the source broke')
        })
      })
      const answer = await site.ask('/')
      await expect(answer.text()).rejects.toThrow('the source broke')
    })
  })
}
