import { once } from 'node:events'
import { StoreUnavailableError } from 'sojourn'
import { describe, expect, it } from 'vitest'
import type { NodeAdapter, NodeBehaviour } from '../support/adapter.ts'
import { signal } from '../support/watched-engine.ts'
import { open } from '../support/world.ts'

export function abortCases(adapter: NodeAdapter): void {
  const begin: NodeBehaviour = ({ session, reply }) => {
    session.n = 1
    return reply.text('begun')
  }

  describe('a client that goes away', () => {
    it('before the answer: what was changed is stored, though nobody ends the response', async () => {
      const started = signal()
      const world = await open(adapter, {
        '/begin': begin,
        '/hang': ({ session }) => {
          session.n = 2
          started.fire()
        },
      })
      const browser = world.browser()
      await browser.get('/begin')
      const abort = new AbortController()
      const hanging = browser.get('/hang', { signal: abort.signal })
      await started.promise
      abort.abort()
      await expect(hanging).rejects.toThrow(/abort/)
      await expect.poll(() => world.stored(browser.token)).toEqual({ n: 2 })
    })

    it('before the answer: what is changed afterwards is stored with the end', async () => {
      const started = signal()
      const ended = signal()
      const world = await open(adapter, {
        '/begin': begin,
        '/slow': async ({ session, response }) => {
          started.fire()
          await once(response, 'close')
          session.n = 3
          response.end('to nobody')
          ended.fire()
        },
      })
      const browser = world.browser()
      await browser.get('/begin')
      const abort = new AbortController()
      const slow = browser.get('/slow', { signal: abort.signal })
      await started.promise
      abort.abort()
      await expect(slow).rejects.toThrow(/abort/)
      await ended.promise
      await expect.poll(() => world.stored(browser.token)).toEqual({ n: 3 })
      expect(world.app.errors).toEqual([])
    })

    it('in the middle of the body: what was changed is stored', async () => {
      const started = signal()
      const world = await open(adapter, {
        '/begin': begin,
        '/stream': ({ session, response }) => {
          response.write('early')
          session.n = 4
          started.fire()
        },
      })
      const browser = world.browser()
      await browser.get('/begin')
      const abort = new AbortController()
      const streaming = browser.get('/stream', { signal: abort.signal })
      await started.promise
      abort.abort()
      await expect(streaming).rejects.toThrow(/abort/)
      await expect.poll(() => world.stored(browser.token)).toEqual({ n: 4 })
    })

    it('during the commit: it is finished, and nothing fails', async () => {
      const closed = signal()
      const world = await open(adapter, {
        '/begin': begin,
        '/change': ({ session, response }) => {
          session.n = 5
          response.once('close', closed.fire)
          response.write('one ')
          response.end('two')
        },
      })
      const browser = world.browser()
      await browser.get('/begin')
      const gate = world.engine.gate()
      const abort = new AbortController()
      const changing = browser.get('/change', { signal: abort.signal })
      await gate.reached
      abort.abort()
      await expect(changing).rejects.toThrow(/abort/)
      await closed.promise
      gate.open()
      await expect.poll(() => world.stored(browser.token)).toEqual({ n: 5 })
      expect(world.app.errors).toEqual([])
      expect(world.failures).toEqual([])
    })

    it('during a commit that fails: an event tells, and no handler answers a closed connection', async () => {
      const closed = signal()
      const world = await open(adapter, {
        '/change': ({ session, response }) => {
          session.n = 5
          response.once('close', closed.fire)
          response.end('x')
        },
      })
      const gate = world.engine.gate()
      const abort = new AbortController()
      const changing = world.browser().get('/change', { signal: abort.signal })
      await gate.reached
      abort.abort()
      await expect(changing).rejects.toThrow(/abort/)
      await closed.promise
      world.engine.failure = new StoreUnavailableError('gone', true)
      gate.open()
      await expect.poll(() => world.failures).toMatchObject([{ operation: 'commit' }])
      expect(world.app.errors).toEqual([])
    })

    it('a new session, whose cookie nobody gets, is not created', async () => {
      const started = signal()
      const world = await open(adapter, {
        '/hang': ({ session }) => {
          session.n = 2
          started.fire()
        },
      })
      const abort = new AbortController()
      const hanging = world.browser().get('/hang', { signal: abort.signal })
      await started.promise
      abort.abort()
      await expect(hanging).rejects.toThrow(/abort/)
      await expect.poll(() => world.dropped).toMatchObject([{ reason: 'headers-sent' }])
      expect(world.records()).toBe(0)
    })
  })

  describe('timeouts', () => {
    it('an answer given by a timer is stored before, and the handler that comes late is harmless', async () => {
      const late = signal()
      const world = await open(adapter, {
        '/slow': async ({ session, response }) => {
          session.n = 1
          response.setTimeout(20, () => {
            response.statusCode = 503
            response.end('took too long')
          })
          await once(response, 'finish')
          session.n = 2
          if (!response.headersSent) response.end('late')
          late.fire()
        },
      })
      world.engine.delay = 10
      const browser = world.browser()
      expect(await browser.get('/slow')).toMatchObject({
        status: 503,
        text: 'took too long',
        seen: { n: 1 },
      })
      await late.promise
    })
  })
}
