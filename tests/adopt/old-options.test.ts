/** What the old applications have been given, given here. */
import { createSecretKey } from 'node:crypto'
import { OptionError } from 'sojourn'
import {
  connectRedis,
  djangoCookie,
  fastifySession,
  koaSession,
  type LegacySource,
  type OldSecret,
} from 'sojourn/adopt'
import { describe, expect, it } from 'vitest'
import { expressSessionApp, fastifyApp, koaApp } from './support/old-sites.mjs'
import { listen, openStores, ourSite, Person, type Site, type Stores } from './support/sites.ts'

const TEXT = 'a secret of the old application, of 32 bytes'
/** No text in UTF-8. */
const BYTES = Buffer.from('ff00fe01'.repeat(10), 'hex')
const KEY = createSecretKey(BYTES)
const MIRRORED = { principal: 'userId', old: 'mirror' } as const

interface Case {
  readonly name: string
  start(stores: Stores): Promise<Site>
  source(stores: Stores): LegacySource
}

const express = (secret: OldSecret | readonly OldSecret[]): Omit<Case, 'name'> => ({
  start: ({ client }) => listen(expressSessionApp({ client, secret })),
  source: ({ client }) => connectRedis({ client, secret, ...MIRRORED }),
})
const fastify = (secret: OldSecret | readonly OldSecret[], algorithm?: string) => ({
  start: async ({ client }: Stores) => listen(await fastifyApp({ client, secret, algorithm })),
  source: ({ client }: Stores) =>
    fastifySession({ client, secret, algorithm, cookie: { secure: false }, ...MIRRORED }),
})
const koa = (key: OldSecret): Omit<Case, 'name'> => ({
  start: ({ client }) => listen(koaApp({ client, secret: [key] })),
  source: ({ client }) => koaSession({ client, keys: [key], ...MIRRORED }),
})

describe.each<Case>([
  { name: 'bytes, of express-session', ...express(BYTES) },
  { name: 'a KeyObject, of express-session', ...express(KEY) },
  { name: 'a list, of express-session', ...express([BYTES, TEXT]) },
  { name: 'a list, of @fastify/session', ...fastify([TEXT, BYTES]) },
  { name: 'with another hash, of @fastify/session', ...fastify(TEXT, 'sha512') },
  { name: 'bytes, of koa-session', ...koa(BYTES) },
  { name: 'a KeyObject, of koa-session', ...koa(KEY) },
])('a secret: $name', (one) => {
  it('is taken, and signs what goes back', async () => {
    const stores = await openStores()
    const old = await one.start(stores)
    const ada = new Person()
    await ada.get(old, '/login/ada')
    const ours = await ourSite(stores, { adopt: [one.source(stores)] })
    expect(await ada.get(ours, '/count')).toEqual({ count: 1 })
    expect(await ada.get(ours, '/me')).toMatchObject({ principal: 'ada' })
    expect(await ada.get(old, '/me')).toMatchObject({ userId: 'ada', count: 1 })
    expect(ours.errors).toEqual([])
  })
})

const client = { get: () => Promise.resolve(null), del: () => Promise.resolve(0) }

it.each([
  ['secret', { secret: '' }],
  ['secret', { secret: [] }],
  ['secret', { secret: ['a', Buffer.alloc(0)] }],
  ['secret', { secret: { sign: () => '' } }],
  ['secrets', { secrets: ['a', 5] }],
  ['secrets', { secrets: 'a' }],
])('as `%s` %j is refused', (option, given) => {
  for (const make of [
    () => connectRedis({ client, ...given } as never),
    () => fastifySession({ client, ...given } as never),
    () => djangoCookie(given as never),
  ]) {
    expect(make).toThrow(OptionError)
    expect(make).toThrow(`\`${option}\``)
  }
})

it('a hash that Node has not is refused', () => {
  for (const algorithm of ['sha-nothing', '', 5]) {
    expect(() => fastifySession({ client, secret: TEXT, algorithm } as never)).toThrow(
      /`algorithm`.*'sha512'/,
    )
  }
})

describe('the cookie', () => {
  const attributesOf = (cookies: readonly string[], name: string): string[] => {
    const [cookie = ''] = cookies.filter((each) => each.startsWith(`${name}=`))
    return cookie.split('; ').slice(1).toSorted()
  }

  it.each([
    {},
    { sameSite: true },
    { sameSite: false },
    { sameSite: 'lax', partitioned: true, priority: 'high' },
    { httpOnly: false, path: '/count', domain: 'localhost' },
  ] as const)(
    'is that of the old application, as is what is stored with it: %j',
    async (cookie) => {
      const stores = await openStores()
      const { client } = stores
      const old = await listen(expressSessionApp({ client, secret: TEXT, cookie }))
      const there = await new Person().ask(old, '/count')
      const [key = ''] = await stores.oldKeys()
      const kept = JSON.parse(String(await client.get(key))) as object
      await client.del(key)
      const ours = await ourSite(stores, {
        adopt: [connectRedis({ client, secret: TEXT, cookie, ...MIRRORED })],
      })
      const here = await new Person().ask(ours, '/count')
      expect(attributesOf(here.cookies, 'connect.sid')).toEqual(
        attributesOf(there.cookies, 'connect.sid'),
      )
      const [mirrored = ''] = await stores.oldKeys()
      expect(JSON.parse(String(await client.get(mirrored)))).toEqual(kept)
    },
  )

  it("is Secure or not, and never 'auto': a source sees no connection", () => {
    const make = (cookie: object) => () => connectRedis({ client, secret: TEXT, cookie })
    expect(make({ secure: 'auto' })).toThrow(/`cookie.secure`: 'auto' .* give .* true where/)
    expect(make({ sameSite: 'auto' })).toThrow(/`cookie.sameSite`: 'auto' .* give .*'none' where/)
    for (const cookie of [
      { secure: 'yes' },
      { httpOnly: 1 },
      { partitioned: 'auto' },
      { sameSite: 'true' },
      { priority: 'toString' },
    ]) {
      expect(make(cookie)).toThrow(`cookie.${Object.keys(cookie).join()}`)
    }
  })
})
