import { expect, it, onTestFinished } from 'vitest'
import { newApp } from './support/new-sites.mjs'
import { koaApp } from './support/old-sites.mjs'
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

function noteWarnings(): Error[] {
  const warnings: (Error & { code?: string })[] = []
  const note = (warning: Error): void => void warnings.push(warning)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  return warnings
}

async function ours(
  { server, client }: Stores,
  prefix: string,
): Promise<Site & { reasons: string[] }> {
  const source = { client, prefix, secret: OLD, principal: 'userId' }
  const [app, sessions] = await newApp('koa', { redis: server.url, secrets: [SECRET], source })
  later(() => sessions.close())
  const reasons: string[] = []
  sessions.on('rejected', ({ reason }) => reasons.push(reason))
  return { ...(await listen(app)), reasons }
}

it('a prefix that is not that of the old store is told of once', async () => {
  const warnings = noteWarnings()
  const stores = await openStores()
  const ada = new Person()
  await ada.get(await listen(koaApp({ ...stores, prefix: 'old:', secret: OLD })), '/login/ada')
  const site = await ours(stores, 'wrong:')
  for (let visit = 1; visit <= 20; visit++) expect(await ada.get(site, '/me')).toEqual({})
  expect(site.reasons).toEqual(Array(20).fill('absent'))
  const found = (): Error[] => warnings.filter(({ message }) => message.startsWith('adopt'))
  await expect.poll(() => found().length).toBeGreaterThan(0)
  expect(found()).toMatchObject([
    { code: 'SOJOURN_ADOPT_MISSES', message: expect.stringContaining('the prefix "wrong:"') },
  ])
})

it('but not where one has been found', async () => {
  const warnings = noteWarnings()
  const stores = await openStores()
  const old = await listen(koaApp({ ...stores, prefix: 'old:', secret: OLD }))
  const [ada, eve] = [new Person(), new Person()]
  for (const person of [ada, eve]) await person.get(old, '/login/someone')
  const site = await ours(stores, 'old:')
  await ada.get(site, '/me')
  for (const key of await stores.oldKeys('old:')) await stores.client.del(key)
  for (let visit = 1; visit <= 20; visit++) expect(await eve.get(site, '/me')).toEqual({})
  expect(warnings.filter(({ message }) => message.startsWith('adopt'))).toEqual([])
})
