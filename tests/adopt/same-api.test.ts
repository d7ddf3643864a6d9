/** The old application's own API on ours, with `adopt`: its cookie is formed by the adapter. */
import { describe, expect, it } from 'vitest'
import {
  type Kind,
  NAMES,
  type NewAppOptions,
  newApp,
  newFastifyApp,
} from './support/new-sites.mjs'
import { expressSessionApp, fastifyApp, koaApp } from './support/old-sites.mjs'
import {
  later,
  listen,
  openStores,
  Person,
  SECRET,
  type Site,
  type Stores,
} from './support/sites.ts'

const OLD = 'a secret of the old one, of 32 characters'
const PREFIX = 'old:'

async function oldSite(kind: Kind, { client }: Stores, maxAge?: number): Promise<Site> {
  const options = { client, prefix: PREFIX, secret: OLD, maxAge }
  if (kind === 'fastify') return listen(await fastifyApp(options))
  return listen(kind === 'koa' ? koaApp(options) : expressSessionApp(options))
}

type Options = Pick<NewAppOptions, 'name' | 'maxAge'> & {
  readonly old?: 'keep' | 'delete' | 'mirror'
}

async function newSite(kind: Kind, { server, client }: Stores, { name, old, maxAge }: Options) {
  const source = { client, prefix: PREFIX, secret: OLD, principal: 'userId', old }
  const options = { redis: server.url, secrets: [SECRET], name, maxAge, source }
  const [app, sessions] = await newApp(kind, options)
  later(() => sessions.close())
  const [adopted, errors]: [unknown[], unknown[]] = [[], []]
  sessions.on('adopted', (event) => adopted.push(event))
  sessions.on('error', (event) => errors.push(event))
  return { ...(await listen(app)), sessions, adopted, errors }
}

describe.each<Kind>(['express', 'fastify', 'koa'])('%s', (kind) => {
  const legacy = NAMES[kind]
  const names: [string, string | undefined][] = [
    ['the same cookie name', undefined],
    ['another cookie name', 'ours'],
  ]

  describe.each(names)('with %s', (_, name) => {
    it('knows on the first request who has signed in on the old one', async () => {
      const stores = await openStores()
      const old = await oldSite(kind, stores)
      const ada = new Person()
      await ada.get(old, '/login/ada')
      await ada.get(old, '/count')
      const stolen = ada.copy()
      const ours = await newSite(kind, stores, { name })
      expect(await ada.get(ours, '/me')).toMatchObject({ userId: 'ada', count: 1 })
      expect(ada.jar.get(name ?? legacy)).toHaveLength(48)
      expect(await ada.get(ours, '/count')).toEqual({ count: 2 })
      expect(await ada.only(name ?? legacy).get(ours, '/me')).toMatchObject({
        userId: 'ada',
        count: 2,
      })
      expect(ours.adopted).toHaveLength(1)
      expect(await ours.sessions.of('ada').count()).toBe(1)
      // The same one, by the old cookie.
      expect(await stolen.copy().get(ours, '/me')).toMatchObject({ count: 2 })
      await ada.get(ours, '/logout')
      expect(ada.jar.get(legacy) ?? '').not.toBe(stolen.jar.get(legacy))
      expect(await ada.get(ours, '/me')).toEqual({})
      expect(await stolen.copy().get(ours, '/me')).toEqual({})
      expect(await stores.oldKeys(PREFIX)).toEqual([])
      expect(ours.errors).toEqual([])
    })

    it("takes the old entry away with old: 'delete', and the old cookie", async () => {
      const stores = await openStores()
      const old = await oldSite(kind, stores)
      const ada = new Person()
      await ada.get(old, '/login/ada')
      const before = ada.jar.get(legacy)
      const ours = await newSite(kind, stores, { name, old: 'delete' })
      expect(await ada.get(ours, '/me')).toMatchObject({ userId: 'ada' })
      expect(await stores.oldKeys(PREFIX)).toEqual([])
      expect(ada.jar.get(legacy)).not.toBe(before)
      expect(ada.jar.has(name ?? legacy)).toBe(true)
      const { cookies } = await ada.ask(ours, '/me')
      expect(
        cookies.filter((cookie) => cookie.startsWith(`${legacy}=`) && name !== undefined),
      ).toEqual([])
      expect(await ada.get(ours, '/me')).toMatchObject({ userId: 'ada' })
    })

    it('ends with all of the user’s sessions', async () => {
      const stores = await openStores()
      const old = await oldSite(kind, stores)
      const [ada, phone] = [new Person(), new Person()]
      for (const person of [ada, phone]) await person.get(old, '/login/ada')
      const ours = await newSite(kind, stores, { name })
      await ada.get(ours, '/me')
      await ours.sessions.of('ada').revokeAll()
      expect(await ada.get(ours, '/me')).toEqual({})
      // Who has not come before is among them.
      expect(await phone.get(ours, '/me')).toEqual({})
    })
  })

  it("keeps the old application up to date with old: 'mirror'", async () => {
    const stores = await openStores()
    const old = await oldSite(kind, stores)
    const ada = new Person()
    await ada.get(old, '/login/ada')
    await ada.get(old, '/count')
    const ours = await newSite(kind, stores, { name: 'ours', old: 'mirror' })
    await ada.get(ours, '/count')
    expect(await ada.get(old, '/me')).toMatchObject({ userId: 'ada', count: 2 })
    // One that is made here.
    const eve = new Person()
    await eve.get(ours, '/login/eve')
    await eve.get(ours, '/count')
    expect(await eve.get(old, '/me')).toMatchObject({ userId: 'eve', count: 1 })
    const back = eve.copy()
    back.jar.delete('ours')
    expect(await back.get(ours, '/me')).toMatchObject({ userId: 'eve' })
    const { cookies } = await eve.ask(ours, '/me')
    expect(cookies.filter((cookie) => cookie.startsWith(legacy))).toEqual([])
    const stolen = eve.copy()
    await eve.get(ours, '/logout')
    expect(eve.jar.has(legacy)).toBe(false)
    expect(await stolen.copy().get(old, '/me')).toEqual({})
    expect(await stolen.copy().get(ours, '/me')).toEqual({})
    expect(ours.errors).toEqual([])
  })

  it("gives what is made here an end of its own there, with old: 'mirror'", async () => {
    const stores = await openStores()
    const maxAge = 7 * 86_400_000
    const ours = await newSite(kind, stores, { name: 'ours', old: 'mirror', maxAge })
    const eve = new Person()
    const { cookies } = await eve.ask(ours, '/login/eve')
    expect(cookies.find((cookie) => cookie.startsWith(`${legacy}=`))).toMatch(/Max-Age=\d{6,}/)
    const [key = ''] = await stores.oldKeys(PREFIX)
    const entry = JSON.parse(String(await stores.client.get(key))) as Record<string, unknown>
    expect(
      entry['_maxAge'] ?? (entry['cookie'] as { originalMaxAge: unknown }).originalMaxAge,
    ).toBe(maxAge)
    expect(await eve.get(await oldSite(kind, stores, maxAge), '/me')).toMatchObject({
      userId: 'eve',
    })
  })

  it('leaves a session the end of its own that it had, where the option has none', async () => {
    const stores = await openStores()
    const month = 30 * 86_400_000
    const ada = new Person()
    await ada.get(await oldSite(kind, stores, month), '/login/ada')
    const ours = await newSite(kind, stores, { name: 'ours' })
    const { cookies } = await ada.ask(ours, '/me')
    const own = cookies.find((cookie) => cookie.startsWith('ours=')) ?? ''
    const end = Date.parse(/expires=([^;]+)/i.exec(own)?.[1] ?? '')
    expect(Math.abs(end - Date.now() - month)).toBeLessThan(60_000)
    await ada.get(ours, '/count')
    const [session] = await ours.sessions.of('ada').list()
    expect(Math.abs((session?.expiresAt ?? 0) - Date.now() - month)).toBeLessThan(60_000)
  })

  it("refuses old: 'mirror' under one name", async () => {
    const stores = await openStores()
    await expect(newSite(kind, stores, { old: 'mirror' })).rejects.toThrow('needs two cookies')
  })
})

