import { createSessions, type Sessions } from 'sojourn'
import { type CsrfOptions, createCsrf, isCsrfError } from 'sojourn/csrf'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hmacSha256 } from '../../src/core/crypto.ts'
import { isCsrfToken } from '../../src/core/csrf.ts'
import { OptionError } from '../../src/core/errors.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import { type Data, sites } from './csrf/sites.ts'
import { type Answer, Browser } from './support/http-client.ts'
import { listen } from './support/listen.ts'
import { SECRET } from './support/world.ts'

const FORM = 'application/x-www-form-urlencoded'

interface Visitor {
  readonly sessions: Sessions<Data>
  readonly port: number
  /** What was told of. */
  readonly refused: readonly object[]
  readonly browser: Browser
  /** Of a new session, which the browser has. */
  readonly begin: () => Promise<string>
  readonly post: (headers?: Readonly<Record<string, string>>, body?: string) => Promise<Answer>
}

async function visit(site: string, options: CsrfOptions = {}): Promise<Visitor> {
  const sessions = createSessions<Data>({ secrets: [SECRET] })
  const refused: object[] = []
  sessions.on('rejected', (event) => refused.push(event))
  const csrf = createCsrf(sessions, options)
  const make = sites[site] as (typeof sites)[string]
  const app = await listen(await make(sessions, csrf))
  const { port } = app
  const browser = new Browser(port)
  onTestFinished(async () => {
    browser.close()
    await app.close()
    await sessions.close()
  })
  const post: Visitor['post'] = (headers = {}, body = '') =>
    browser.get('/', {
      method: 'POST',
      headers: { 'content-type': FORM, 'content-length': String(body.length), ...headers },
      body,
    })
  const own = { 'sec-fetch-site': 'same-origin' }
  return {
    ...{ sessions, port, refused, browser, post },
    begin: async () => {
      await post(own)
      return (await browser.get('/')).text
    },
  }
}

describe.each(Object.keys(sites))('%s', (site) => {
  it('S32 what another site makes the browser send is refused, and nothing is stored', async () => {
    const { begin, post, refused } = await visit(site)
    await begin()
    const attacks: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      // Another host of the same domain is not the same application.
      { 'sec-fetch-site': 'same-site', origin: 'https://blog.example.org' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'file://' },
    ]
    for (const headers of attacks) {
      expect({ headers, status: (await post(headers)).status }).toEqual({ headers, status: 403 })
    }
    expect((await post({ 'sec-fetch-site': 'same-origin' })).text).toBe('2')
    expect(refused).toEqual(attacks.map(() => ({ id: undefined, reason: 'csrf-cross-site' })))
  })

  it('S32 where the browser does not say, a token of this session decides', async () => {
    const { begin, post, port, refused } = await visit(site)
    const token = await begin()
    const other = await visit(site)
    const foreign = await other.begin()
    expect((await post()).status).toBe(403)
    expect((await post({ 'x-csrf-token': foreign })).status).toBe(403)
    expect(
      (await post({ 'x-csrf-token': `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}` })).status,
    ).toBe(403)
    expect((await post({}, `_csrf=${foreign}`)).status).toBe(403)
    const id = expect.stringMatching(/^.{25}$/)
    const reasons = ['token-missing', 'token', 'token', 'token']
    expect(refused).toEqual(reasons.map((reason) => ({ id, reason: `csrf-${reason}` })))
    expect((await post({ 'x-csrf-token': token })).text).toBe('2')
    expect((await post({}, `a=1&_csrf=${token}`)).text).toBe('3')
    // By the port, as a browser of before Fetch Metadata says it.
    expect((await post({ origin: `http://127.0.0.1:${port}` })).text).toBe('4')
  })

  it('S32 asked for always, it is asked for beside what the browser says', async () => {
    const { begin, post } = await visit(site, { token: 'always' })
    const token = await begin()
    const own = { 'sec-fetch-site': 'same-origin' }
    expect((await post(own)).status).toBe(403)
    expect((await post({ ...own, 'x-csrf-token': token })).text).toBe('2')
    expect((await post({ 'sec-fetch-site': 'cross-site', 'x-csrf-token': token })).status).toBe(403)
  })
})

