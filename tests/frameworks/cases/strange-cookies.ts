import { describe, expect, it } from 'vitest'
import { createKeyring } from '../../../src/core/keyring.ts'
import { createToken } from '../../../src/core/token.ts'
import type { Adapter, Behaviour } from '../support/adapter.ts'
import { exchangeBytes } from '../support/http-client.ts'
import { open } from '../support/world.ts'

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/read': ({ session, reply }) => reply.json({ n: session.n ?? null, isNew: session.isNew }),
  '/change': ({ session, reply }) => {
    session.n = (session.n ?? 0) + 1
    return reply.text('changed')
  },
}

/** Values made from a good token that is not to be found in any of them. */
const strange: Readonly<Record<string, (token: string) => string>> = {
  empty: () => '',
  'made up': () => 'A'.repeat(48),
  'of another key': () => createToken(createKeyring(['another secret, of 32 bytes or more'])).text,
  truncated: (token) => token.slice(0, 47),
  'one character more': (token) => `${token}A`,
  'over-long': () => 'A'.repeat(6_000),
  'with one character changed': (token) =>
    token.slice(0, 20) + (token[20] === 'A' ? 'B' : 'A') + token.slice(21),
  'with other characters': (token) => `${token.slice(0, 40)}%00%0d%0a`,
  'in quotes': (token) => `"${token}"`,
  'with a blank inside': (token) => `${token.slice(0, 20)} ${token.slice(20)}`,
  'a path': () => '../../../../etc/passwd',
  'a prototype name': () => '__proto__',
  'in base64 instead of base64url': () => '+/'.repeat(24),
  'signed as express-session does': (token) => `s%3A${token}.abcdefgh`,
}

export function strangeCookieCases(adapter: Adapter): void {
  describe('strange cookies', () => {
    it.each(Object.entries(strange))(
      'S04 S05 %s: anonymous, without a call of the store',
      async (_, make) => {
        const world = await open(adapter, behaviours)
        const browser = world.browser()
        await browser.get('/change')
        const value = make(browser.token ?? '')
        const rejected: unknown[] = []
        world.sessions.on('rejected', (event) => rejected.push(event))
        world.engine.calls.length = 0
        const answer = await world.browser().get('/read', { cookie: `session=${value}` })
        expect(answer).toMatchObject({ status: 200, cookies: [] })
        expect(JSON.parse(answer.text)).toEqual({ n: null, isNew: true })
        expect(world.engine.calls).toEqual([])
        const reason = /^[\w-]{48}$/.test(value) ? 'forged' : 'malformed'
        expect(rejected).toEqual([{ id: undefined, reason }])
      },
    )

    it('S04 is not adopted: what such a browser sets goes under a token of ours', async () => {
      const world = await open(adapter, behaviours)
      const planted = 'A'.repeat(48)
      const browser = world.browser()
      const { cookies } = await browser.get('/change', { cookie: `session=${planted}` })
      expect(cookies).toHaveLength(1)
      expect(browser.token).not.toBe(planted)
    })

    it.each([
      ['NUL', Buffer.from('session=\0\0\0')],
      [
        'bytes that are no text',
        Buffer.from([0x73, 0x65, 0x73, 0x73, 0x69, 0x6f, 0x6e, 0x3d, 0xff, 0xfe, 0xc3]),
      ],
      ['UTF-8', Buffer.from('session=ключ; sessiön=1')],
      ['a line break', Buffer.from('session=abc\r\nSet-Cookie: session=injected')],
      ['a lone carriage return', Buffer.from('session=a\rb')],
    ])('S04 survives %s in the header', async (_, cookie) => {
      const world = await open(adapter, behaviours)
      const head = `GET /read HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: `
      const request = Buffer.concat([Buffer.from(head), cookie, Buffer.from('\r\n\r\n')])
      const answer = await exchangeBytes(world.app.port, request)
      // Node itself refuses some of these; the others are anonymous.
      expect(answer).toMatch(/^HTTP\/1\.1 (?:400 |200 [^]*"isNew":true)/)
      expect(answer).not.toMatch(/set-cookie/i)
      expect(world.engine.calls).toEqual([])
      expect((await world.browser().get('/read')).status).toBe(200)
    })

    it('finds the good one among doubles, wherever it stands', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/change')
      const good = `session=${browser.token}`
      const forged = `session=${'A'.repeat(48)}`
      for (const cookie of [
        `${forged}; ${good}`,
        `${good}; ${forged}`,
        `${good};${good}`,
        `session=; ${good}`,
      ]) {
        const { text } = await world.browser().get('/read', { cookie })
        expect({ cookie, ...JSON.parse(text) }).toEqual({ cookie, n: 1, isNew: false })
      }
    })

    it('prefers the session that is alive to one that has ended', async () => {
      const world = await open(adapter, behaviours)
      const [former, present] = [world.browser(), world.browser()]
      await former.get('/change')
      await present.get('/change')
      await present.get('/change')
      const ended = await world.sessions.open(former.token)
      await ended.logout()
      const cookie = `session=${former.token}; session=${present.token}`
      const answer = await world.browser().get('/read', { cookie })
      expect(JSON.parse(answer.text)).toEqual({ n: 2, isNew: false })
    })

    it('is found among many cookies, and is not mistaken for one with a longer name', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/change')
      const others = Array.from({ length: 150 }, (_, i) => `session${i}=x; my_session=${i}`)
      const cookie = [...others, `session=${browser.token}`, 'asession=z', 'session.x=1'].join('; ')
      const { text } = await world.browser().get('/read', { cookie })
      expect(JSON.parse(text)).toEqual({ n: 1, isNew: false })
    })

    it('S05 a flood of forged cookies costs no call of the store', async () => {
      const world = await open(adapter, behaviours)
      const flood = Array.from({ length: 200 }, (_, i) => `session=${String(i).padStart(48, 'A')}`)
      const answer = await world.browser().get('/read', { cookie: flood.join('; ') })
      expect(answer.status).toBe(200)
      expect(world.engine.calls).toEqual([])
    })
  })
}
