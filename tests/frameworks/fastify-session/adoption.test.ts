/** What browsers hold of @fastify/session, taken over by the plugin. */
import { fastifySession as fastifySource } from 'sojourn/adopt'
import { type FastifySessionOptions, fastifySession } from 'sojourn/fastify-session'
import { describe, expect, it } from 'vitest'
import { fastifyApp } from '../../adopt/support/old-sites.mjs'
import {
  later,
  listen,
  OLD_SECRET,
  openStores,
  Person,
  type Site,
  type Stores,
} from '../../adopt/support/sites.ts'
import { SECRET } from '../support/world.ts'
import { type Build, makeApp } from './pair.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MONTH = 30 * DAY
// As long as @fastify/session wants it.
const OLD = OLD_SECRET.repeat(3)

async function oldSite({ client }: Stores, maxAge?: number): Promise<Site> {
  return listen(await fastifyApp({ client, secret: OLD, maxAge }))
}

async function newSite(
  { server, client }: Stores,
  options: FastifySessionOptions,
  build: Build,
): Promise<Site> {
  const app = makeApp()
  await app.register(fastifySession, {
    ...{ redis: server.url, secret: SECRET, cookie: { secure: false } },
    adopt: [fastifySource({ client, secret: OLD })],
    ...options,
  })
  await build(app)
  await app.ready()
  later(() => app.close())
  return listen((request, response) => app.routing(request, response))
}

/** When the cookie of ours ends, milliseconds from now; NaN: with the browser. */
function endOf(cookies: readonly string[]): number {
  expect(cookies).toHaveLength(1)
  return Date.parse(/Expires=([^;]+)/.exec(cookies[0] ?? '')?.[1] ?? '') - Date.now()
}

function latch(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}

describe('two requests with the old cookie, one of which signs in', () => {
  for (const rolling of [true, false]) {
    for (const cookieName of ['sessionId', 'ours']) {
      it(`the answer of the other one leaves its cookie: ${cookieName}, rolling ${rolling}`, async () => {
        const stores = await openStores()
        const old = await oldSite(stores)
        const ada = new Person()
        await ada.get(old, '/count')
        const started = latch()
        const signedIn = latch()
        const site = await newSite(stores, { rolling, cookieName }, (app) => {
          app.get('/slow', async ({ session }) => {
            const { count } = session as { count?: number }
            started.open()
            await signedIn.passed
            return { count }
          })
          app.get('/login', async (request) => {
            await request.session.regenerate()
            request.session.user = 'ada'
            return {}
          })
          app.get('/me', ({ session }) => ({ user: session.user }))
        })
        const slow = ada.copy().ask(site, '/slow')
        await started.passed
        await ada.get(site, '/login')
        signedIn.open()
        expect(await slow).toMatchObject({ status: 200, text: '{"count":1}', cookies: [] })
        expect(await ada.get(site, '/me')).toEqual({ user: 'ada' })
      })
    }
  }
})

