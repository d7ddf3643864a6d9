import { createHmac } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { LegacyFormatError, OptionError } from 'sojourn'
import { connectRedis, djangoCache, fastifySession, ironSession } from 'sojourn/adopt'
import { describe, expect, it } from 'vitest'
import {
  OLD_SECRET,
  type OurSite,
  oldSite,
  openStores,
  ourSite,
  Person,
  type Stores,
} from './support/sites.ts'

const OLD_COOKIE = 'connect.sid'
const OURS = 'session'

/** The old application's cookie of a session id. */
function cookieOf(sid: string, secret = OLD_SECRET): string {
  const signature = createHmac('sha256', secret).update(sid).digest('base64').replaceAll('=', '')
  return encodeURIComponent(`s:${sid}.${signature}`)
}

function holder(sid: string): Person {
  const person = new Person()
  person.jar.set(OLD_COOKIE, cookieOf(sid))
  return person
}

const entry = (data: object): string =>
  JSON.stringify({
    cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
    ...data,
  })

async function signedIn(stores: Stores): Promise<Person> {
  const ada = new Person()
  const old = await oldSite(stores)
  await ada.get(old, '/count')
  await ada.get(old, '/login/ada')
  await ada.get(old, '/cart')
  return ada
}

async function storedOf({ sessions }: OurSite): Promise<number> {
  return sessions.of('ada').count()
}

