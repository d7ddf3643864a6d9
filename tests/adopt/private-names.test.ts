/** Names of attributes that belong to other frameworks, on the way from an old store and back. */
import { expect, it, onTestFinished } from 'vitest'
import { plant, recordOf, THEIRS } from '../support/planted.ts'
import { type OurSite, oldSite, openStores, ourSite, Person, SECRET } from './support/sites.ts'

function noteWarnings(): (Error & { code?: string })[] {
  const warnings: (Error & { code?: string })[] = []
  const note = (warning: Error): void => void warnings.push(warning)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  return warnings
}

/** The record of the only session that there is. */
async function record({ sessions }: OurSite): Promise<Record<string, unknown>> {
  const ids: string[] = []
  for await (const page of sessions.scan()) ids.push(...page.map(({ id }) => id))
  expect(ids).toHaveLength(1)
  return recordOf(sessions, ids[0] as string, [SECRET])
}

it.each(['keep', 'mirror'] as const)(
  'an old session that has one is taken over without it, with old: %s, which is told of once',
  async (what) => {
    const warnings = noteWarnings()
    const stores = await openStores()
    const old = await oldSite(stores)
    const [ada, eve] = [new Person(), new Person()]
    for (const person of [ada, eve]) {
      await person.get(old, '/login/ada')
      await person.get(old, '/set/spring:theme/dark')
      await person.get(old, '/set/color/blue')
    }
    const ours = await ourSite(stores, { adopted: { old: what } })
    expect(await ada.get(ours, '/me')).toEqual({ userId: 'ada', color: 'blue', principal: 'ada' })
    expect(await record(ours)).toEqual({ userId: 'ada', color: 'blue' })
    await ada.get(ours, '/set/color/red')
    const back = await ada.get(old, '/me')
    expect(back['color']).toBe(what === 'mirror' ? 'red' : 'blue')
    expect(back['spring:theme']).toBe(what === 'mirror' ? undefined : 'dark')
    expect(await eve.get(ours, '/me')).toMatchObject({ userId: 'ada', color: 'blue' })
    expect(ours.errors).toEqual([])
    const told = () => warnings.filter(({ code }) => code === 'SOJOURN_ADOPT_NAMES')
    await expect.poll(() => told().length).toBeGreaterThan(0)
    expect(told()).toHaveLength(1)
    expect(told()[0]?.message).toMatch(/^adopt \(.+\).*"spring:theme".*`spring:` belong/)
  },
)

it('what `map` makes of it is taken over', async () => {
  const stores = await openStores()
  const old = await oldSite(stores)
  const ada = new Person()
  await ada.get(old, '/set/spring:theme/dark')
  const map = (data: Record<string, unknown>) => ({ theme: data['spring:theme'] })
  const ours = await ourSite(stores, { adopted: { map } })
  expect(await ada.get(ours, '/me')).toEqual({ theme: 'dark' })
})

it("old: 'mirror' gives the old application nothing of another framework, and leaves it here", async () => {
  const stores = await openStores()
  const old = await oldSite(stores)
  const ours = await ourSite(stores, { adopted: { old: 'mirror' } })
  const eve = new Person()
  await eve.get(ours, '/set/color/red')
  for await (const page of ours.sessions.scan()) {
    for (const { id } of page) await plant(ours.sessions, id)
  }
  await eve.get(ours, '/set/color/blue')
  const [key = ''] = await stores.oldKeys()
  expect(await stores.client.get(key)).toContain('blue')
  expect(await stores.client.get(key)).not.toContain('django')
  expect(await eve.get(old, '/me')).toEqual({ color: 'blue' })
  expect(await record(ours)).toEqual({ color: 'blue', [THEIRS]: 'hash' })
})
