import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import type { Adapter, Behaviour } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { open, type World } from '../support/world.ts'

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/read': ({ session, reply }) => reply.text(`n is ${session.n}`),
  '/unused': ({ reply }) => reply.text('the same for all'),
  '/change': ({ session, reply }) => {
    session.n = (session.n ?? 0) + 1
    return reply.text('changed')
  },
  '/stream': ({ session, reply }) => {
    session.n = (session.n ?? 0) + 1
    return reply.stream(Readable.from(['streamed ', 'whole'].map((part) => Buffer.from(part))))
  },
}
const DEADLINE = 300

/** A real store that does not answer. */
export function outageCases(adapter: Adapter): void {
  async function start(): Promise<{ server: RedisServer; world: World; browser: () => Browser }> {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const engine = redisEngine({ redis: server.url, commandTimeout: DEADLINE })
    onTestFinished(() => engine.close())
    const world = await open(adapter, behaviours, { engine })
    // One that does not look into the store itself.
    const browser = (): Browser => {
      const made = new Browser(world.app.port)
      onTestFinished(() => made.close())
      return made
    }
    return { server, world, browser }
  }

  describe('F01 F04 an outage', () => {
    it.each(['pause', 'kill'] as const)(
      'I7 I8 %s: 503 within the deadline, and all goes on afterwards',
      async (fault) => {
        const { server, world, browser } = await start()
        const known = browser()
        await known.get('/change')
        await (fault === 'pause' ? server.pause() : server.kill())
        for (const path of ['/read', '/change', '/stream']) {
          const from = performance.now()
          const answer = await known.get(path)
          expect(answer).toMatchObject({
            status: 503,
            text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
            headers: { 'retry-after': '1' },
            cookies: [],
          })
          expect(performance.now() - from).toBeLessThan(DEADLINE + 3_000)
        }
        for (const path of ['/change', '/stream']) {
          const from = performance.now()
          const answer = await browser().get(path)
          expect(answer).toMatchObject({ status: 503, cookies: [] })
          expect(answer.text).not.toMatch(/changed|streamed/)
          expect(performance.now() - from).toBeLessThan(DEADLINE + 3_000)
        }
        expect((await browser().get('/read')).status).toBe(200)
        expect(world.app.errors).toHaveLength(5)
        await (fault === 'pause' ? server.resume() : server.restart())
        await expect
          .poll(async () => (await known.get('/change')).status, { timeout: 5_000 })
          .toBe(200)
        expect((await known.get('/read')).text).toMatch(/^n is \d+$/)
      },
    )

    it('in the middle of a request: the change is refused, not half answered', async () => {
      const { server, world, browser } = await start()
      const known = browser()
      await known.get('/change')
      const gate = world.engine.gate()
      const answering = known.get('/stream')
      await gate.reached
      server.pause()
      gate.open()
      expect(await answering).toMatchObject({
        status: 503,
        text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
      })
      server.resume()
    })
  })
}
