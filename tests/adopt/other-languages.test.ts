/**
 * Django and Spring: entries and cookies by hand, as their formats are. Those of Django were compared with what
 * Django 5.2 and django-redis 7.0 make (the two constants below are theirs); those of Spring follow its documentation.
 */
import { createHash, createHmac } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { djangoCache, djangoCookie, type LegacyCookie, springSession } from 'sojourn/adopt'
import { describe, expect, it } from 'vitest'
import { openStores, ourSite, Person } from './support/sites.ts'

function holder(name: string, value: string): Person {
  const person = new Person()
  person.jar.set(name, value)
  return person
}

const data = {
  _auth_user_id: '7',
  _auth_user_backend: 'django.contrib.auth.backends.ModelBackend',
  _auth_user_hash: 'abc',
  cart: [{ sku: 'tea', quantity: 2 }],
  name: 'Zoë',
}
const PRINCIPAL = { principal: '_auth_user_id' } as const

describe('sessions of Django in a cache', () => {
  const KEY = '0123456789abcdefghijklmnopqrstuv'
  const STORED = `:1:django.contrib.sessions.cache${KEY}`
  /** By django-redis, with its JSONSerializer. */
  const BYTES =
    '{"_auth_user_id": "7", "_auth_user_backend": "django.contrib.auth.backends.ModelBackend", ' +
    '"_auth_user_hash": "abc", "cart": [{"sku": "tea", "quantity": 2}], "name": "Zo\\u00eb"}'
  const ada = (): Person => holder('sessionid', KEY)

  it('go on, and end with a logout', async () => {
    const stores = await openStores()
    await stores.client.set(STORED, BYTES)
    const adopt = [djangoCache({ client: stores.client, ...PRINCIPAL })]
    const ours = await ourSite(stores, { adopt })
    const person = ada()
    const { cookies, text } = await person.ask(ours, '/me')
    expect(JSON.parse(text)).toEqual({ ...data, principal: '7' })
    // SESSION_COOKIE_AGE.
    expect(cookies.join()).toMatch(/Max-Age=1209[56]\d\d/)
    await person.get(ours, '/logout')
    expect(await stores.client.exists(STORED)).toBe(0)
    expect(await ada().get(ours, '/me')).toEqual({})
  })

  it('have the lifetime that was set for them', async () => {
    const stores = await openStores()
    const adopt = [djangoCache({ client: stores.client })]
    const ages: Record<string, RegExp> = {
      '0': /^session=[^;]*; Path/,
      '3600': /Max-Age=(?:43200|43199)/,
      '"2999-01-01T00:00:00+00:00"': /Max-Age=345[56]\d{4}/,
    }
    for (const [index, [expiry, age]] of Object.entries(ages).entries()) {
      await stores.client.set(STORED, `{"a": 1, "_session_expiry": ${expiry}}`)
      const ours = await ourSite(stores, { prefix: `p${index}`, adopt })
      const { cookies, text } = await ada().ask(ours, '/me')
      expect(JSON.parse(text)).toEqual({ a: 1 })
      expect(cookies.join()).toMatch(age)
    }
    const ours = await ourSite(stores, { adopt })
    await stores.client.set(STORED, '{"a": 1, "_session_expiry": "2001-01-01T00:00:00+00:00"}')
    expect(await ada().get(ours, '/me')).toEqual({})
  })

  it('whose end has no zone end by the clocks of `timeZone`, wherever this process runs', async () => {
    const stores = await openStores()
    const { TZ } = process.env
    // Today, in 90 minutes, as clocks there show it: Kolkata is 5:30 ahead of UTC, all the year.
    const end = new Date(Date.now() + (90 + 330) * 60_000).toISOString().replace('Z', '123')
    await stores.client.set(STORED, `{"a": 1, "_session_expiry": "${end}"}`)
    try {
      for (const zone of ['UTC', 'America/New_York', 'Pacific/Kiritimati']) {
        process.env['TZ'] = zone
        const source = djangoCache({ client: stores.client, timeZone: 'Asia/Kolkata' })
        const found = source.find(`sessionid=${KEY}`) as LegacyCookie
        const { idleTimeout = 0 } = (await found.read()) ?? {}
        expect(idleTimeout).toBeGreaterThan(80 * 60_000)
        expect(idleTimeout).toBeLessThanOrEqual(90 * 60_000)
      }
    } finally {
      if (TZ === undefined) delete process.env['TZ']
      else process.env['TZ'] = TZ
    }
    const ours = await ourSite(stores, { adopt: [djangoCache({ client: stores.client })] })
    expect(await ada().get(ours, '/me')).toEqual({})
    expect(ours.errors.map(({ error }) => String(error)).join()).toMatch(
      /without a zone.*`timeZone`/,
    )
    // For when it has been given.
    expect(await stores.client.exists(STORED)).toBe(1)
    for (const timeZone of ['Nowhere', '', 5]) {
      const make = () => djangoCache({ client: stores.client, timeZone } as never)
      expect(make).toThrow(/`timeZone`.*'Europe\/Berlin'/)
    }
  })

  it('are refused when they are pickled, and found by no key of another form', async () => {
    const stores = await openStores()
    await stores.client.set(STORED, Buffer.from('800495a7000000000000007d94288c0d', 'hex'))
    await stores.client.set(':1:django.contrib.sessions.cachex:y', BYTES)
    const ours = await ourSite(stores, { adopt: [djangoCache({ client: stores.client })] })
    expect(await ada().get(ours, '/me')).toEqual({})
    expect(ours.errors).toHaveLength(1)
    expect(String(ours.errors[0]?.error)).toMatch(/pickle of Python.*json\.JSONSerializer/)
    expect(await holder('sessionid', 'x:y').get(ours, '/me')).toEqual({})
    expect(ours.errors).toHaveLength(1)
  })
})

