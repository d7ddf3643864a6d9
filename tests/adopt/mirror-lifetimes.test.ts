/** A session's own lifetime, on the way back from the APIs of the old applications. */
import { expect, it } from 'vitest'
import { type Kind, NAMES, newApp } from './support/new-sites.mjs'
import { expressSessionApp, fastifyApp, koaApp } from './support/old-sites.mjs'
import { later, listen, openStores, Person, SECRET } from './support/sites.ts'

const OLD = 'a secret of the old one, of 32 characters'
const PREFIX = 'old:'
const DAY = 86_400_000
const [WEEK, MONTH] = [7 * DAY, 30 * DAY]

async function oldSite(kind: Kind, options: Parameters<typeof expressSessionApp>[0]) {
  if (kind === 'fastify') return listen(await fastifyApp(options))
  return listen(kind === 'koa' ? koaApp(options) : expressSessionApp(options))
}

async function begin(kind: Kind, options: { maxAge?: number; perRequest?: boolean } = {}) {
  const stores = await openStores()
  const { server, client } = stores
  const cookie = { secure: false }
  const source = { client, prefix: PREFIX, secret: OLD, principal: 'userId', cookie }
  const [app, sessions] = await newApp(kind, {
    ...{ redis: server.url, secrets: [SECRET], name: 'ours', ...options },
    source: { ...source, old: 'mirror' },
  })
  later(() => sessions.close())
  const ours = await listen(app)
  const old = await oldSite(kind, { client, prefix: PREFIX, secret: OLD })
  const entry = async () => {
    // One that was left behind goes soon.
    const all = (await stores.oldKeys(PREFIX)).map(async (key) => {
      const text = String(await client.get(key))
      return { ttl: await client.pTTL(key), data: JSON.parse(text) as Record<string, unknown> }
    })
    const [last] = (await Promise.all(all)).toSorted((a, b) => b.ttl - a.ttl)
    if (last === undefined) throw new Error('none')
    return last
  }
  return { ours, old, entry, eve: new Person() }
}

/** Seconds, of the old application's cookie. */
function ageOf(kind: Kind, cookies: readonly string[]): number | undefined {
  const cookie = cookies.find((each) => each.startsWith(`${NAMES[kind]}=`))
  expect(cookie).toBeDefined()
  const age = /Max-Age=(\d+)/.exec(cookie ?? '')?.[1]
  return age === undefined ? undefined : Number(age)
}

/** What is promised is counted from the moment before: some milliseconds less by now, and whole seconds. */
function expectAge(kind: Kind, cookies: readonly string[], promisedAge: number): void {
  const age = ageOf(kind, cookies)
  expect(age).toBeLessThanOrEqual(promisedAge / 1_000)
  expect(age).toBeGreaterThan(promisedAge / 1_000 - 30)
}

/** As the old application keeps it. */
function promised(data: Record<string, unknown>): unknown {
  if (!('cookie' in data)) return data['_session'] === true ? null : data['_maxAge']
  return (data['cookie'] as Record<string, unknown>)['originalMaxAge']
}

const KINDS: readonly Kind[] = ['express', 'fastify', 'koa']
const AGES = [undefined, WEEK]
const CASES = KINDS.flatMap((kind) => AGES.map((maxAge) => [kind, maxAge] as const))

it.each(CASES)('%s: "remember me", where the option says %s', async (kind, maxAge) => {
  const { ours, old, entry, eve } = await begin(kind, maxAge === undefined ? {} : { maxAge })
  const { cookies } = await eve.ask(ours, `/remember/eve/${MONTH}`)
  expectAge(kind, cookies, MONTH)
  const { ttl, data } = await entry()
  expect(promised(data)).toBe(MONTH)
  expect(ttl).toBeGreaterThan(MONTH - DAY)
  expect(data).not.toHaveProperty('_session')
  // The old application goes by what it finds there.
  expect(await eve.get(old, '/count')).toEqual({ count: 1 })
  expect((await entry()).ttl).toBeGreaterThan(MONTH - DAY)
})

it.each(KINDS)('%s: what the option says', async (kind) => {
  const { ours, entry, eve } = await begin(kind, { maxAge: WEEK })
  const { cookies } = await eve.ask(ours, '/login/eve')
  expectAge(kind, cookies, WEEK)
  expect(promised((await entry()).data)).toBe(WEEK)
})

it.each(CASES)('%s: until the browser ends, where the option says %s', async (kind, maxAge) => {
  const { ours, entry, eve } = await begin(kind, maxAge === undefined ? {} : { maxAge })
  const { cookies } = await eve.ask(ours, '/remember/eve/session')
  expect(ageOf(kind, cookies)).toBeUndefined()
  const { data } = await entry()
  expect(promised(data)).toBeNull()
  expect(data).not.toHaveProperty('_maxAge')
})

it('express: what a function says', async () => {
  const { ours, entry, eve } = await begin('express', { maxAge: WEEK, perRequest: true })
  const { cookies } = await eve.ask(ours, '/login/eve')
  expectAge('express', cookies, WEEK)
  expect(promised((await entry()).data)).toBe(WEEK)
})

it.each(KINDS)('%s: one that was taken over keeps what it was promised', async (kind) => {
  const { ours, old, entry, eve } = await begin(kind)
  await eve.get(old, `/remember/eve/${MONTH}`)
  const { cookies } = await eve.ask(ours, '/me')
  expectAge(kind, cookies, MONTH)
  const end = /expires=([^;]+)/i.exec(cookies.find((each) => each.startsWith('ours=')) ?? '')?.[1]
  expect(Date.parse(end ?? '')).toBeGreaterThan(Date.now() + MONTH - DAY)
  await eve.get(ours, '/count')
  expect(await eve.get(old, '/me')).toMatchObject({ userId: 'eve', count: 1 })
  // express-session counts it anew from the date: what passes between two looks at the clock is missing then.
  expect(promised((await entry()).data)).toBeGreaterThan(MONTH - 1_000)
})

it.each(KINDS)('%s: such a one may be given another', async (kind) => {
  const { ours, old, entry, eve } = await begin(kind)
  await eve.get(old, `/remember/eve/${MONTH}`)
  // Of another name: without `rolling` @fastify/session, and what stands for it, stores no cookie without data.
  await eve.get(ours, '/remember/eva/session')
  await eve.get(ours, '/count')
  expect(promised((await entry()).data)).toBeNull()
  const again = eve.only('ours')
  expect(ageOf(kind, (await again.ask(ours, '/me')).cookies)).toBeUndefined()
})
