import { describe, expect, it, onTestFinished } from 'vitest'
import type { Adapter, Behaviour } from '../support/adapter.ts'
import { open } from '../support/world.ts'

const tls = { 'X-Forwarded-Proto': 'https' }
const DAY = 24 * 3_600_000

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/read': ({ session, reply }) => reply.json({ n: session.n ?? null, who: session.principal }),
  '/unused': ({ reply }) => reply.text('no session asked for'),
  '/change': ({ session, reply }) => {
    session.n = (session.n ?? 0) + 1
    return reply.text('changed')
  },
  '/login': async ({ session, reply }) => {
    await session.login('ada')
    return reply.text('welcome')
  },
  '/remember': async ({ session, reply }) => {
    await session.login('ada', { persistent: true, absoluteTimeout: '30d', idleTimeout: '7d' })
    return reply.text('welcome')
  },
  '/lifetime/:days': ({ session, request, reply }) => {
    const days = Number(request.url?.split('/').at(-1))
    session.setLifetime({ absoluteTimeout: `${days}d`, persistent: true })
    return reply.text('changed')
  },
  '/forget': ({ session, reply }) => {
    session.setLifetime({ persistent: false })
    return reply.text('changed')
  },
  '/rotate': async ({ session, reply }) => {
    await session.rotate()
    return reply.text('rotated')
  },
  '/logout': async ({ session, reply }) => {
    await session.logout()
    return reply.text('bye')
  },
  '/logout-and-set': async ({ session, reply }) => {
    await session.logout()
    session.n = 7
    return reply.text('bye')
  },
}

