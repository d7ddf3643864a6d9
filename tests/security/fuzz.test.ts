/** What clients send: cookies in all their forms, and tokens. A bounded run; `npm run security-report -- --long`: a million of each. */
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { connectRedis, ironSession } from '../../src/adopt/index.ts'
import { type CookieReader, namedCookie } from '../../src/core/cookie.ts'
import { hmacSha256 } from '../../src/core/crypto.ts'
import { isCsrfToken, makeCsrfToken } from '../../src/core/csrf.ts'
import { Exchange } from '../../src/core/exchange.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import { PARTITIONS } from '../../src/core/partitions.ts'
import { createToken, isSessionId, parseToken, tokenBytes } from '../../src/core/token.ts'
import { DOTTED, dotted, SIGNED } from '../../src/core/token-form.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { bytesOf, LONG, MANY, must, mutated, runs, SOME } from './support/mutations.ts'

const SECRETS = ['a secret for tests, of 32 bytes or more', 'a former one, of 32 bytes or more']
const keyring = createKeyring(SECRETS)
const CALLS = new Set(['load', 'create', 'commit', 'rotate', 'touch', 'destroy'])
const AT = { secure: true, host: 'example.org', proxied: false }

/** An engine, and what it was asked. */
function watched(): { engine: ReturnType<typeof memoryEngine>; calls: string[] } {
  const calls: string[] = []
  const engine = new Proxy(memoryEngine(), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || !CALLS.has(String(name))) return value
      return (...args: unknown[]) => {
        calls.push(String(name))
        return Reflect.apply(value, target, args) as unknown
      }
    },
  })
  return { engine, calls }
}

it(
  'S04 S05 fuzzed cookies: no crash, no command to the store, nothing is stored',
  async () => {
    const { engine, calls } = watched()
    const sessions = createSessions({ engine, secrets: SECRETS })
    const session = await sessions.open()
    session.set('a', 1)
    await session.commit()
    calls.length = 0
    const stored = engine.stats().records
    const token = session.token as string
    const real = `__Host-session=${token}`
    const corpus = [
      ...[real, `a=b; ${real}; c=d`, `${real}; ${real}`, `${'a=b; '.repeat(500)}${real}`],
      ...['__Host-session=', '__Host-session="x"', '=', '\0\r\n', `__Host-session="${token}"`],
      ...[`__Host-session=${'A'.repeat(48)}`, `__Host-session=${createToken(keyring).text}\r\n`],
    ]
    let refused = 0
    fc.assert(
      fc.property(mutated(corpus, bytesOf), ({ bytes }) => {
        const cookie = bytes.toString('latin1')
        // A right one is asked of the store, and rightly.
        if (/[\w-]{48}/g[Symbol.match](cookie)?.some((text) => parseToken(keyring, text))) return
        const exchange = sessions.exchange({}, { ...AT, cookie })
        expect(exchange).toBeInstanceOf(Exchange)
        expect((exchange as Exchange<object>).dirty).toBe(false)
        refused++
      }),
      runs(MANY),
    )
    expect(refused).toBeGreaterThan(MANY / 4)
    expect(calls).toEqual([])
    expect(engine.stats().records).toBe(stored)
    await sessions.close()
  },
  LONG,
)

it(
  'S04 fuzzed cookies in the forms of other libraries: what is found in them is a token, or refused',
  () => {
    const { text } = createToken(keyring)
    const values = [
      ...[text, dotted(text), `s%3A${text}.c2lnbmF0dXJl`, `s:${text}.c2lnbmF0dXJl`],
      ...['s%3A', 's:', '.', `${text}.`, `s%3A${dotted(text)}`],
    ]
    const corpus = values.flatMap((value) => [`sid=${value}`, `x=1; sid=${value}; y`])
    const readers = [SIGNED, DOTTED].map((form): CookieReader => namedCookie('sid', form))
    let found = 0
    fc.assert(
      fc.property(mutated(corpus, bytesOf), ({ bytes }) => {
        const header = bytes.toString('latin1')
        for (const reader of readers) {
          const profile = { name: 'sid' } as Parameters<CookieReader['first']>[0]
          const candidates = reader.candidates(profile, header)
          for (const each of [reader.first(profile, header), ...candidates]) {
            if (each === undefined || parseToken(keyring, each) === undefined) continue
            expect(each).toBe(text)
            found++
          }
        }
      }),
      runs(SOME),
    )
    // Some changes leave it as it is: the search looks where something is.
    expect(found).toBeGreaterThan(SOME / 50)
  },
  LONG,
)

