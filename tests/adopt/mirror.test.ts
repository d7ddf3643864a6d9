import { describe, expect, it } from 'vitest'
import { oldSite, openStores, ourSite, Person, type Stores } from './support/sites.ts'

const MIRROR = { old: 'mirror' } as const

/** The old store, whose first write at this key waits. */
function slowAt({ client }: Stores, key: string | undefined) {
  let reach = (): void => undefined
  let goOn = (): void => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const waiting = new Promise<void>((resolve) => {
    goOn = resolve
  })
  return {
    reached,
    goOn,
    client: {
      get: (name: string) => client.get(name),
      del: (name: string) => client.del(name),
      pSetEx: async (name: string, ttl: number, value: string) => {
        if (name === key) {
          reach()
          await waiting
        }
        await client.pSetEx?.(name, ttl, value)
      },
    },
  }
}

describe("old: 'mirror'", () => {
  it('gives the old application what has been changed here, and gets it back', async () => {
    const stores = await openStores()
    const old = await oldSite(stores)
    const ada = new Person()
    await ada.get(old, '/login/ada')
    await ada.get(old, '/count')
    const ours = await ourSite(stores, { adopted: MIRROR })
    await ada.get(ours, '/count')
    await ada.get(ours, '/set/color/blue')
    expect(await ada.get(old, '/me')).toEqual({ userId: 'ada', count: 2, color: 'blue' })
    // Back, and forth once more, with keys of our own that know nothing of the first time.
    await ada.get(old, '/count')
    const again = await ourSite(stores, { adopted: MIRROR, prefix: 'second' })
    expect(await ada.get(again, '/count')).toEqual({ count: 4 })
    expect(await ada.get(old, '/me')).toEqual({ userId: 'ada', count: 4, color: 'blue' })
    expect([...ours.errors, ...again.errors]).toEqual([])
  })

  it('holds for sessions made here, before and after a login, and none is adopted for it', async () => {
    const stores = await openStores()
    const old = await oldSite(stores)
    const ours = await ourSite(stores, { adopted: MIRROR })
    const eve = new Person()
    await eve.get(ours, '/count')
    const guest = eve.copy()
    expect(await eve.get(old, '/me')).toEqual({ count: 1 })
    await eve.get(ours, '/login/eve')
    expect(await eve.get(old, '/me')).toEqual({ count: 1, userId: 'eve' })
    // The session of before the login is not left behind, in neither.
    expect(await guest.copy().get(old, '/me')).toEqual({})
    expect(await guest.only('connect.sid').get(ours, '/me')).toEqual({})
    // The old cookie alone names the same session.
    expect(await eve.only('connect.sid').get(ours, '/me')).toMatchObject({ principal: 'eve' })
    expect(ours.adopted).toEqual([])
    expect(await stores.oldKeys()).toHaveLength(1)
  })

  it('holds for sessions that were there before it was switched on', async () => {
    const stores = await openStores()
    const old = await oldSite(stores)
    const eve = new Person()
    await eve.get(await ourSite(stores), '/login/eve')
    expect(await eve.get(old, '/me')).toEqual({})
    const ours = await ourSite(stores, { adopted: MIRROR })
    await eve.get(ours, '/me')
    expect(await eve.get(old, '/me')).toEqual({ userId: 'eve' })
    const { cookies } = await eve.ask(ours, '/me')
    expect(cookies).toEqual([])
  })

  it('follows rotations, and what is set for all sessions of a principal', async () => {
    const stores = await openStores()
    const old = await oldSite(stores)
    const ours = await ourSite(stores, { adopted: MIRROR })
    const eve = new Person()
    await eve.get(ours, '/login/eve')
    const former = eve.copy()
    await eve.get(ours, '/rotate')
    expect(eve.jar.get('connect.sid')).not.toBe(former.jar.get('connect.sid'))
    await ours.sessions.of('eve').set({ role: 'editor' })
    expect(await eve.get(old, '/me')).toEqual({ userId: 'eve', role: 'editor' })
    // Whose answer was lost is not signed out there, for a while.
    const ttls = await Promise.all((await stores.oldKeys()).map((key) => stores.client.pTTL(key)))
    expect(Math.min(...ttls)).toBeLessThanOrEqual(300_000)
    expect(await former.get(old, '/me')).toMatchObject({ userId: 'eve' })
    await eve.get(ours, '/logout')
    expect(await stores.oldKeys()).toEqual([])
  })

  it('ends there what is revoked or evicted here', async () => {
    const stores = await openStores()
    const old = await oldSite(stores)
    const ours = await ourSite(stores, { adopted: MIRROR, maxSessions: 2 })
    const people = [new Person(), new Person(), new Person()]
    for (const person of people) await person.get(ours, '/login/eve')
    expect(await stores.oldKeys()).toHaveLength(2)
    expect(await people[0]?.copy().get(old, '/me')).toEqual({})
    const [first] = await ours.sessions.of('eve').list()
    await ours.sessions.revoke(first?.id ?? '')
    expect(await stores.oldKeys()).toHaveLength(1)
    await ours.sessions.of('eve').revokeAll()
    expect(await stores.oldKeys()).toEqual([])
    for (const person of people) expect(await person.get(old, '/me')).toEqual({})
  })

  it('writes what is so, whichever of several nodes writes last', async () => {
    const stores = await openStores()
    const old = await oldSite(stores)
    const nodes = await Promise.all([1, 2].map(() => ourSite(stores, { adopted: MIRROR })))
    const [one, two] = nodes
    if (one === undefined || two === undefined) throw new Error('two')
    const eve = new Person()
    await eve.get(one, '/login/eve')
    for (let round = 1; round <= 10; round++) {
      await Promise.all(Array.from({ length: 10 }, (_, n) => eve.get(n % 2 ? one : two, '/count')))
      expect(await eve.copy().get(old, '/me')).toEqual({ userId: 'eve', count: round * 10 })
    }
    // A logout among them: nothing is left, whoever was late.
    await Promise.all([
      ...Array.from({ length: 10 }, (_, n) => eve.copy().ask(n % 2 ? one : two, '/count')),
      eve.copy().ask(one, '/logout'),
    ])
    expect(await eve.copy().get(old, '/me')).toEqual({})
  })

  it.each(['/logout', '/login/eve'])(
    'what it was taken over from stays gone after %s, though the old store was slow to write it',
    async (path) => {
      const stores = await openStores()
      const old = await oldSite(stores)
      const ada = new Person()
      await ada.get(old, '/login/ada')
      const [former] = await stores.oldKeys()
      const slow = slowAt(stores, former)
      const ours = await ourSite(stores, { adopted: { ...MIRROR, client: slow.client } })
      const first = ada.copy().ask(ours, '/me')
      await slow.reached
      await ada.copy().ask(ours, path)
      slow.goOn()
      await first
      expect(await stores.oldKeys()).not.toContain(former)
      expect(await ada.copy().get(old, '/me')).toEqual({})
    },
  )

  it('nor does a former key come back after a logout that was faster than a rotation', async () => {
    const stores = await openStores()
    const eve = new Person()
    await eve.get(await ourSite(stores, { adopted: MIRROR }), '/login/eve')
    const [former] = await stores.oldKeys()
    const slow = slowAt(stores, former)
    const ours = await ourSite(stores, { adopted: { ...MIRROR, client: slow.client } })
    const rotating = eve.copy().ask(ours, '/rotate')
    await slow.reached
    await eve.copy().ask(ours, '/logout')
    slow.goOn()
    await rotating
    expect(await stores.oldKeys()).toEqual([])
  })

  it('nor does one that a login gives up while all sessions of the principal are written', async () => {
    const stores = await openStores()
    const eve = new Person()
    await eve.get(await ourSite(stores, { adopted: MIRROR }), '/login/eve')
    const [former] = await stores.oldKeys()
    const slow = slowAt(stores, former)
    const ours = await ourSite(stores, { adopted: { ...MIRROR, client: slow.client } })
    const setting = ours.sessions.of('eve').set({ role: 'editor' })
    await slow.reached
    await eve.copy().ask(ours, '/login/bob')
    slow.goOn()
    await setting
    expect(await stores.oldKeys()).not.toContain(former)
    expect(await eve.copy().get(await oldSite(stores), '/me')).toEqual({})
  })

  it('fails no request when the old store does', async () => {
    const stores = await openStores()
    const away = {
      get: (key: string) => stores.client.get(key),
      del: () => Promise.reject(new Error('away')),
      pSetEx: () => Promise.reject(new Error('away')),
    }
    const ours = await ourSite(stores, { adopted: { ...MIRROR, client: away } })
    const eve = new Person()
    expect(await eve.get(ours, '/count')).toEqual({ count: 1 })
    expect(await eve.get(ours, '/count')).toEqual({ count: 2 })
    await eve.get(ours, '/logout')
    expect(new Set(ours.errors.map(({ operation }) => operation))).toEqual(new Set(['mirror']))
  })

  it('needs a cookie name of its own', async () => {
    const stores = await openStores()
    const options = { adopted: MIRROR, cookie: { name: 'connect.sid' } }
    await expect(ourSite(stores, options)).rejects.toThrow(/both are named connect.sid/)
  })
})