describe('sessions of Django in a signed cookie', () => {
  const SECRET = 'django secret key for tests, not used anywhere else'
  /** By Django, of `data`. */
  const COOKIE =
    '.eJxVjDsOwjAQBe-ydWRFNEgu6bkAH1lre4VNYC3sdRFFuTsbKQW0M_PeAg67JNcbVZcjWDjC8Ms8hol4E_GJ_CgmFJaavdkSs9tmziXS67S3fwcJW9I1-qA8YBWw1wXa1BUKocJPR5YsM9jDeh-A8U3qLuXWx5E8rF-wvDh3' +
    ':1xXsRt:ZoQU5CnIS856Fki-BWdxqGjpdy7A3W8VSS20IIhXAes'
  const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

  const sign = (value: string, secret = SECRET): string => {
    const salt = 'django.contrib.sessions.backends.signed_cookies'
    const key = createHash('sha256').update(`${salt}signer${secret}`).digest()
    return `${value}:${createHmac('sha256', key).update(value).digest('base64url')}`
  }
  const base62 = (value: number): string =>
    value < 62 ? (DIGITS[value] ?? '') : base62(Math.floor(value / 62)) + DIGITS[value % 62]
  const now = (ago = 0): string => base62(Math.floor(Date.now() / 1000) - ago)
  const plain = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

  it('go on, plain and compressed, and are not taken over again after a logout', async () => {
    // What is signed here is what Django signs.
    expect(sign(COOKIE.slice(0, COOKIE.lastIndexOf(':')))).toBe(COOKIE)
    const stores = await openStores()
    const adopt = [djangoCookie({ secrets: ['a newer one', SECRET], ...PRINCIPAL })]
    const ours = await ourSite(stores, { adopt })
    const compressed = COOKIE.slice(0, COOKIE.indexOf(':'))
    for (const payload of [compressed, plain(data)]) {
      const cookie = sign(`${payload}:${now()}`)
      const person = holder('sessionid', cookie)
      expect(await person.get(ours, '/me')).toEqual({ ...data, principal: '7' })
      await person.get(ours, '/logout')
      expect([...person.jar.keys()]).toEqual([])
      expect(await holder('sessionid', cookie).get(ours, '/me')).toEqual({})
    }
    expect(ours.adopted).toHaveLength(2)
  })

  it('are nobody’s when forged, too old, or no JSON', async () => {
    const stores = await openStores()
    const ours = await ourSite(stores, { adopt: [djangoCookie({ secret: SECRET })] })
    const bomb = `.${deflateSync(Buffer.alloc(5_000_000)).toString('base64url')}`
    const pickle = Buffer.from('800495a7000000000000007d94288c0d', 'hex').toString('base64url')
    const cookies: [string, RegExp | undefined][] = [
      [sign(`${plain(data)}:${now()}`, 'another'), undefined],
      [sign(`${plain(data)}:${now()}`).replace(/^./, 'f'), undefined],
      [sign(`${plain(data)}:${now(15 * 86_400)}`), undefined],
      [sign(plain(data)), undefined],
      [sign(`${bomb}:${now()}`), /does not decompress/],
      [sign(`${pickle}:${now()}`), /pickle of Python/],
    ]
    for (const [cookie, problem] of cookies) {
      ours.errors.length = 0
      expect(await holder('sessionid', cookie).get(ours, '/me')).toEqual({})
      expect(ours.errors.map(({ error }) => String(error)).join()).toMatch(problem ?? /^$/)
    }
    expect(ours.adopted).toEqual([])
  })
})

