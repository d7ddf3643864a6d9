/** How long sessions of koa-session live that are taken over by its API on ours. */
import { expect, it } from 'vitest'
import { newApp } from './support/new-sites.mjs'
import { koaApp } from './support/old-sites.mjs'
import { later, listen, openStores, Person, SECRET } from './support/sites.ts'

const OLD = 'a secret of the old one, of 32 characters'
const [HOUR, MONTH] = [3_600_000, 30 * 86_400_000]

/** Milliseconds, to the minute; nothing for a cookie that ends with the browser. */
function lifeOf(cookies: readonly string[]): number | undefined {
  const cookie = cookies.find((each) => each.startsWith('koa.sess='))
  expect(cookie).toBeDefined()
  const at = /expires=([^;]+)/.exec(cookie ?? '')?.[1]
  return at === undefined ? undefined : Math.round((Date.parse(at) - Date.now()) / 60_000) * 60_000
}

it.each([
  ['"remember me"', MONTH, MONTH],
  ['one that ends with the browser', 'session', undefined],
] as const)('%s stays what it was', async (_, maxAge, life) => {
  const { server, client } = await openStores()
  const ada = new Person()
  const old = await listen(koaApp({ client, secret: OLD, maxAge: maxAge as number }))
  await ada.get(old, '/login/ada')
  const source = { client, prefix: '', secret: OLD, principal: 'userId' }
  const options = { redis: server.url, secrets: [SECRET], maxAge: HOUR, source }
  const [app, sessions] = await newApp('koa', options)
  later(() => sessions.close())
  const ours = await listen(app)
  expect(lifeOf((await ada.ask(ours, '/me')).cookies)).toBe(life)
  expect(lifeOf((await ada.ask(ours, '/count')).cookies)).toBe(life)
  const [info] = await sessions.of('ada').list()
  const rest = Number(info?.expiresAt) - Date.now()
  expect(Math.round(rest / HOUR) * HOUR).toBe(life ?? HOUR)
  // What begins here has the lifetime of this application.
  expect(lifeOf((await new Person().ask(ours, '/login/eve')).cookies)).toBe(HOUR)
})
