import { describe, expect, it } from 'vitest'
import { OneTimeLogin } from '../../../src/operations/console/one-time.ts'

const BASE = 'http://127.0.0.1:1/login?code='

function start(): { login: OneTimeLogin; clock: { now: number } } {
  const clock = { now: 1_000_000 }
  const login = new OneTimeLogin({ cookieName: 'c', secure: false, now: () => clock.now })
  return { login, clock }
}

const cookieOf = (response: Response): string =>
  response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
const withCookie = (cookie: string): Request =>
  new Request('http://127.0.0.1:1/', { headers: { cookie } })

describe('a link', () => {
  it('opens once, and what it opens ends after 12 hours', () => {
    const { login, clock } = start()
    const code = login.newCode()
    const opened = login.answer(new Request(BASE + code))
    expect(opened.status).toBe(200)
    const cookie = cookieOf(opened)
    expect(login.isSignedIn(withCookie(cookie))).toBe(true)
    expect(login.answer(new Request(BASE + code)).status).toBe(401)
    clock.now += 12 * 3_600_000 - 1
    expect(login.isSignedIn(withCookie(cookie))).toBe(true)
    clock.now += 1
    expect(login.isSignedIn(withCookie(cookie))).toBe(false)
  })

  it('is worth nothing after 10 minutes, and neither is a code as a cookie', () => {
    const { login, clock } = start()
    const code = login.newCode()
    expect(login.isSignedIn(withCookie(`c=${code}`))).toBe(false)
    clock.now += 10 * 60_000
    expect(login.answer(new Request(BASE + code)).status).toBe(401)
  })

  it('has a secret of 256 bits, and nothing but that opens', () => {
    const { login } = start()
    const codes = new Set(Array.from({ length: 50 }, () => login.newCode()))
    expect(codes.size).toBe(50)
    for (const code of codes) expect(Buffer.from(code, 'base64url')).toHaveLength(32)
    for (const code of ['', 'x', 'undefined', [...codes].join('')]) {
      expect(login.answer(new Request(BASE + code)).status).toBe(401)
    }
    const [code = ''] = codes
    expect(login.answer(new Request(BASE + code, { method: 'POST' })).status).toBe(405)
    expect(login.answer(new Request(BASE + code)).status).toBe(200)
  })

  it('does not pile up', () => {
    const { login } = start()
    const first = login.newCode()
    for (let i = 0; i < 100; i++) login.newCode()
    expect(login.answer(new Request(BASE + first)).status).toBe(401)
  })

  it('has its cookie found among others, by its whole name', () => {
    const { login } = start()
    const cookie = cookieOf(login.answer(new Request(BASE + login.newCode())))
    expect(login.isSignedIn(withCookie(`a=1; ${cookie}; b=2`))).toBe(true)
    expect(login.isSignedIn(withCookie(`x${cookie}`))).toBe(false)
    expect(login.isSignedIn(new Request('http://127.0.0.1:1/'))).toBe(false)
  })
})