describe('sessions of express-session with connect-redis', () => {
  it('go on, with attributes and principal, without the old store from then on', async () => {
    const stores = await openStores()
    const ada = await signedIn(stores)
    const ours = await ourSite(stores)
    const seen = {
      ...{ userId: 'ada', count: 1, principal: 'ada' },
      cart: { items: [{ sku: 'tea', quantity: 2 }], at: '2026-01-01' },
    }
    expect(await ada.get(ours, '/me')).toEqual(seen)
    expect(ada.jar.get(OURS)).toMatch(/^[\w-]{48}$/)
    expect(ours.adopted).toMatchObject([{ source: 'connect-redis:sess:', principal: 'ada' }])
    expect(await storedOf(ours)).toBe(1)
  })

  it('need no old store for the second request', async () => {
    const stores = await openStores()
    const ada = await signedIn(stores)
    const ours = await ourSite(stores)
    await ada.get(ours, '/me')
    await stores.client.del(await stores.oldKeys())
    expect(await ada.get(ours, '/me')).toMatchObject({ principal: 'ada', count: 1 })
    // Nor does who lost the answer that brought the cookie.
    const other = ada.only(OLD_COOKIE)
    expect(await other.get(ours, '/me')).toMatchObject({ principal: 'ada' })
    expect(other.jar.get(OURS)).toBe(ada.jar.get(OURS))
    const fresh = await ourSite(stores)
    const third = ada.only(OLD_COOKIE)
    await third.get(fresh, '/me')
    expect(third.jar.get(OURS)).toBe(ada.jar.get(OURS))
    expect(ours.adopted).toHaveLength(1)
  })

  it('are taken over once by many requests on two nodes', async () => {
    const stores = await openStores()
    const ada = await signedIn(stores)
    for (const old of ['keep', 'delete', 'mirror'] as const) {
      await stores.client.del(['none', ...(await stores.client.keys('sj:*'))])
      const person = old === 'keep' ? ada : await signedIn(stores)
      const nodes = await Promise.all([1, 2].map(() => ourSite(stores, { adopted: { old } })))
      const copies = Array.from({ length: 20 }, () => person.only(OLD_COOKIE))
      const answers = await Promise.all(
        copies.map((copy, number) => copy.get(nodes[number % 2] as OurSite, '/count')),
      )
      const counts = answers.map(({ count }) => Number(count)).toSorted((a, b) => a - b)
      expect(counts).toEqual(Array.from({ length: 20 }, (_, number) => number + 2))
      expect(nodes.flatMap(({ adopted }) => adopted)).toHaveLength(1)
      expect(await storedOf(nodes[0] as OurSite)).toBe(1)
      // Who was answered while another node had just changed the session gets the cookie with the next answer.
      const tokens = copies.map(({ jar }) => jar.get(OURS)).filter((token) => token !== undefined)
      expect(new Set(tokens).size).toBe(1)
      expect(nodes.flatMap(({ errors }) => errors)).toEqual([])
    }
  })

  it('that had a maxAge keep it, and their cookie outlives the browser', async () => {
    const stores = await openStores()
    const ada = new Person()
    await ada.get(await oldSite(stores, { maxAge: 14 * 86_400_000 }), '/login/ada')
    const ours = await ourSite(stores)
    const answer = await ada.ask(ours, '/me')
    expect(answer.cookies.join()).toMatch(/Max-Age=1209[56]\d\d/)
    const [mine] = await ours.sessions.of('ada').list()
    expect(mine && mine.expiresAt - mine.createdAt!).toBeGreaterThan(13 * 86_400_000)
  })

  it('are found with rotated secrets, and with none that is wrong', async () => {
    const stores = await openStores()
    const ada = await signedIn(stores)
    const ours = await ourSite(stores, {
      adopted: { secret: undefined, secrets: ['a newer one', OLD_SECRET] },
    })
    expect(await ada.copy().get(ours, '/me')).toMatchObject({ principal: 'ada' })
    const others = await ourSite(stores, { prefix: 'other', adopted: { secret: 'dog' } })
    expect(await ada.copy().get(others, '/me')).toEqual({})
    expect(others.rejected).toEqual([{ id: undefined, reason: 'forged' }])
  })

  it('are nobody’s with a tampered cookie, a wrong prefix, or an entry that has expired', async () => {
    const stores = await openStores()
    const ada = await signedIn(stores)
    const ours = await ourSite(stores)
    const value = decodeURIComponent(ada.jar.get(OLD_COOKIE) ?? '')
    const tampered = [value.slice(0, -1), value.slice(2), `s:x${value.slice(2)}`, 's:.', '%E0%A4%A']
    for (const to of tampered) {
      const thief = new Person()
      thief.jar.set(OLD_COOKIE, to.startsWith('%') ? to : encodeURIComponent(to))
      expect(await thief.get(ours, '/me')).toEqual({})
      expect(thief.jar.has(OURS)).toBe(false)
    }
    const elsewhere = await ourSite(stores, { adopted: { prefix: 'other:' } })
    expect(await ada.copy().get(elsewhere, '/me')).toEqual({})
    await stores.client.del(await stores.oldKeys())
    expect(await ada.copy().get(ours, '/me')).toEqual({})
    expect(ours.adopted).toEqual([])
    expect(ours.errors).toEqual([])
    expect(await stores.client.keys('sj:*')).toEqual([])
  })

  it('are read as data, and what is not JSON is refused with what is needed', async () => {
    const stores = await openStores()
    const ours = await ourSite(stores)
    await stores.client.set(
      'sess:proto',
      `{"cookie":{},"a":{"__proto__":{"admin":true},"constructor":1},"__proto__":{"c":2}}`,
    )
    const seen = await holder('proto').get(ours, '/me')
    expect(seen).toEqual({ a: { constructor: 1 } })
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()

    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    const entries: Record<string, [string | Buffer, RegExp]> = {
      pickle: [
        Buffer.from('8004950f000000000000007d948c0161944b01732e', 'hex'),
        /pickle of Python/,
      ],
      java: [Buffer.from('aced00057372001161', 'hex'), /serialised object of Java/],
      text: ['hello', /not JSON: RedisStore needs its default serializer/],
      list: ['[1]', /no object/],
      huge: [entry({ a: 'x'.repeat(2_000_000) }), /characters/],
      large: [entry({ a: 'x'.repeat(100_000) }), /maxBytes/],
      deep: [`{"a":${deep}}`, /nested deeper|not JSON/],
      name: [entry({ ['x'.repeat(300)]: 1 }), /attribute/],
    }
    for (const [sid, [value, problem]] of Object.entries(entries)) {
      await stores.client.set(`sess:${sid}`, value)
      ours.errors.length = 0
      expect(await holder(sid).get(ours, '/me')).toEqual({})
      expect(ours.errors).toHaveLength(1)
      expect(ours.errors[0]?.operation).toBe('adopt')
      expect(String(ours.errors[0]?.error)).toMatch(problem)
      // Nothing is lost: it is there for when this has been mended.
      expect(await stores.client.exists(`sess:${sid}`)).toBe(1)
    }
    expect(ours.adopted).toHaveLength(1)
    await stores.client.set('sess:java', Buffer.from('aced0005', 'hex'))
    await holder('java').get(ours, '/me')
    expect(ours.errors.at(-1)?.error).toBeInstanceOf(LegacyFormatError)
  })

  it('can be changed as they come', async () => {
    const stores = await openStores()
    await stores.client.set('sess:p', entry({ passport: { user: 7 }, n: 1 }))
    const ours = await ourSite(stores, {
      adopted: {
        principal: (data) => (data['passport'] as { user: number } | undefined)?.user,
        map: ({ n }) => ({ number: n }),
      },
    })
    expect(await holder('p').get(ours, '/me')).toEqual({ principal: '7', number: 1 })
  })

  it('come by a client that nobody hears: its errors do not end the process', async () => {
    const stores = await openStores()
    const client = Object.assign(new EventEmitter(), { get: async () => null, del: async () => 0 })
    await ourSite(stores, { adopted: { client } })
    expect(client.emit('error', new Error('gone'))).toBe(true)
    const heard = Object.assign(new EventEmitter(), { get: async () => null, del: async () => 0 })
    heard.on('error', () => undefined)
    await ourSite(stores, { adopted: { client: heard } })
    expect(heard.listenerCount('error')).toBe(1)
  })

  it('whose principal is no text or number stay in the old store, for when that has been mended', async () => {
    const stores = await openStores()
    await stores.client.set('sess:p', entry({ user: { id: 7 } }))
    const ours = await ourSite(stores, { adopted: { principal: 'user' } })
    expect(await holder('p').get(ours, '/me')).toEqual({})
    expect(ours.errors).toEqual([{ operation: 'adopt', error: expect.any(TypeError) }])
    expect(ours.adopted).toEqual([])
    const mended = {
      principal: (data: Record<string, unknown>) => (data['user'] as { id: number }).id,
    }
    const site = await ourSite(stores, { adopted: mended })
    expect(await holder('p').get(site, '/me')).toMatchObject({ principal: '7' })
  })

  it('may come under the name of our own cookie', async () => {
    const stores = await openStores()
    const ada = await signedIn(stores)
    const ours = await ourSite(stores, { cookie: { name: OLD_COOKIE } })
    expect(await ada.get(ours, '/me')).toMatchObject({ principal: 'ada' })
    expect(ada.jar.get(OLD_COOKIE)).toMatch(/^[\w-]{48}$/)
    expect(ours.rejected).toEqual([])
    await ada.get(ours, '/logout')
    expect(ada.jar.size).toBe(0)
    const thief = new Person()
    thief.jar.set(OLD_COOKIE, cookieOf('x', 'guessed'))
    await thief.get(ours, '/me')
    expect(ours.rejected).toEqual([{ id: undefined, reason: 'forged' }])
  })

  it('are never taken for nobody’s while the old store is away', async () => {
    const stores = await openStores()
    const other = await openStores()
    const ada = await signedIn(stores)
    const away = {
      ...stores.client,
      get: () => Promise.reject(new Error('away')),
      del: () => stores.client.del('x'),
    }
    const ours = await ourSite({ ...other }, { adopted: { client: away } })
    const answer = await ada.ask(ours, '/me')
    expect(answer.status).toBe(503)
    expect(ada.jar.has(OURS)).toBe(false)
    const silent = { get: () => new Promise(() => undefined), del: () => Promise.resolve() }
    const hung = await ourSite(other, { prefix: 'hung', adopted: { client: silent, timeout: 20 } })
    expect((await ada.ask(hung, '/me')).status).toBe(503)
    const lenient = await ourSite(other, {
      prefix: 'lenient',
      outage: 'anonymous',
      adopted: { client: silent, timeout: 20 },
    })
    const outages: unknown[] = []
    lenient.sessions.on('outage', (event) => outages.push(event))
    expect(await ada.get(lenient, '/me')).toEqual({})
    expect(outages).toHaveLength(1)
    // And when it is back, they are who they were.
    expect(await ada.get(await ourSite(stores), '/me')).toMatchObject({ principal: 'ada' })
  })
})