describe('sessions of Spring Session', () => {
  const ID = '0e9b9d3e-8f0c-4b4c-9b2a-0c5b7e6f1a2b'
  const KEY = `spring:session:sessions:${ID}`
  const fields = (last = Date.now()): Record<string, string> => ({
    creationTime: '1700000000000',
    lastAccessedTime: `["java.lang.Long",${last}]`,
    maxInactiveInterval: '1800',
    'sessionAttr:user': '"ada"',
    'sessionAttr:cart': '{"@class":"java.util.LinkedHashMap","tea":2}',
    'sessionAttr:__proto__': '{"admin":true}',
  })
  const ada = (): Person => holder('SESSION', Buffer.from(ID).toString('base64'))

  it('go on, and end with a logout', async () => {
    const stores = await openStores()
    await stores.client.hSet(KEY, fields())
    const adopt = [springSession({ client: stores.client, principal: 'user' })]
    const ours = await ourSite(stores, { adopt })
    const person = ada()
    expect(await person.get(ours, '/me')).toEqual({
      ...{ user: 'ada', principal: 'ada' },
      cart: { '@class': 'java.util.LinkedHashMap', tea: 2 },
    })
    await person.get(ours, '/logout')
    expect(await stores.client.exists(KEY)).toBe(0)
    expect(await ada().get(ours, '/me')).toEqual({})
  })

  it('are nobody’s when their time is over, or they are serialised by Java', async () => {
    const stores = await openStores()
    const ours = await ourSite(stores, { adopt: [springSession({ client: stores.client })] })
    await stores.client.hSet(KEY, fields(Date.now() - 1_800_001))
    expect(await ada().get(ours, '/me')).toEqual({})
    expect(await holder('SESSION', ID).get(ours, '/me')).toEqual({})
    await stores.client.hSet(KEY, { ...fields(), 'sessionAttr:user': '\u00ac\u00ed' })
    expect(ours.errors).toEqual([])
    const bytes = Buffer.from('aced000574000361', 'hex') as unknown as string
    await stores.client.hSet(KEY, { 'sessionAttr:user': bytes })
    expect(await ada().get(ours, '/me')).toEqual({})
    expect(String(ours.errors[0]?.error)).toMatch(/object of Java.*springSessionDefaultRedisSer/)
    expect(ours.adopted).toEqual([])
  })
})
