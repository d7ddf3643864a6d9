import { stream, streamSSE, streamText } from 'hono/streaming'
import { honoSessions } from 'sojourn/hono'
import { describe, expect, it } from 'vitest'
import { signal, turns } from '../support/watched-engine.ts'
import { honoSite } from './hono-site.ts'

/** Hono's streaming helpers, whose callbacks go on when the response is out. */
export function honoStreaming(): void {
  describe('streaming', () => {
    it('streamText: changed before, stored before; changed meanwhile, stored by itself', async () => {
      const gate = signal()
      const site = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.get('/', (c) =>
          streamText(c, async (out) => {
            const session = c.get('session')
            session.set('n', 2)
            await out.write('one ')
            await gate.promise
            session.set('name', 'late')
            await out.write('two')
          }),
        )
      })
      const answering = site.browser.get('/')
      await expect.poll(() => site.browser.token).toBeDefined()
      expect(await site.stored()).toEqual({ n: 2 })
      gate.fire()
      expect(await answering).toMatchObject({ text: 'one two', seen: { n: 2 } })
      await expect.poll(site.stored).toEqual({ n: 2, name: 'late' })
    })

    it('stream: an object from `data` that is changed at its end is stored before the end', async () => {
      const site = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.get('/cart', (c) => {
          c.get('session').set('cart', ['first'])
          return c.text('set')
        })
        app.get('/', (c) => {
          const { cart = [] } = c.get('session').data
          return stream(c, async (out) => {
            await out.write('one ')
            await turns(3)
            cart.push('last')
            await out.write('two')
          })
        })
      })
      await site.browser.get('/cart')
      expect((await site.browser.get('/')).text).toBe('one two')
      expect(await site.stored()).toEqual({ cart: ['first', 'last'] })
    })

    it('streamSSE: ends when the session is ended elsewhere', async () => {
      const begun = signal()
      const site = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.get('/', (c) =>
          streamSSE(c, async (events) => {
            const ended = signal()
            c.get('session').signal.addEventListener('abort', ended.fire)
            await events.writeSSE({ data: 'hello' })
            begun.fire()
            await ended.promise
            await events.writeSSE({ data: 'signed out' })
          }),
        )
      })
      await site.browser.get('/begin')
      const streaming = site.browser.get('/')
      await begun.promise
      const { id = '' } = await site.elsewhere.open(site.browser.token)
      await site.elsewhere.revoke(id)
      expect(await streaming).toMatchObject({
        status: 200,
        text: 'data: hello\n\ndata: signed out\n\n',
      })
    })

    it('streamSSE: a client that goes ends the callback’s stream', async () => {
      const begun = signal()
      const aborted = signal()
      const site = await honoSite((app, sessions) => {
        app.use(honoSessions(sessions))
        app.get('/', (c) =>
          streamSSE(c, async (events) => {
            void c.get('session').signal
            events.onAbort(aborted.fire)
            await events.writeSSE({ data: 'hello' })
            begun.fire()
            await aborted.promise
          }),
        )
      })
      await site.browser.get('/begin')
      const abort = new AbortController()
      const streaming = site.browser.get('/', { signal: abort.signal })
      await begun.promise
      await turns()
      abort.abort()
      await expect(streaming).rejects.toThrow(/abort/)
      await aborted.promise
    })
  })
}
