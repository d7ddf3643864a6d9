import fc from 'fast-check'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type CookieOptions, CookiePolicy, type CookieRequest } from '../../src/core/cookie.ts'
import { isSojournError, OptionError } from '../../src/core/errors.ts'

const TLS: CookieRequest = { secure: true, host: 'example.org', proxied: false }
const VALUE = 'v'.repeat(48)
const MINUTE = 60_000
const DAY = 86_400_000

function setCookie(options?: CookieOptions, request = TLS, maxAge?: number): string {
  const policy = new CookiePolicy(options)
  return policy.set(policy.profile(request), VALUE, maxAge)
}

function refusedOption(options: object): string {
  try {
    setCookie(options)
  } catch (error) {
    if (error instanceof OptionError) return error.option
    throw error
  }
  return 'accepted'
}

describe('the Set-Cookie header', () => {
  it('S08 has the safe defaults', () => {
    expect(setCookie()).toBe(`__Host-session=${VALUE}; Path=/; HttpOnly; SameSite=Lax; Secure`)
  })

  it.each<[CookieOptions, string]>([
    [{ name: 'sid' }, `sid=${VALUE}; Path=/; HttpOnly; SameSite=Lax; Secure`],
    [{ name: '__Host-a' }, `__Host-a=${VALUE}; Path=/; HttpOnly; SameSite=Lax; Secure`],
    [{ sameSite: 'strict' }, `__Host-session=${VALUE}; Path=/; HttpOnly; SameSite=Strict; Secure`],
    [{ sameSite: 'none' }, `__Host-session=${VALUE}; Path=/; HttpOnly; SameSite=None; Secure`],
    [
      { sameSite: 'none', partitioned: true },
      `__Host-session=${VALUE}; Path=/; HttpOnly; SameSite=None; Secure; Partitioned`,
    ],
    [{ path: '/app' }, `__Secure-session=${VALUE}; Path=/app; HttpOnly; SameSite=Lax; Secure`],
    [
      { domain: 'example.org' },
      `__Secure-session=${VALUE}; Path=/; Domain=example.org; HttpOnly; SameSite=Lax; Secure`,
    ],
    [
      { domain: '.example.org', path: '/a b', secure: true, sameSite: 'strict' },
      `__Secure-session=${VALUE}; Path=/a b; Domain=.example.org; HttpOnly; SameSite=Strict; Secure`,
    ],
    [{ secure: false }, `session=${VALUE}; Path=/; HttpOnly; SameSite=Lax`],
    [
      { secure: false, domain: 'intra', path: '/x', name: 'sid' },
      `sid=${VALUE}; Path=/x; Domain=intra; HttpOnly; SameSite=Lax`,
    ],
  ])('S08 is exact with %j', (options, header) => expect(setCookie(options)).toBe(header))

  it('has Max-Age in whole seconds, between one and 400 days', () => {
    const age = (ms: number): string | undefined =>
      /; Max-Age=([^;]*); Path=/.exec(setCookie({}, TLS, ms))?.[1]
    expect(age(30 * MINUTE)).toBe('1800')
    expect(age(1_999)).toBe('1')
    expect(age(1)).toBe('1')
    expect(age(-5)).toBe('1')
    expect(age(400 * DAY)).toBe('34560000')
    expect(age(4_000 * DAY)).toBe('34560000')
    expect(setCookie({}, TLS, 1_000)).toBe(
      `__Host-session=${VALUE}; Max-Age=1; Path=/; HttpOnly; SameSite=Lax; Secure`,
    )
  })

  it('clears with the same scope as it set, or the browser would keep the cookie', () => {
    const policy = new CookiePolicy({ domain: 'example.org', path: '/app' })
    expect(policy.clear(policy.profile(TLS))).toBe(
      '__Secure-session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/app; ' +
        'Domain=example.org; HttpOnly; SameSite=Lax; Secure',
    )
  })

  it('S08 stays below 4,096 bytes with the longest name', () => {
    expect(setCookie({ name: `__Host-${'n'.repeat(193)}` }).length).toBeLessThan(4_096)
    expect(refusedOption({ name: 'n'.repeat(201) })).toBe('cookie.name')
  })

  it('tells whether the cookie outlives the browser', () => {
    expect(new CookiePolicy().persistent).toBe(false)
    expect(new CookiePolicy({ persistent: true }).persistent).toBe(true)
  })
})

