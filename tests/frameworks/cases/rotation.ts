import { describe, expect, it } from 'vitest'
import type { SessionEvents } from '../../../src/core/events.ts'
import type { Adapter, Behaviour } from '../support/adapter.ts'
import { open, type World } from '../support/world.ts'

const MINUTE = 60_000

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/login': async ({ session, reply }) => {
    await session.login('ada')
    session.n = 1
    return reply.text('welcome')
  },
  '/read': ({ session, reply }) => reply.json({ n: session.n ?? null, who: session.principal }),
  '/unused': ({ reply }) => reply.text('no session asked for'),
  '/change': ({ session, reply }) => {
    session.n = (session.n ?? 0) + 1
    return reply.text('changed')
  },
  '/cached': ({ session, reply }) => {
    reply.header('Cache-Control', 'public, max-age=60')
    return reply.text(session.principal ?? 'nobody')
  },
  '/logout': async ({ session, reply }) => {
    await session.logout()
    return reply.text('bye')
  },
}

const sessions = { idleTimeout: '4h', absoluteTimeout: '1d', rotateEvery: '15m' } as const

async function signedIn(adapter: Adapter, options: Parameters<typeof open>[2] = { sessions }) {
  const world = await open(adapter, behaviours, options)
  const browser = world.browser()
  await browser.get('/login')
  return { world, browser }
}

const callsOf = (world: World, name: string): number =>
  world.engine.calls.filter((call) => call === name).length

export function rotationCases(adapter: Adapter): void {
  describe('rotateEvery', () => {
    it('an old token is replaced with the answer, whatever the handler does; then not for as long', async () => {
      const { world, browser } = await signedIn(adapter)
      for (const path of ['/read', '/unused', '/change']) {
        const { token } = browser
        world.clock.advance(15 * MINUTE - 1)
        expect((await browser.get(path)).cookies).toEqual([])
        world.clock.advance(1)
        const answer = await browser.get(path)
        expect(answer).toMatchObject({ status: 200, cookies: [expect.any(String)] })
        expect(browser.token).not.toBe(token)
        // What is stored was there before the headers.
        expect(answer.seen).toEqual(await world.stored(browser.token))
        expect((await browser.get('/read')).cookies).toEqual([])
      }
      expect(await world.stored(browser.token)).toEqual({ n: 3 })
      expect([callsOf(world, 'rotate'), world.app.errors]).toEqual([3, []])
    })

    it('its answer is for no shared cache', async () => {
      const { world, browser } = await signedIn(adapter)
      expect((await browser.get('/cached')).headers['cache-control']).toBe('public, max-age=60')
      world.clock.advance(15 * MINUTE)
      const { headers } = await browser.get('/cached')
      expect(headers['cache-control']).toBe('private, max-age=60')
    })

    it('of parallel requests all are answered with the same token, also those whose answer is lost', async () => {
      const { world, browser } = await signedIn(adapter)
      const { cookie } = browser
      world.clock.advance(15 * MINUTE)
      const browsers = Array.from({ length: 10 }, () => world.browser())
      await Promise.all(browsers.map((each) => each.get('/change', { cookie })))
      expect(new Set(browsers.map(({ token }) => token)).size).toBe(1)
      expect(callsOf(world, 'rotate')).toBe(1)
      // The browser has got none of these answers. The others have looked at what is stored: the grace runs.
      world.clock.advance(9_000)
      expect((await browser.get('/read')).cookies).toHaveLength(1)
      expect(browser.token).toBe(browsers[0]?.token)
    })

    it('a former token opens nothing once the new one has been in use for the grace, and is reported', async () => {
      const { world, browser } = await signedIn(adapter)
      const former = browser.cookie
      const reuses: SessionEvents['token-reuse'][] = []
      world.sessions.on('token-reuse', (event) => reuses.push(event))
      world.clock.advance(15 * MINUTE)
      await browser.get('/read')
      await browser.get('/read')
      await expect.poll(() => callsOf(world, 'settle')).toBe(1)
      world.clock.advance(10_000)
      const thief = world.browser()
      for (const path of ['/read', '/change', '/logout']) {
        expect(await thief.get(path, { cookie: former })).toMatchObject({
          status: 200,
          cookies: [],
        })
      }
      // Once for the token, however often it comes.
      expect(reuses).toHaveLength(1)
      expect(reuses[0]).toMatchObject({ principal: 'ada' })
      expect(JSON.parse((await browser.get('/read')).text)).toEqual({ n: 1, who: 'ada' })
    })

    it('with tokenReuse: end signs both out', async () => {
      const { world, browser } = await signedIn(adapter, {
        sessions: { ...sessions, tokenReuse: 'end' },
      })
      const former = browser.cookie
      world.clock.advance(15 * MINUTE)
      await browser.get('/read')
      await browser.get('/read')
      world.clock.advance(10_000)
      await world.browser().get('/read', { cookie: former })
      expect(JSON.parse((await browser.get('/read')).text)).toEqual({ n: null })
    })

    it('that cannot be done leaves the answer as it is, with the old token', async () => {
      const { world, browser } = await signedIn(adapter)
      const { token } = browser
      world.clock.advance(15 * MINUTE)
      const gate = world.engine.gate()
      const answer = browser.get('/read')
      await gate.reached
      world.engine.failure = new Error('out of order')
      gate.open()
      expect(await answer).toMatchObject({ status: 200, cookies: [] })
      world.engine.failure = undefined
      expect(world.failures).toMatchObject([{ operation: 'rotate' }])
      expect((await browser.get('/read')).cookies).toHaveLength(1)
      expect(browser.token).not.toBe(token)
    })
  })
}