describe('createCsrf', () => {
  it('S32 makes tokens as protocol/README.md says, with a key of nothing else', () => {
    const keyring = createKeyring([SECRET])
    const random = Buffer.alloc(16, 5)
    const made = (purpose: number): string => {
      const seal = keyring.primary.seal
      const mac = hmacSha256(seal, Uint8Array.of(purpose), random, Buffer.from('id'))
      return Buffer.concat([random, mac.subarray(0, 16)]).toString('base64url')
    }
    const good = Array.from({ length: 256 }, (_, purpose) => purpose).filter((purpose) =>
      isCsrfToken(keyring, ['id'], made(purpose)),
    )
    expect(good).toEqual([7])
  })

  it.each<[string, Record<string, string>, boolean | undefined, boolean]>([
    ['https://example.org', { host: 'example.org' }, true, true],
    ['https://example.org', { host: 'example.org:443' }, true, true],
    ['http://example.org', { host: 'example.org:80' }, undefined, true],
    ['https://EXAMPLE.org', { host: 'Example.ORG' }, undefined, true],
    ['http://[::1]:3000', { host: '[::1]:3000' }, false, true],
    // Behind a proxy that ends TLS and says nothing.
    ['https://example.org', { host: 'example.org' }, false, true],
    ['https://example.org:8443', { host: 'example.org' }, true, false],
    // Whoever is between the browser and us can make a page of it.
    ['http://example.org', { host: 'example.org' }, true, false],
    ['http://example.org', { host: 'example.org', 'x-forwarded-proto': 'https' }, false, false],
    // A proxy that speaks TLS to us only.
    ['http://example.org', { host: 'example.org', 'x-forwarded-proto': 'http' }, true, true],
    ['ftp://example.org', { host: 'example.org' }, undefined, false],
    ['chrome-extension://example.org', { host: 'example.org' }, undefined, false],
    ['javascript://example.org', { host: 'example.org' }, undefined, false],
    ['https://example.org', {}, true, false],
    ['', { host: '' }, true, false],
  ])('S32 a page of %s, asking for %o by TLS %s: %s', (origin, headers, secure, isOwn) => {
    const sessions = createSessions<Data>({ secrets: [SECRET] })
    onTestFinished(() => sessions.close())
    const csrf = createCsrf(sessions)
    const told: Record<string, string> = { ...headers, origin }
    const request = { method: 'POST', header: (name: string) => told[name], secure }
    const isLetIn = (): boolean => {
      try {
        csrf.check(request, undefined)
        return true
      } catch (error) {
        if (isCsrfError(error)) return false
        throw error
      }
    }
    expect(isLetIn()).toBe(isOwn)
  })

  it('lets other origins in that are named, requests that are ignored, and what has no session to misuse', async () => {
    const { begin, post, browser } = await visit('express', {
      origins: ['https://app.example.org'],
      ignore: ({ header }) => header('x-hook-signature') === 'proved',
    })
    await begin()
    const cross = { 'sec-fetch-site': 'cross-site' }
    expect((await post({ ...cross, origin: 'https://app.example.org' })).text).toBe('2')
    expect((await post({ ...cross, origin: 'https://app.example.org.evil.example' })).status).toBe(
      403,
    )
    expect((await post({ ...cross, 'x-hook-signature': 'proved' })).text).toBe('3')
    expect((await browser.get('/', { headers: cross })).status).toBe(200)
    // A script without cookies and without these headers.
    const bare = await browser.get('/', {
      method: 'POST',
      cookie: '',
      headers: { 'content-length': '0' },
    })
    expect(bare.text).toBe('1')
    // Nobody signs a browser in to the attacker's account (login CSRF).
    expect((await browser.get('/', { method: 'POST', cookie: '', headers: cross })).status).toBe(
      403,
    )
  })

  it('S32 looks at a web request by itself, as for the route handlers of Next', async () => {
    const sessions = createSessions<Data>({ secrets: [SECRET] })
    onTestFinished(() => sessions.close())
    const csrf = createCsrf(sessions)
    const [session, other] = [await sessions.open(), await sessions.open()]
    for (const each of [session, other]) {
      each.set('n', 1)
      await each.commit()
    }
    const by = (headers: Record<string, string>) =>
      new Request('https://shop.example/cart', { method: 'POST', headers })
    const refused = expect.objectContaining({ code: 'ERR_SOJOURN_CSRF' })
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example' },
      {},
      { 'x-csrf-token': csrf.token(other) },
    ]) {
      expect(() => csrf.check(by(headers), session)).toThrow(refused)
    }
    csrf.check(by({ 'sec-fetch-site': 'same-origin' }), session)
    csrf.check(by({ origin: 'https://shop.example' }), session)
    csrf.check(by({ 'x-csrf-token': csrf.token(session) }), session)
    csrf.check(by({}), session, csrf.token(session))
    expect(() => csrf.check(by({}), session, csrf.token(other))).toThrow(refused)
  })

  it('in front of the sessions it says so, instead of asking for no token', async () => {
    const sessions = createSessions<Data>({ secrets: [SECRET] })
    const csrf = createCsrf(sessions)
    const app = await listen((request, response) => {
      csrf.express(request, response, (error) => response.end(String(error)))
    })
    const browser = new Browser(app.port)
    onTestFinished(async () => {
      browser.close()
      await app.close()
      await sessions.close()
    })
    const { text } = await browser.get('/', { method: 'POST', cookie: 'session=x' })
    expect(text).toMatch(/TypeError: .*session/)
  })

  it('S03 S32 a token is good until the next login, and over a rotation', async () => {
    const sessions = createSessions<Data>({ secrets: [SECRET] })
    const csrf = createCsrf(sessions)
    onTestFinished(() => sessions.close())
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    const request = { method: 'POST', header: () => undefined }
    const isTaken = (token: string): boolean => {
      try {
        csrf.check(request, session, token)
        return true
      } catch (error) {
        if (isCsrfError(error)) return false
        throw error
      }
    }
    const token = csrf.token(session)
    expect(csrf.token(session)).not.toBe(token)
    expect(isTaken(token)).toBe(true)
    await session.rotate()
    expect(isTaken(token)).toBe(true)
    await session.login('ada')
    expect(isTaken(token)).toBe(false)
    expect(isTaken(csrf.token(session))).toBe(true)
    for (const wrong of ['', 'x', 'x'.repeat(43), `${token}x`, '_'.repeat(1e6)]) {
      expect(isTaken(wrong)).toBe(false)
    }
  })

  it('S26 tokens of a former secret are good as long as that is there', async () => {
    let secrets = ['the old secret, of 32 bytes or more']
    const sessions = createSessions<Data>({ secrets: () => secrets })
    onTestFinished(() => sessions.close())
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    const token = sessions.csrfToken(session)
    secrets = [SECRET, ...secrets]
    await sessions.reloadSecrets()
    expect(sessions.isCsrfToken(session, token)).toBe(true)
    secrets = [SECRET]
    await sessions.reloadSecrets()
    expect(sessions.isCsrfToken(session, token)).toBe(false)
  })

  it.each<[string, unknown, string]>([
    ['an origin with a path', { origins: ['https://a.example/'] }, 'origins'],
    ['no list', { origins: 'https://a.example' }, 'origins'],
    ['a pattern', { origins: ['https://*.example.org/x'] }, 'origins'],
    ['an unknown mode', { token: 'sometimes' }, 'token'],
    ['a header that is none', { header: 'x csrf' }, 'header'],
    ['an empty field', { field: '' }, 'field'],
    ['what is no function', { ignore: true }, 'ignore'],
    ['an unknown name', { cookie: 'x' }, 'cookie'],
  ])('refuses %s at the start', (_, options, option) => {
    const sessions = createSessions<Data>({ secrets: [SECRET] })
    let refusal: unknown
    try {
      createCsrf(sessions, options as CsrfOptions)
    } catch (error) {
      refusal = error
    }
    expect(refusal).toBeInstanceOf(OptionError)
    expect(refusal).toMatchObject({ option })
  })
})