describe('options that cannot be', () => {
  it.each<[object, string]>([
    [{ sameSite: 'none', secure: false }, 'cookie.sameSite'],
    [{ sameSite: 'Lax' }, 'cookie.sameSite'],
    [{ sameSite: 'toString' }, 'cookie.sameSite'],
    [{ sameSite: '' }, 'cookie.sameSite'],
    [{ sameSite: null }, 'cookie.sameSite'],
    [{ sameSite: true }, 'cookie.sameSite'],
    [{ sameSite: ['none'], secure: false }, 'cookie.sameSite'],
    [{ partitioned: true, secure: false }, 'cookie.partitioned'],
    [{ partitioned: 'false' }, 'cookie.partitioned'],
    [{ partitioned: 1 }, 'cookie.partitioned'],
    [{ persistent: 'false' }, 'cookie.persistent'],
    [{ persistent: 0 }, 'cookie.persistent'],
    [{ secure: 'yes' }, 'cookie.secure'],
    [{ secure: 0 }, 'cookie.secure'],
    [{ secure: null }, 'cookie.secure'],
    [{ name: '__Host-s', secure: false }, 'cookie.name'],
    [{ name: '__Host-s', path: '/app' }, 'cookie.name'],
    [{ name: '__Host-s', domain: 'example.org' }, 'cookie.name'],
    [{ name: '__Secure-s', secure: false }, 'cookie.name'],
    // Browsers compare the prefixes without regard to case (RFC 6265bis, section 5.7).
    [{ name: '__host-s', domain: 'example.org' }, 'cookie.name'],
    [{ name: '__SECURE-s', secure: false }, 'cookie.name'],
  ])('S10 %j is refused at start, naming the option', (options, option) => {
    expect(refusedOption(options)).toBe(option)
  })

  it.each(['', ' ', 'a b', 'a;b', 'a=b', 'a,b', 'a"b', 'a\r\nb', 'a\0', 'é', '[a]', 'a/b', 5, {}])(
    'S11 the name %j is refused',
    (name) => expect(refusedOption({ name })).toBe('cookie.name'),
  )

  it.each(['', 'app', '/a;b', '/a\nb', '/a\r', '/\0', '/\x7f', '/é', 5, null, ['/'], {}])(
    'S11 the path %j is refused',
    (path) => expect(refusedOption({ path })).toBe('cookie.path'),
  )

  it.each([
    '',
    ' ',
    'a b',
    'a;b',
    '-a',
    'a-',
    'a..b',
    'a.',
    'a\n',
    'a\0b',
    'é.org',
    'http://a',
    'a:80',
    5,
    null,
  ])('S11 the domain %j is refused', (domain) =>
    expect(refusedOption({ domain })).toBe('cookie.domain'),
  )

  it('S11 what browsers would ignore for its length is refused', () => {
    // RFC 6265bis, section 5.6: attribute values beyond 1,024 bytes are ignored.
    expect(refusedOption({ path: `/${'p'.repeat(1_023)}` })).toBe('accepted')
    expect(refusedOption({ path: `/${'p'.repeat(1_024)}` })).toBe('cookie.path')
    expect(refusedOption({ domain: `${'a.'.repeat(126)}a` })).toBe('accepted')
    expect(refusedOption({ domain: `${'a.'.repeat(127)}a` })).toBe('cookie.domain')
    expect(refusedOption({ domain: `${'a'.repeat(64)}.org` })).toBe('cookie.domain')
  })

  it('S11 no input puts CR, LF, NUL or another attribute into the header', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({
        unit: fc.constantFrom('\r', '\n', '\0', ';', '=', ',', 'a', '/', '.', ' '),
        maxLength: 12,
      }),
    )
    const or = (...usual: string[]): fc.Arbitrary<string> =>
      fc.oneof(
        fc.constantFrom(...usual),
        nasty,
        nasty.map((text) => usual[0] + text),
      )
    const options = fc.record(
      {
        name: or('sid'),
        path: or('/', '/app'),
        domain: or('example.org'),
        sameSite: or('lax', 'strict'),
      },
      { requiredKeys: [] },
    )
    let accepted = 0
    fc.assert(
      fc.property(options, (input) => {
        let header: string
        try {
          header = setCookie(input as CookieOptions)
        } catch (error) {
          return isSojournError(error) && error.code === 'ERR_SOJOURN_OPTION'
        }
        accepted++
        // Printable ASCII only, and as many attributes as there are meant to be.
        const parts = header.split('; ').length
        return (
          /^[\x20-\x7e]*$/.test(header) &&
          parts === (input.domain === undefined ? 5 : 6) &&
          header.split(';').length === parts
        )
      }),
      { numRuns: 4_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})

describe('the form for a request', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  beforeEach(() => {
    vi.stubEnv('NODE_ENV', 'development')
    warn.mockClear()
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  afterAll(() => {
    warn.mockRestore()
  })

  const plain = (host: string | undefined, proxied = false): CookieRequest => ({
    secure: false,
    host,
    proxied,
  })
  const USUAL = `__Host-session=${VALUE}; Path=/; HttpOnly; SameSite=Lax; Secure`
  const LOOPBACK = `session=${VALUE}; Path=/; HttpOnly; SameSite=Lax`

  it.each([
    'localhost',
    'LOCALHOST:3000',
    'app.localhost',
    'a.b.localhost:80',
    '127.0.0.1',
    '127.1.2.3:8080',
    '[::1]',
    '[::1]:3000',
  ])('is plain for plain HTTP to %s', (host) => expect(setCookie({}, plain(host))).toBe(LOOPBACK))

  it.each([
    undefined,
    '',
    'example.org',
    'localhost.example.org',
    'notlocalhost',
    'localhost:80x',
    'localhost@example.org',
    '127.0.0.1.example.org',
    '127.0.0',
    '128.0.0.1',
    '192.168.0.1',
    '[::2]',
    '::1',
    'localhost\n',
  ])('S08 is the secure one for plain HTTP to %j', (host) => {
    expect(setCookie({}, plain(host))).toBe(USUAL)
  })

  it('S08 is the secure one in production, behind a proxy, and over TLS, whatever the host', () => {
    expect(setCookie({}, plain('localhost', true))).toBe(USUAL)
    expect(setCookie({}, { secure: true, host: 'localhost', proxied: false })).toBe(USUAL)
    vi.stubEnv('NODE_ENV', 'production')
    expect(setCookie({}, plain('localhost'))).toBe(USUAL)
  })

  it('S08 is the secure one for loopback too where secure is true', () => {
    expect(setCookie({ secure: true }, plain('localhost'))).toBe(USUAL)
  })

  it('on loopback loses what needs Secure: the prefix, SameSite=None, Partitioned', () => {
    const options: CookieOptions = { name: '__Host-sid', sameSite: 'none', partitioned: true }
    expect(setCookie(options, plain('localhost'))).toBe(
      `sid=${VALUE}; Path=/; HttpOnly; SameSite=Lax`,
    )
    expect(setCookie({ domain: 'app.localhost', path: '/x' }, plain('app.localhost'))).toBe(
      `session=${VALUE}; Path=/x; Domain=app.localhost; HttpOnly; SameSite=Lax`,
    )
  })

  it('never has Secure where secure is false, and says nothing about it', () => {
    expect(setCookie({ secure: false }, plain('example.org'))).not.toContain('Secure')
    expect(warn).not.toHaveBeenCalled()
  })

  it('warns once that the browser will not keep the cookie', () => {
    const policy = new CookiePolicy()
    for (let i = 0; i < 3; i++) policy.profile(plain('example.org'))
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('trust proxy'),
      expect.objectContaining({ code: 'SOJOURN_INSECURE_REQUEST' }),
    )
    policy.profile(TLS)
    policy.profile(plain('localhost'))
    expect(warn).toHaveBeenCalledTimes(1)
  })
})