describe('fastify, where the plugin makes the sessions', () => {
  const open = async ({ server, client }: Stores, options: object) => {
    const source = { client, prefix: PREFIX, secret: OLD, cookie: { secure: false }, ...options }
    const cookie = { secure: false, maxAge: 7 * 86_400_000 }
    return newFastifyApp({ redis: server.url, secret: OLD, cookie, source })
  }

  it('knows who has signed in on the old one', async () => {
    const stores = await openStores()
    const ada = new Person()
    await ada.get(await oldSite('fastify', stores), '/login/ada')
    const app = await open(stores, { old: 'delete' })
    later(() => app.close())
    const ours = await listen(app)
    expect(await ada.get(ours, '/me')).toMatchObject({ userId: 'ada' })
    expect(await ada.get(ours, '/count')).toEqual({ count: 1 })
    // With the dot that @fastify/session has in it.
    expect(ada.jar.get('sessionId')).toHaveLength(49)
  })

  it("refuses old: 'mirror' under one name", async () => {
    const stores = await openStores()
    await expect(open(stores, { old: 'mirror' })).rejects.toThrow('needs two cookies')
  })
})

it('express: `principal` of compat() names who has come by an old cookie', async () => {
  const stores = await openStores()
  const ada = new Person()
  await ada.get(await oldSite('express', stores), '/login/ada')
  const source = { client: stores.client, prefix: PREFIX, secret: OLD }
  const principal = (data: Record<string, unknown>) => data['userId'] as string | undefined
  const [app, sessions] = await newApp('express', {
    ...{ redis: stores.server.url, secrets: [SECRET], source, principal },
  })
  later(() => sessions.close())
  const ours = await listen(app)
  expect(await ada.get(ours, '/me')).toMatchObject({ userId: 'ada' })
  expect(await sessions.of('ada').count()).toBe(1)
  await sessions.of('ada').revokeAll()
  expect(await ada.get(ours, '/me')).toEqual({})
})
