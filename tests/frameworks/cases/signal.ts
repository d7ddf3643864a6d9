import { PassThrough } from 'node:stream'
import { createSessions, memoryEngine } from 'sojourn'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Adapter, Behaviour, Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { SECRET } from '../support/world.ts'

/** What `session.signal` is for: answers that last longer than the session may. */
export function signalCases(adapter: Adapter): void {
  describe('the signal of a session', () => {
    it('ends a stream when the session is revoked on another node', async () => {
      const { browser, revoke } = await start()
      const streamed = browser.get('/stream')
      await vi.waitFor(() => expect(signals).toHaveLength(1))
      await revoke()
      expect((await streamed).text).toBe('begun, signed out')
    })

    it('does not fire for a response that is over', async () => {
      const { browser, revoke } = await start()
      await browser.get('/look')
      await new Promise((resolve) => setTimeout(resolve, 20))
      await revoke()
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    })
  })

  const signals: AbortSignal[] = []
  const behaviours: Readonly<Record<string, Behaviour>> = {
    '/begin': ({ session, reply }) => {
      session.n = 1
      return reply.text('begun')
    },
    '/look': ({ session, reply }) => {
      signals.push(session.signal)
      return reply.text('looked')
    },
    '/stream': ({ session, reply }) => {
      const stream = new PassThrough()
      stream.write('begun, ')
      session.signal.addEventListener('abort', () => stream.end('signed out'))
      signals.push(session.signal)
      return reply.stream(stream)
    },
  }

  async function start(): Promise<{ browser: Browser; revoke: () => Promise<unknown> }> {
    signals.splice(0)
    const engine = memoryEngine()
    const [here, there] = [0, 1].map(() => createSessions<Data>({ engine, secrets: [SECRET] }))
    if (here === undefined || there === undefined) throw new Error('unreachable')
    const app = await adapter.start(here, behaviours, {})
    const browser = new Browser(app.port)
    onTestFinished(async () => {
      browser.close()
      await app.close()
      await engine.close()
    })
    await browser.get('/begin')
    return {
      browser,
      revoke: async () => there.revoke((await there.open(browser.token)).id ?? ''),
    }
  }
}