it(
  'S04 S05 fuzzed cookies of systems that sessions are taken over from: forged ones ask neither store',
  async () => {
    const { engine, calls } = watched()
    const asked: string[] = []
    const client = {
      get: (key: string) => {
        asked.push(key)
        return Promise.resolve(null)
      },
      del: () => Promise.resolve(0),
    }
    const password = 'a password of 32 characters or more'
    const sessions = createSessions({
      ...{ engine, secrets: SECRETS },
      adopt: [
        connectRedis({ client, secret: 'keyboard cat' }),
        ironSession({ password, cookieName: 'iron' }),
      ],
    })
    const sid = 'an-old-session-of-32-characters-'
    const signature = createHmac('sha256', 'keyboard cat').update(sid).digest('base64')
    const signed = encodeURIComponent(`s:${sid}.${signature.replace(/=+$/, '')}`)
    const iron = `Fe26.2*1*${'a'.repeat(64)}*${'b'.repeat(22)}*${'c'.repeat(43)}**${'d'.repeat(64)}*${'e'.repeat(43)}~2`
    const corpus = [`connect.sid=${signed}`, `a=b; connect.sid=${signed}; c=d`, `iron=${iron}`]
    await fc.assert(
      fc.asyncProperty(mutated(corpus, bytesOf), async ({ bytes }) => {
        const cookie = bytes.toString('latin1')
        // The whole of it may still be there: then the old store is asked.
        const parts = cookie.split(/[;=]/).map(decoded)
        const isWhole = parts.some((part) => part.includes(signature.slice(0, 43)))
        if (isWhole) return
        const exchange = await sessions.exchange({}, { ...AT, cookie })
        expect(exchange.dirty).toBe(false)
        expect([...calls.splice(0), ...asked.splice(0)]).toEqual([])
      }),
      runs(SOME),
    )
    expect(engine.stats().records).toBe(0)
    await sessions.close()
  },
  LONG,
)

it(
  'S04 S24 fuzzed tokens, their MAC wrong or right: one of ours, or none',
  () => {
    const tokens = [0, 3, 7].map((region) => createToken(keyring, undefined, region))
    const corpus = tokens.map(({ text }) => text)
    fc.assert(
      fc.property(mutated(corpus, bytesOf), ({ bytes, item }) => {
        const text = bytes.toString('latin1')
        must(text === item || parseToken(keyring, text) === undefined, text)
      }),
      runs(MANY),
    )
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(mutated(tokens, tokenBytes), fc.nat({ max: 1 }), ({ bytes }, which) => {
        const made = Buffer.alloc(36)
        bytes.copy(made, 0, 0, 27)
        const key = keyring.keys[which] as (typeof keyring.keys)[number]
        made.set(hmacSha256(key.token, made.subarray(0, 27)).subarray(0, 9), 27)
        const token = parseToken(keyring, made.toString('base64url'))
        if (token === undefined) {
          refused++
          return
        }
        taken++
        expect(token.key).toBe(key)
        expect(token.partition).toBeLessThan(PARTITIONS)
        expect(token.region).toBeLessThan(8)
        expect((made[0] ?? 0) >> 5).toBe(1)
        expect(isSessionId(token.id)).toBe(true)
        expect(tokenBytes(token)).toEqual(made)
      }),
      runs(SOME),
    )
    // Both happened.
    expect(Math.min(taken, refused)).toBeGreaterThan(SOME / 20)
  },
  LONG,
)

it(
  'S32 fuzzed CSRF tokens: none is one that was not made for the session',
  () => {
    const id = createToken(keyring).id
    const corpus = [makeCsrfToken(keyring, id), makeCsrfToken(keyring, createToken(keyring).id)]
    expect(corpus.map((text) => isCsrfToken(keyring, [id], text))).toEqual([true, false])
    fc.assert(
      fc.property(mutated(corpus, bytesOf), ({ bytes }) => {
        const text = bytes.toString('latin1')
        // The last character has two bits that say nothing.
        const isSame = /^[\w-]{43}$/.test(text) && text.slice(0, 42) === corpus[0]?.slice(0, 42)
        must(isSame || !isCsrfToken(keyring, [id], text), 'the one that was made')
      }),
      runs(SOME),
    )
  },
  LONG,
)

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
