import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CookiePolicy } from '../../src/core/cookie.ts'

const policy = new CookiePolicy()
const profile = policy.profile({ secure: true, host: 'example.org', proxied: false })
const NAME = '__Host-session'

const candidates = (header: string | undefined): string[] => policy.candidates(profile, header)

/** The rule of RFC 6265bis, section 5.8.3 read backwards: pairs between semicolons, blanks trimmed. */
function reference(header: string, name: string): string[] {
  const values: string[] = []
  for (const pair of header.split(';')) {
    const match = /^[ \t]*([^=]*)=(.*)$/s.exec(pair)
    if (match?.[1] !== name) continue
    const value = (match[2] ?? '').trim()
    if (!values.includes(value)) values.push(value)
  }
  return values.slice(0, 8)
}

describe('candidates', () => {
  it.each<[string | undefined, string[]]>([
    [undefined, []],
    ['', []],
    [`${NAME}=a`, ['a']],
    [`x=1; ${NAME}=a; y=2`, ['a']],
    [`x=1;${NAME}=a;y=2`, ['a']],
    [`x=1;\t ${NAME}=a`, ['a']],
    [`  ${NAME}=a  `, ['a']],
    [`${NAME}=`, ['']],
    [`${NAME}=; ${NAME}=a`, ['', 'a']],
    [`${NAME}=a=b==`, ['a=b==']],
    [`${NAME}= a ;`, ['a']],
    [NAME, []],
    [`${NAME};${NAME}=a`, ['a']],
    [`${NAME} =a`, []],
    [';;;', []],
    // Several of the same name: of another path or domain, or planted.
    [`${NAME}=a; ${NAME}=b`, ['a', 'b']],
    [`${NAME}=a; ${NAME}=a; ${NAME}=b; ${NAME}=a`, ['a', 'b']],
    // The name inside another one, and inside values.
    [`x${NAME}=bad`, []],
    [`${NAME}2=bad`, []],
    [`${NAME}.old=bad; ${NAME}=a`, ['a']],
    [`x${NAME}=bad; ${NAME}=a`, ['a']],
    [`${NAME}${NAME}=bad`, []],
    [`${NAME.toUpperCase()}=bad`, []],
    ['session=bad', []],
    [`x=${NAME}=bad`, []],
    [`x= ${NAME}=bad`, []],
    [`x="1; ${NAME}=a"`, ['a"']],
    [`x=1, ${NAME}=bad`, []],
    [`x=1\n${NAME}=bad`, []],
    [`\u00a0${NAME}=bad`, []],
  ])('finds in %j: %j', (header, values) => expect(candidates(header)).toEqual(values))

  it('S05 gives at most eight, the first ones', () => {
    const many = Array.from({ length: 50 }, (_, i) => `${NAME}=v${i}`).join('; ')
    expect(candidates(many)).toEqual(['v0', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7'])
  })

  it.each([
    ['one long foreign value', `x=${'y'.repeat(100_000)}; ${NAME}=a`],
    ['names without values', `${NAME} `.repeat(7_000) + `;${NAME}=a`],
    ['names stuck together', `${NAME.repeat(7_000)};${NAME}=a`],
    ['nothing but blanks', `${' '.repeat(100_000)}${NAME}=a`],
    ['the same pair again and again', `${NAME}=a; `.repeat(6_000)],
    ['semicolons', `${';'.repeat(100_000)}${NAME}=a`],
  ])('takes a header of 100 kB in stride: %s', (_, header) => {
    const start = performance.now()
    expect(candidates(header)).toEqual(['a'])
    // Some hundred microseconds; one that goes through the header again for each name takes seconds.
    expect(performance.now() - start).toBeLessThan(200)
  })

  it('finds what a simple parser finds, whatever the header', () => {
    for (const name of ['aa', 'sid', '__Host-session', 'a.b+c']) {
      const own = new CookiePolicy({ name })
      const form = own.profile({ secure: true, host: undefined, proxied: false })
      const piece = fc.constantFrom(
        name,
        name,
        `${name}=`,
        `;${name}=`,
        '; ',
        ';',
        '=',
        ' ',
        '\t',
        'a',
        'x',
        ',',
        '"',
        '%',
        'é',
      )
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
          const header = pieces.join('')
          expect(own.candidates(form, header)).toEqual(reference(header, name))
        }),
        { numRuns: 3_000 },
      )
    }
  })
})
