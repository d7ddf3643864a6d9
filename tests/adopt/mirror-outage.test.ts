/** What the old store did not take while it was away is made up for when it is back. */
import { expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { oldSite, openStores, ourSite, Person, type Stores } from './support/sites.ts'

/** The old store, which is away now and then. */
function leaving({ client }: Stores) {
  const state = { isAway: false }
  const ask = async <T>(work: () => PromiseLike<T> | undefined): Promise<T | undefined> => {
    if (state.isAway) throw new Error('connection lost')
    return work()
  }
  return Object.assign(state, {
    client: {
      get: (key: string) => ask(() => client.get(key)),
      del: (key: string) => ask(() => client.del(key)),
      pSetEx: (key: string, ttl: number, value: string) =>
        ask(() => client.pSetEx?.(key, ttl, value)),
    },
  })
}

async function begin(more: { readonly old?: 'keep' } = {}) {
  const stores = await openStores()
  const store = leaving(stores)
  const adopted = { old: 'mirror', client: store.client, ...more } as const
  const ours = await ourSite(stores, { adopted })
  return { stores, store, ours, eve: new Person() }
}

it.each(['/logout', '/login/bob'])('what %s has ended', async (path) => {
  const { stores, store, ours, eve } = await begin()
  await eve.get(ours, '/login/eve')
  const before = eve.copy()
  store.isAway = true
  expect((await eve.ask(ours, path)).status).toBe(200)
  expect(await before.copy().get(ours, '/me')).toEqual({})
  expect(ours.errors.map(({ operation }) => operation)).toContain('mirror')
  store.isAway = false
  await until(
    async () => (await before.copy().get(await oldSite(stores), '/me'))['userId'] !== 'eve',
  )
})

it('what a revocation has ended', async () => {
  const { stores, store, ours, eve } = await begin()
  await eve.get(ours, '/login/eve')
  await new Person().get(ours, '/login/eve')
  store.isAway = true
  await ours.sessions.of('eve').revokeAll()
  expect(await stores.oldKeys()).toHaveLength(2)
  store.isAway = false
  await until(async () => (await stores.oldKeys()).length === 0)
})

it('a rotation: the former key goes soon, and has the session until then', async () => {
  const { stores, store, ours, eve } = await begin()
  await eve.get(ours, '/login/eve')
  await eve.get(ours, '/count')
  const before = eve.copy()
  const [former = ''] = await stores.oldKeys()
  store.isAway = true
  await eve.get(ours, '/rotate')
  store.isAway = false
  await until(async () => (await stores.client.pTTL(former)) <= 300_000)
  const old = await oldSite(stores)
  expect(await before.get(old, '/me')).toEqual({ userId: 'eve', count: 1 })
  // Where the session stands now it is written too, without another change.
  await until(async () => (await stores.oldKeys()).length === 2)
  expect(await eve.get(old, '/me')).toEqual({ userId: 'eve', count: 1 })
})

it('a rotation, of a session that has rotated and ended since', async () => {
  const { stores, store, ours, eve } = await begin()
  await eve.get(ours, '/login/eve')
  const before = eve.copy()
  store.isAway = true
  await eve.get(ours, '/rotate')
  store.isAway = false
  await eve.get(ours, '/rotate')
  await eve.get(ours, '/logout')
  await until(async () => (await stores.oldKeys()).length === 0)
  expect(await before.get(await oldSite(stores), '/me')).toEqual({})
})

it('what has changed', async () => {
  const { stores, store, ours, eve } = await begin()
  await eve.get(ours, '/login/eve')
  store.isAway = true
  await eve.get(ours, '/count')
  store.isAway = false
  const old = await oldSite(stores)
  await until(async () => (await eve.copy().get(old, '/me'))['count'] === 1)
  expect(ours.errors).toHaveLength(1)
})

it("a sign-out with old: 'keep'", async () => {
  const { stores, store, ours, eve } = await begin({ old: 'keep' })
  await eve.get(await oldSite(stores), '/login/eve')
  await eve.get(ours, '/me')
  store.isAway = true
  await eve.get(ours, '/logout')
  expect(ours.errors.map(({ operation }) => operation)).toEqual(['adopt'])
  store.isAway = false
  await until(async () => (await stores.oldKeys()).length === 0)
})

it.each([false, true])('tries once more when it is closed (away: %s)', async (isAway) => {
  const { stores, store, ours, eve } = await begin()
  await eve.get(ours, '/login/eve')
  store.isAway = true
  await eve.get(ours, '/logout')
  store.isAway = isAway
  ours.errors.splice(0)
  await ours.sessions.close()
  expect(await stores.oldKeys()).toHaveLength(isAway ? 1 : 0)
  expect(ours.errors.map(({ operation }) => operation)).toEqual(isAway ? ['mirror'] : [])
})

it('what is set for all sessions of a principal', async () => {
  const { stores, store, ours, eve } = await begin()
  await eve.get(ours, '/login/eve')
  store.isAway = true
  await ours.sessions.of('eve').set({ role: 'editor' })
  store.isAway = false
  const old = await oldSite(stores)
  await until(async () => (await eve.copy().get(old, '/me'))['role'] === 'editor')
  expect(ours.errors).toHaveLength(1)
})