describe('an age of its own', () => {
  const build: Build = (app) => {
    app.get('/nothing', () => ({}))
    app.get('/look', ({ session }) => ({ age: session.cookie.originalMaxAge }))
    app.get('/change', ({ session }) => {
      session.n = (session.n ?? 0) + 1
      return { n: session.n }
    })
    app.get('/age/:ms', ({ session, params }) => {
      const ms = Number((params as { ms: string }).ms)
      if (ms > 0) session.cookie.maxAge = ms
      else session.options({ maxAge: undefined })
      session.n = (session.n ?? 0) + 1
      return { n: session.n }
    })
    app.get('/new', (request) => request.session.regenerate(['n']).then(() => ({})))
    app.get('/left', async ({ session, sessionStore }) => {
      const stored = await sessionStore.sessions.stored.read(session.sessionId)
      return { left: (stored?.expiresAt ?? 0) - Date.now() }
    })
  }

  for (const rolling of [true, false]) {
    it(`stays as long as it was promised, rolling ${rolling}`, async () => {
      const stores = await openStores()
      const old = await oldSite(stores, MONTH)
      const options = { rolling, cookie: { secure: false, maxAge: HOUR } }
      const site = await newSite(stores, options, build)
      for (const paths of [['/nothing'], ['/look'], ['/change', '/change'], ['/change', '/new']]) {
        const ada = new Person()
        await ada.get(old, '/count')
        for (const path of [...paths, '/look', '/change']) {
          const { cookies } = await ada.ask(site, path)
          const ends = cookies.map((each) => Date.parse(/Expires=([^;]+)/.exec(each)?.[1] ?? ''))
          for (const end of ends)
            expect([path, end - Date.now() > MONTH - HOUR]).toEqual([path, true])
        }
        expect(await ada.get(site, '/look')).toEqual({ age: MONTH })
        expect(Number((await ada.get(site, '/left'))['left'])).toBeGreaterThan(MONTH - HOUR)
      }
    })
  }

  for (const maxAge of [undefined, 12 * HOUR]) {
    for (const principal of [undefined, (session: { user?: string }) => session.user ?? 'eve']) {
      const by = principal === undefined ? '' : ', and is a principal’s'
      it(`is another that the application gives it, where the option says ${maxAge}${by}`, async () => {
        const stores = await openStores()
        const old = await oldSite(stores, MONTH)
        const cookie = { secure: false, ...(maxAge === undefined ? {} : { maxAge }) }
        const options = { cookie, ...(principal === undefined ? {} : { principal }) }
        const site = await newSite(stores, { ...options, idleTimeout: DAY }, build)
        for (const age of [HOUR, 12 * HOUR, 2 * MONTH]) {
          const ada = new Person()
          await ada.get(old, '/count')
          expect(await ada.get(site, '/look')).toEqual({ age: MONTH })
          const { cookies } = await ada.ask(site, `/age/${age}`)
          expect(endOf(cookies)).toBeGreaterThan(age - HOUR / 2)
          expect(endOf(cookies)).toBeLessThanOrEqual(age + 1_000)
          expect(await ada.get(site, '/look')).toEqual({ age })
          await ada.get(site, '/change')
          expect(await ada.get(site, '/look')).toEqual({ age })
          const { left } = await ada.get(site, '/left')
          expect(Number(left)).toBeGreaterThan(age - HOUR / 2)
          expect(Number(left)).toBeLessThanOrEqual(age + 1_000)
        }
      })
    }
  }

  it('is none any more where the application takes it away', async () => {
    const stores = await openStores()
    const old = await oldSite(stores, MONTH)
    const site = await newSite(stores, { cookie: { secure: false }, idleTimeout: DAY }, build)
    const begin = [
      (ada: Person) => ada.get(old, '/count'),
      (ada: Person) => ada.get(site, `/age/${MONTH}`),
    ]
    for (const first of begin) {
      const ada = new Person()
      await first(ada)
      expect(await ada.get(site, '/look')).toEqual({ age: MONTH })
      expect(endOf((await ada.ask(site, '/age/0')).cookies)).toBeNaN()
      expect(await ada.get(site, '/look')).toEqual({ age: null })
      expect(endOf((await ada.ask(site, '/change')).cookies)).toBeNaN()
      expect(await ada.get(site, '/look')).toEqual({ age: null })
      const left = Number((await ada.get(site, '/left'))['left'])
      expect(left).toBeGreaterThan(DAY - HOUR)
      expect(left).toBeLessThanOrEqual(DAY + 1_000)
    }
  })

  it('one without goes on as all others do', async () => {
    const stores = await openStores()
    const old = await oldSite(stores)
    const site = await newSite(stores, { cookie: { secure: false, maxAge: HOUR } }, build)
    const ada = new Person()
    await ada.get(old, '/count')
    expect(await ada.get(site, '/look')).toEqual({ age: HOUR })
    expect(Number((await ada.get(site, '/left'))['left'])).toBeLessThanOrEqual(HOUR)
  })
})
