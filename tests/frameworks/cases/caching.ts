import { describe, expect, it } from 'vitest'
import type { Adapter, Behaviour } from '../support/adapter.ts'
import { open } from '../support/world.ts'

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/unused': ({ reply }) => reply.text('the same for all'),
  '/read': ({ session, reply }) => reply.text(`n is ${session.n}`),
  '/check': ({ session, reply }) => reply.text(`known: ${'n' in session}`),
  '/change': ({ session, reply }) => {
    session.n = 1
    return reply.text('changed')
  },
}

/** What the application says, and what goes out with a cookie. */
const cacheControls: readonly (readonly [given: string | undefined, sent: string])[] = [
  [undefined, 'private'],
  ['public', 'private'],
  ['public, max-age=60', 'private, max-age=60'],
  ['Public, S-MaxAge=600, max-age=60', 'private, max-age=60'],
  ['max-age=60, s-maxage=600', 'private, max-age=60'],
  ['no-store', 'no-store'],
  ['no-store, max-age=0', 'no-store, max-age=0'],
  ['private, max-age=5', 'private, max-age=5'],
  ['no-cache', 'private, no-cache'],
]

export function cachingCases(adapter: Adapter): void {
  describe('S12 caching', () => {
    it('says Vary: Cookie only where the session was used', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      expect((await browser.get('/unused')).headers['vary']).toBeUndefined()
      expect((await browser.get('/read')).headers['vary']).toBe('Cookie')
      expect((await browser.get('/check')).headers['vary']).toBe('Cookie')
      await browser.get('/change')
      expect((await browser.get('/unused')).headers['vary']).toBeUndefined()
      expect((await browser.get('/read')).headers).toMatchObject({ vary: 'Cookie' })
    })

    it('leaves the cache control of a response without a cookie alone', async () => {
      const world = await open(adapter, {
        ...behaviours,
        '/public': ({ session, reply }) => {
          reply.header('Cache-Control', 'public, s-maxage=600')
          return reply.text(`n is ${session.n}`)
        },
      })
      const { headers } = await world.browser().get('/public')
      expect(headers).toMatchObject({ 'cache-control': 'public, s-maxage=600', vary: 'Cookie' })
    })

    it.each(cacheControls)('with a cookie, %s becomes %s', async (given, sent) => {
      const world = await open(adapter, {
        '/': ({ session, reply }) => {
          if (given !== undefined) reply.header('Cache-Control', given)
          session.n = 1
          return reply.text('changed')
        },
      })
      const { headers, cookies } = await world.browser().get('/')
      expect(cookies).toHaveLength(1)
      expect(headers).toMatchObject({ 'cache-control': sent, vary: 'Cookie' })
    })

    it('with a cookie, takes back what only shared caches read', async () => {
      const world = await open(adapter, {
        '/': ({ session, reply }) => {
          reply.header('CDN-Cache-Control', 'max-age=600')
          reply.header('Surrogate-Control', 'max-age=600')
          session.n = 1
          return reply.text('changed')
        },
      })
      const { headers } = await world.browser().get('/')
      expect(headers['cdn-cache-control']).toBeUndefined()
      expect(headers['surrogate-control']).toBeUndefined()
    })

    it.skipIf(adapter.plain)(
      'a cookie that is cleared is not for shared caches either',
      async () => {
        const world = await open(adapter, {
          ...behaviours,
          '/logout': async ({ session, reply }) => {
            reply.header('Cache-Control', 'public')
            await session.logout()
            return reply.text('bye')
          },
        })
        const browser = world.browser()
        await browser.get('/change')
        const { headers, cookies } = await browser.get('/logout')
        expect(cookies).toHaveLength(1)
        expect(headers).toMatchObject({ 'cache-control': 'private', vary: 'Cookie' })
      },
    )

    it.each([
      ['Accept-Encoding', 'Accept-Encoding, Cookie'],
      ['Cookie', 'Cookie'],
      ['accept, COOKIE', 'accept, COOKIE'],
      ['*', '*'],
      ['X-Cookie', 'X-Cookie, Cookie'],
    ])('adds to Vary: %s', async (given, sent) => {
      const world = await open(adapter, {
        '/': ({ session, reply }) => {
          reply.header('Vary', given)
          return reply.text(`n is ${session.n}`)
        },
      })
      expect((await world.browser().get('/')).headers['vary']).toBe(sent)
    })
  })

  describe('S21 anonymous requests', () => {
    it.skipIf(adapter.plain)(
      'create no record and no cookie, and ask the store nothing',
      async () => {
        const world = await open(adapter, {
          ...behaviours,
          '/set-and-unset': ({ session, reply }) => {
            session.n = 1
            delete session.n
            return reply.text('nothing')
          },
          '/logout': async ({ session, reply }) => {
            await session.logout()
            return reply.text('bye')
          },
        })
        const browser = world.browser()
        const paths = ['/unused', '/read', '/check', '/set-and-unset', '/logout']
        for (let i = 0; i < 100; i++) {
          const answer = await browser.get(paths[i % paths.length] as string)
          expect(answer).toMatchObject({ status: 200, cookies: [] })
        }
        expect(world.engine.calls).toEqual([])
        expect(world.records()).toBe(0)
      },
    )
  })
}