export function cookieCases(adapter: Adapter): void {
  describe('cookies', () => {
    it('S08 has the default attributes over TLS, exactly', async () => {
      const world = await open(adapter, behaviours, { trustProxy: true })
      const browser = world.browser()
      const { cookies } = await browser.get('/change', { headers: tls })
      expect(cookies).toEqual([
        expect.stringMatching(
          /^__Host-session=[\w-]{48}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
        ),
      ])
      const again = await browser.get('/read', { headers: tls })
      expect(JSON.parse(again.text)).toEqual({ n: 1 })
      expect(again.cookies).toEqual([])
    })

    it('does not believe X-Forwarded-Proto of a proxy that is not trusted', async () => {
      const world = await open(adapter, behaviours)
      const { cookies } = await world.browser().get('/change', { headers: tls })
      // Not the development form: behind a proxy the browser may well use TLS.
      expect(cookies[0]).toMatch(/^__Host-session=[\w-]{48}; .*; Secure$/)
    })

    it('has neither prefix nor Secure on plain HTTP to loopback', async () => {
      const world = await open(adapter, behaviours)
      const { cookies } = await world.browser().get('/change')
      expect(cookies).toEqual([
        expect.stringMatching(/^session=[\w-]{48}; Path=\/; HttpOnly; SameSite=Lax$/),
      ])
    })

    it('has Secure and the prefix on plain HTTP to another host', async () => {
      const warnings: Error[] = []
      const note = (warning: Error): void => void warnings.push(warning)
      process.on('warning', note)
      onTestFinished(() => void process.off('warning', note))
      const world = await open(adapter, behaviours)
      const headers = { Host: 'shop.example' }
      for (let i = 0; i < 2; i++) {
        const { cookies } = await world.browser().get('/change', { headers })
        expect(cookies[0]).toMatch(/^__Host-session=.*; Secure$/)
      }
      // Browsers will not keep it: said once.
      expect(warnings).toMatchObject([{ code: 'SOJOURN_INSECURE_REQUEST' }])
    })

    it('is not set again for reads, changes and unused sessions', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/change')
      for (const path of ['/read', '/unused', '/change', '/read']) {
        expect((await browser.get(path)).cookies).toEqual([])
      }
      expect(world.records()).toBe(1)
    })

    it('S02 is another one after login; the one before opens nothing and is not answered with one', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/change')
      const old = browser.cookie
      const login = await browser.get('/login')
      expect(login.cookies).toHaveLength(1)
      expect(login.seen).toEqual({})
      expect(browser.cookie).not.toBe(old)
      expect(JSON.parse((await browser.get('/read')).text)).toEqual({ n: null, who: 'ada' })
      const late = world.browser()
      for (const path of ['/read', '/change', '/logout']) {
        const answer = await late.get(path, { cookie: old })
        expect(answer).toMatchObject({ status: 200, cookies: [] })
      }
      expect(world.dropped).toEqual([{ id: undefined, reason: 'superseded', attributes: ['n'] }])
      // The session, and the mark at its former id.
      expect(world.records()).toBe(2)
      expect(JSON.parse((await browser.get('/read')).text)).toEqual({ n: null, who: 'ada' })
    })

    it('is not set by a request that was under way with the former token when the login came', async () => {
      const late: { go?: () => void } = {}
      const started = new Promise<void>((resolve) => {
        late.go = resolve
      })
      let finish = (): void => undefined
      const world = await open(adapter, {
        ...behaviours,
        '/slow': async ({ session, reply }) => {
          session.n = 99
          late.go?.()
          await new Promise<void>((resolve) => {
            finish = resolve
          })
          return reply.text('slow')
        },
      })
      const browser = world.browser()
      await browser.get('/change')
      const old = browser.cookie
      const slow = world.browser().get('/slow', { cookie: old })
      await started
      await browser.get('/login')
      finish()
      expect(await slow).toMatchObject({ status: 200, cookies: [] })
      expect(world.dropped).toMatchObject([{ reason: 'superseded', attributes: ['n'] }])
    })

    it('lasts with "remember me", to the absolute timeout', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      const { cookies } = await browser.get('/remember')
      expect(cookies).toEqual([
        expect.stringMatching(
          /^session=[\w-]{48}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/,
        ),
      ])
      world.clock.advance(6 * DAY)
      const later = await browser.get('/read')
      expect(JSON.parse(later.text)).toMatchObject({ who: 'ada' })
      expect(later.cookies).toEqual([])
    })

    it('is refreshed when the lifetime changes, with the same token', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/change')
      const { token } = browser
      world.clock.advance(60_000)
      for (const days of [2, 10]) {
        const { cookies } = await browser.get(`/lifetime/${days}`)
        const age = (days * DAY) / 1000 - 60
        expect(cookies).toEqual([expect.stringContaining(`session=${token}; Max-Age=${age}; `)])
      }
      expect((await browser.get('/change')).cookies).toEqual([])
      const { cookies } = await browser.get('/forget')
      expect(cookies).toEqual([`session=${token}; Path=/; HttpOnly; SameSite=Lax`])
      expect((await browser.get('/read')).cookies).toEqual([])
    })

    it('S16 is cleared on logout, and opens nothing afterwards', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/login')
      const old = browser.cookie
      const bye = await browser.get('/logout')
      expect(bye.cookies).toEqual([
        'session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax',
      ])
      expect(browser.cookie).toBe('')
      expect(world.records()).toBe(0)
      expect(JSON.parse((await browser.get('/read', { cookie: old })).text)).toEqual({ n: null })
    })

    it('is another one for what is set after the logout', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/login')
      const { token } = browser
      const { cookies, seen } = await browser.get('/logout-and-set')
      expect(cookies).toHaveLength(1)
      expect(browser.token).not.toBe(token)
      expect(seen).toEqual({ n: 7 })
    })

    it('is left alone when someone else has ended the session: the browser may hold a newer one', async () => {
      const world = await open(adapter, {
        ...behaviours,
        '/revoked': async ({ session, reply }) => {
          session.n = 99
          await world.sessions.revoke(session.id ?? '')
          return reply.text('too late')
        },
      })
      const browser = world.browser()
      await browser.get('/change')
      const answer = await browser.get('/revoked')
      expect(answer).toMatchObject({ status: 200, text: 'too late', cookies: [] })
      expect(world.dropped).toMatchObject([{ reason: 'ended', attributes: ['n'] }])
      expect(world.records()).toBe(0)
    })

    it('is the successor after a rotation, for those who come late with the former one', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/change')
      const old = browser.cookie
      expect((await browser.get('/rotate')).cookies).toHaveLength(1)
      expect(browser.cookie).not.toBe(old)
      const late = world.browser()
      const answer = await late.get('/change', { cookie: old })
      expect(answer.cookies).toHaveLength(1)
      expect(late.cookie).toBe(browser.cookie)
      expect(await world.stored(browser.token)).toEqual({ n: 2 })
    })

    it('S13 S14 opens nothing after the idle timeout; a request in time renews it', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/change')
      for (let i = 0; i < 3; i++) {
        world.clock.advance(20 * 60_000)
        expect(JSON.parse((await browser.get('/read')).text)).toEqual({ n: 1 })
        // After the response, off its path.
        await expect
          .poll(() => world.engine.calls.filter((name) => name === 'touch').length)
          .toBe(i + 1)
      }
      world.clock.advance(31 * 60_000)
      expect(JSON.parse((await browser.get('/read')).text)).toEqual({ n: null })
    })
  })
}
