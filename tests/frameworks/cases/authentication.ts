import { describe, expect, it } from 'vitest'
import type { Adapter, Behaviour } from '../support/adapter.ts'
import { open } from '../support/world.ts'

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/login': async ({ session, reply }) => {
    await session.login('ada', { level: 1 })
    session.n = 1
    return reply.text('welcome')
  },
  '/pay': ({ session, reply }) => {
    const isKnown = session.level === 2 && session.authenticatedWithin('5m')
    return isKnown ? reply.text('paid') : reply.text('the second factor, please', 403)
  },
  '/second-factor': async ({ session, reply }) => {
    await session.stepUp(2)
    return reply.text('thank you')
  },
}

export function authenticationCases(adapter: Adapter): void {
  describe('authentication', () => {
    it('S02 S20 a stale or weaker one is refused, until a step-up; the token of before is refused from then on', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      expect((await browser.get('/pay')).status).toBe(403)
      expect((await browser.get('/second-factor')).status).toBe(401)
      await browser.get('/login')
      expect((await browser.get('/pay')).status).toBe(403)
      const planted = browser.cookie
      const { cookies } = await browser.get('/second-factor')
      expect(cookies).toHaveLength(1)
      expect(browser.cookie).not.toBe(planted)
      expect((await browser.get('/pay')).status).toBe(200)
      const thief = world.browser()
      expect(await thief.get('/pay', { cookie: planted })).toMatchObject({
        status: 403,
        cookies: [],
      })
      expect(await world.stored(browser.token)).toEqual({ n: 1 })
      world.clock.advance(5 * 60_000 + 1)
      expect((await browser.get('/pay')).status).toBe(403)
    })
  })
}