describe('options', () => {
  const client = { get: () => Promise.resolve(null), del: () => Promise.resolve(0) }

  it.each([
    [{ client }, 'secrets'],
    [{ client, secrets: [] }, 'secrets'],
    [{ client: {}, secret: 's' }, 'client'],
    [{ client, secret: 's', old: 'burn' }, 'old'],
    [{ client, secret: 's', old: 'mirror' }, 'old'],
    [
      {
        client: { ...client, psetex: () => Promise.resolve() },
        secret: 's',
        old: 'mirror',
        map: () => ({}),
      },
      'unmap',
    ],
    [{ client, secret: 's', cookieName: 'a b' }, 'cookieName'],
    [{ client, secret: 's', cookie: { maxAge: 1 } }, 'cookie.maxAge'],
    [{ client, secret: 's', prefx: 'a' }, 'prefx'],
    [{ client, secret: 's', ttl: '0d' }, 'ttl'],
  ])('%j is refused: %s', (options, option) => {
    expect(() => connectRedis(options as never)).toThrow(OptionError)
    expect(() => connectRedis(options as never)).toThrow(`\`${option}\``)
  })

  const ttl = { client, secret: 's' }
  const password = { password: 'p'.repeat(32), cookieName: 'iron' }
  const SOURCES: [string, (value: unknown) => unknown][] = [
    ['connectRedis', (value) => connectRedis({ ...ttl, ttl: value } as never)],
    ['fastifySession', (value) => fastifySession({ ...ttl, ttl: value } as never)],
    ['ironSession', (value) => ironSession({ ...password, ttl: value } as never)],
    ['djangoCache', (value) => djangoCache({ client, age: value } as never)],
  ]

  it.each(SOURCES)(
    '%s: seconds of the old application are not taken for milliseconds',
    (_, make) => {
      const why = 'a number would be milliseconds here and seconds there'
      expect(() => make(60 * 60 * 24 * 14)).toThrow(OptionError)
      expect(() => make(60 * 60 * 24 * 14)).toThrow(`give '14d': ${why}`)
      expect(() => make(90)).toThrow(`give '90s': ${why}`)
      for (const value of [0, -1, Number.NaN, 400 * 86_400_000]) {
        expect(() => make(value)).toThrow(`give '400d': ${why}`)
      }
      expect(make('14d')).toMatchObject({ old: 'keep' })
    },
  )
})
