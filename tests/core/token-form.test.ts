import { describe, expect, it } from 'vitest'
import { CookiePolicy, inForm, namedCookie } from '../../src/core/cookie.ts'
import { DOTTED, dotted, PLAIN, SIGNED, tokenIn } from '../../src/core/token-form.ts'

const TOKEN = `IA${'a-_1'.repeat(11)}zz`
const signed = `s%3A${TOKEN}.signature%2Bof%3D43`
const withDot = `${TOKEN.slice(0, 32)}.${TOKEN.slice(32)}`

describe('forms of a token in a cookie', () => {
  it.each([
    ['plain', PLAIN, TOKEN, TOKEN],
    ['plain: nothing signed', PLAIN, signed, undefined],
    ['plain: nothing with a dot', PLAIN, withDot, undefined],
    ['signed', SIGNED, signed, TOKEN],
    ['signed: without a signature', SIGNED, `s%3A${TOKEN}`, undefined],
    ['signed: a token that is too long', SIGNED, `s%3A${TOKEN}a.signature`, undefined],
    ['signed, or plain', SIGNED, TOKEN, TOKEN],
    ['with a dot', DOTTED, withDot, TOKEN],
    ['with a dot: too long', DOTTED, `${withDot}a`, undefined],
    ['with a dot, or plain', DOTTED, TOKEN, TOKEN],
    ['empty', SIGNED, '', undefined],
  ])('%s', (_, form, value, token) => {
    expect(TOKEN).toHaveLength(48)
    const reader = namedCookie('sid', form)
    for (const header of [`sid=${value}`, `a=1; sid=${value}; b=2`]) {
      expect(reader.first({ name: 'sid', suffix: '' }, header)).toBe(token)
      const found = reader.candidates({ name: 'sid', suffix: '' }, header)
      expect(found.includes(TOKEN)).toBe(token !== undefined)
    }
  })

  it('are for those who ask: the policy of the cookie has the plain one', () => {
    const request = { secure: true, host: 'example.org', proxied: false }
    const usual = new CookiePolicy({ name: 'sid' })
    const other = new CookiePolicy(inForm({ name: 'sid' }, SIGNED))
    expect(usual.first(usual.profile(request), `sid=${signed}`)).toBeUndefined()
    expect(usual.candidates(usual.profile(request), `sid=${signed}`)).toEqual([signed])
    expect(other.first(other.profile(request), `sid=${signed}`)).toBe(TOKEN)
    expect(other.candidates(other.profile(request), `sid=${signed}`)).toEqual([TOKEN])
  })

  it('all of them are read where an application gives the value', () => {
    expect(dotted(TOKEN)).toBe(withDot)
    const values = [TOKEN, signed, `s:${TOKEN}.x`, withDot]
    expect(values.map(tokenIn)).toEqual([TOKEN, TOKEN, TOKEN, TOKEN])
    expect(tokenIn('')).toBe('')
  })
})
