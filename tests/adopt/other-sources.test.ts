import { fastifySession, ironSession, koaSession, type LegacySource } from 'sojourn/adopt'
import { describe, expect, it } from 'vitest'
import { fastifyApp, ironApp, koaApp } from './support/old-sites.mjs'
import { listen, openStores, ourSite, Person, type Site, type Stores } from './support/sites.ts'

const LONG = 'a secret of the old application, of 32 bytes'
const NEWER = 'a newer secret of the old application, of 32'

interface Case {
  readonly name: string
  /** Of the old application. */
  readonly cookieNames: readonly string[]
  /** Without: there is no store. */
  readonly prefix?: string
  start(stores: Stores): Promise<Site>
  source(stores: Stores, options?: object): LegacySource
  /** A source that does not have the right secret. */
  stranger(stores: Stores): LegacySource
  /** Of the secrets the right one is the second. */
  rotated(stores: Stores): LegacySource
}

const principal = { principal: 'userId' } as const

const cases: readonly Case[] = [
  {
    name: '@fastify/session',
    ...{ cookieNames: ['sessionId'], prefix: 'f:' },
    start: async ({ client }) => listen(await fastifyApp({ client, prefix: 'f:', secret: LONG })),
    source: ({ client }, options) =>
      fastifySession({
        ...{ client, prefix: 'f:', secret: LONG, ...principal },
        ...{ cookie: { secure: false }, ...options },
      }),
    stranger: ({ client }) => fastifySession({ client, prefix: 'f:', secret: NEWER }),
    rotated: ({ client }) =>
      fastifySession({ client, prefix: 'f:', secrets: [NEWER, LONG], ...principal }),
  },
  {
    name: 'koa-session with a store',
    ...{ cookieNames: ['koa.sess', 'koa.sess.sig'], prefix: 'koa:' },
    start: ({ client }) => listen(koaApp({ client, prefix: 'koa:', secret: LONG })),
    source: ({ client }, options) =>
      koaSession({ client, prefix: 'koa:', keys: [LONG], ...principal, ...options }),
    stranger: ({ client }) => koaSession({ client, prefix: 'koa:', keys: [NEWER] }),
    rotated: ({ client }) =>
      koaSession({ client, prefix: 'koa:', keys: [NEWER, LONG], ...principal }),
  },
  {
    name: 'koa-session in a cookie',
    cookieNames: ['koa.sess', 'koa.sess.sig'],
    start: () => listen(koaApp({ secret: LONG })),
    source: (_, options) => koaSession({ keys: [LONG], ...principal, ...options }),
    stranger: () => koaSession({ keys: [NEWER] }),
    rotated: () => koaSession({ keys: [NEWER, LONG], ...principal }),
  },
  {
    name: 'iron-session',
    cookieNames: ['iron'],
    start: () => listen(ironApp({ password: LONG, cookieName: 'iron' })),
    source: (_, options) =>
      ironSession({ password: LONG, cookieName: 'iron', ...principal, ...options }),
    stranger: () => ironSession({ password: NEWER, cookieName: 'iron' }),
    rotated: () =>
      ironSession({ password: { 1: LONG, 2: NEWER }, cookieName: 'iron', ...principal }),
  },
]

/** Ada's browser, after she has signed in at the old application. */
async function begin(one: Case): Promise<{ stores: Stores; old: Site; ada: Person }> {
  const stores = await openStores()
  const old = await one.start(stores)
  const ada = new Person()
  await ada.get(old, '/login/ada')
  await ada.get(old, '/count')
  expect([...ada.jar.keys()].toSorted()).toEqual(one.cookieNames.toSorted())
  return { stores, old, ada }
}

describe.each(cases)('sessions of $name', (one) => {
  it('go on, are taken over once, and need the old application no more', async () => {
    const { stores, ada } = await begin(one)
    const nodes = await Promise.all(
      [1, 2].map(() => ourSite(stores, { adopt: [one.source(stores)] })),
    )
    const copies = Array.from({ length: 10 }, () => ada.copy())
    const answers = await Promise.all(
      copies.map((copy, number) => copy.get(nodes[number % 2] as Site, '/count')),
    )
    expect(answers.map(({ count }) => Number(count)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 10 }, (_, number) => number + 2),
    )
    expect(nodes.flatMap(({ adopted }) => adopted)).toHaveLength(1)
    if (one.prefix !== undefined) await stores.client.del(await stores.oldKeys(one.prefix))
    const [first = ada] = copies
    const seen = await first.get(nodes[0] as Site, '/me')
    expect(seen).toEqual({ userId: 'ada', count: 11, principal: 'ada' })
    expect(nodes.flatMap(({ errors }) => errors)).toEqual([])
  })

  it('are found with rotated secrets, and not with others, nor after tampering', async () => {
    const { stores, ada } = await begin(one)
    const rotated = await ourSite(stores, { adopt: [one.rotated(stores)] })
    expect(await ada.copy().get(rotated, '/me')).toMatchObject({ principal: 'ada' })
    const strange = await ourSite(stores, { prefix: 'other', adopt: [one.stranger(stores)] })
    expect(await ada.copy().get(strange, '/me')).toEqual({})
    expect(strange.rejected).toEqual([{ id: undefined, reason: 'forged' }])
    const ours = await ourSite(stores, { prefix: 'third', adopt: [one.source(stores)] })
    for (const name of one.cookieNames) {
      const value = ada.jar.get(name) ?? ''
      for (const at of [3, Math.floor(value.length / 2), value.length - 4]) {
        const thief = ada.copy()
        const other = value[at] === 'A' ? 'B' : 'A'
        thief.jar.set(name, value.slice(0, at) + other + value.slice(at + 1))
        expect(await thief.get(ours, '/me')).toEqual({})
      }
    }
    expect(ours.adopted).toEqual([])
  })

  it('do not come back after a logout, and the old cookies go', async () => {
    const { stores, ada } = await begin(one)
    const before = ada.copy()
    const ours = await ourSite(stores, { adopt: [one.source(stores)] })
    await ada.get(ours, '/me')
    await ada.get(ours, '/logout')
    expect([...ada.jar.keys()]).toEqual([])
    expect(await before.get(ours, '/me')).toEqual({})
    expect(ours.adopted).toHaveLength(1)
    expect(await stores.oldKeys(one.prefix ?? 'none')).toEqual([])
  })
})

describe.each(cases.filter(({ prefix }) => prefix === undefined))('sessions of $name', (one) => {
  it('cannot be mirrored: there is no store', async () => {
    const stores = await openStores()
    expect(() => one.source(stores, { old: 'mirror' })).toThrow(/mirror/)
  })
})

describe.each(cases.filter(({ prefix }) => prefix !== undefined))('sessions of $name', (one) => {
  it('can be mirrored', async () => {
    const { stores, old, ada } = await begin(one)
    const adopt = [one.source(stores, { old: 'mirror' })]
    const ours = await ourSite(stores, { adopt })
    await ada.get(ours, '/count')
    expect(await ada.get(old, '/count')).toEqual({ count: 3 })
    expect(await ada.get(old, '/me')).toMatchObject({ userId: 'ada', count: 3 })
    const eve = new Person()
    await eve.get(ours, '/login/eve')
    expect(await eve.get(old, '/me')).toMatchObject({ userId: 'eve' })
    const held = eve.copy()
    await eve.get(ours, '/logout')
    expect(await held.get(old, '/me')).toEqual({})
    expect([...eve.jar.keys()]).toEqual([])
  })
})
