import { setImmediate } from 'node:timers/promises'
import { createSessions, type Sessions } from 'sojourn'
import { describe, expect, it } from 'vitest'
import {
  later,
  type OurSite,
  oldSite,
  openStores,
  ourSite,
  Person,
  SECRET,
  type Site,
  type Stores,
} from './support/sites.ts'

const OLD_COOKIE = 'connect.sid'
const MODES = ['keep', 'delete', 'mirror'] as const

interface Start {
  readonly stores: Stores
  readonly old: Site
  readonly ours: OurSite
  readonly ada: Person
  /** Holds only what ada had before the switch. */
  readonly before: Person
  /** Holds only the cookie of the old application that ada has now. */
  readonly legacy: () => Person
}

/** Ada has signed in at the old application, and been here. */
async function begin(old: (typeof MODES)[number], more = {}): Promise<Start> {
  const stores = await openStores()
  const site = await oldSite(stores)
  const ada = new Person()
  await ada.get(site, '/login/ada')
  const before = ada.copy()
  const ours = await ourSite(stores, { adopted: { old }, ...more })
  expect(await ada.get(ours, '/count')).toEqual({ count: 1 })
  return { stores, old: site, ours, ada, before, legacy: () => ada.only(OLD_COOKIE) }
}

describe.each(MODES)('with old: %s', (mode) => {
  it('a logout ends the old session too, here and there, and takes both cookies', async () => {
    const { stores, old, ours, ada, before } = await begin(mode)
    const held = ada.copy()
    await ada.get(ours, '/logout')
    expect([...ada.jar.keys()]).toEqual([])
    for (const person of [before, held, held.only(OLD_COOKIE)]) {
      expect(await person.copy().get(ours, '/me')).toEqual({})
      expect(await person.copy().get(old, '/me')).toEqual({})
    }
    expect(await stores.oldKeys()).toEqual([])
    expect(ours.adopted).toHaveLength(1)
  })

  it('a login replaces it: the old one opens nothing', async () => {
    const { old, ours, ada, before, legacy } = await begin(mode)
    const middle = legacy()
    await ada.get(ours, '/login/bob')
    expect(await ada.get(ours, '/me')).toEqual({ principal: 'bob', count: 1 })
    for (const person of [before, middle]) {
      if (mode !== 'mirror' && person === middle) continue
      expect(await person.copy().get(ours, '/me')).toEqual({})
      expect(await person.copy().get(old, '/me')).toEqual({})
    }
    expect(ours.adopted).toHaveLength(1)
  })

  it.each([
    ['of all', (node: Sessions) => node.of('ada').revokeAll()],
    [
      'by its id',
      async (node: Sessions) => {
        const [mine] = await node.of('ada').list()
        return node.revoke(mine?.id ?? '')
      },
    ],
  ])('a revocation %s holds, from a node that takes nothing over', async (_, revoke) => {
    const { stores, ours, ada, before, legacy } = await begin(mode)
    const node = createSessions({ redis: stores.server.url, secrets: [SECRET] })
    later(() => node.close())
    await revoke(node)
    for (const person of [ada, before, legacy()]) {
      expect(await person.copy().get(ours, '/fresh')).toEqual({})
    }
    expect(await ours.sessions.of('ada').count()).toBe(0)
    expect(ours.adopted).toHaveLength(1)
  })

  it('what has expired here has', async () => {
    const { stores, ours, ada, before, legacy } = await begin(mode)
    const [mine] = await ours.sessions.of('ada').list()
    const [key = ''] = await stores.client.keys(`*:s:${mine?.id.slice(3)}`)
    // As if its time were over: to the store it is the same.
    await stores.client.pExpire(key, 1)
    while ((await stores.client.exists(key)) === 1) await setImmediate()
    for (const person of [ada, before, legacy()]) {
      expect(await person.copy().get(ours, '/fresh')).toEqual({})
    }
    expect(ours.adopted).toHaveLength(1)
  })

  it('a rotated one is led on to, or has nothing', async () => {
    const { ours, ada, before } = await begin(mode, { rotationGrace: 1, rotationPatience: '1m' })
    await ada.get(ours, '/rotate')
    // Its answer may have been lost.
    expect(await before.copy().get(ours, '/me')).toMatchObject({ principal: 'ada' })
    // Once ada's new token is used the former one is over soon, and with it the old cookie.
    const reuse: unknown[] = []
    ours.sessions.on('token-reuse', (event) => reuse.push(event))
    while ((await before.copy().get(ours, '/fresh'))['principal'] === 'ada') {
      await ada.get(ours, '/me')
    }
    expect(reuse).toEqual([])
    expect(await ada.get(ours, '/me')).toMatchObject({ principal: 'ada' })
    expect(ours.adopted).toHaveLength(1)
    await ada.get(ours, '/logout')
    expect(await before.copy().get(ours, '/me')).toEqual({})
  })

  it('who signs out everywhere is not signed in by an old session that has not come yet', async () => {
    const { old, ours, ada } = await begin(mode)
    const phone = new Person()
    await phone.get(old, '/login/ada')
    const other = new Person()
    await other.get(old, '/login/eve')
    await ours.sessions.of('ada').revokeAll()
    const legacy = phone.only(OLD_COOKIE)
    expect(await phone.get(ours, '/me')).toEqual({})
    expect(await phone.get(ours, '/me')).toEqual({})
    // Nor by a way back.
    expect(await legacy.get(old, '/me')).toEqual({})
    expect(await other.get(ours, '/me')).toMatchObject({ principal: 'eve' })
    expect(await ours.sessions.of('ada').count()).toBe(0)
    await ada.get(ours, '/login/ada')
    expect(await ada.get(ours, '/me')).toMatchObject({ principal: 'ada' })
  })
})

it('with reliable expiry only the session is waited for, and no claim', async () => {
  const { stores } = await begin('keep', { expiry: 'reliable' })
  const waiting = await stores.client.keys('sj:*:x')
  const members = await Promise.all(waiting.map((key) => stores.server.cli('ZCARD', key)))
  expect(members).toEqual(['1'])
})
