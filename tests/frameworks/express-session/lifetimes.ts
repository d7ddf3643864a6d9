import type { Express } from 'express'
import type { SessionData } from 'express-session'
import { memoryEngine } from 'sojourn'
import type { OwnSessionsOptions } from 'sojourn/express-session'
import { manualClock } from 'sojourn/testing'
import { expect, it } from 'vitest'
import { browse, openStore, PATIENCE, type Route, sidOf, site } from './site.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const routes: Record<string, Route> = {
  '/set': (request, response) => {
    request.session.n = (request.session.n ?? 0) + 1
    response.json(request.session)
  },
  '/get': (request, response) => response.json(request.session),
  '/remember': (request, response) => {
    request.session.cookie.maxAge = 30 * DAY
    response.send('remembered')
  },
  '/forget': (request, response) => {
    request.session.cookie.maxAge = 0
    response.send('forgotten')
  },
}

/** To the millisecond, on a clock of the test's own. */
export function lifetimeCases(express: () => Express): void {
  const open = async (cookie = {}, options: OwnSessionsOptions<SessionData> = {}) => {
    const clock = manualClock()
    const engine = memoryEngine({ clock })
    const { store } = openStore({ engine, clock, ...options })
    const app = await site(express, store, routes, { cookie })
    const browser = browse(app)
    await browser.get('/set')
    const sid = sidOf(browser)
    const n = async (): Promise<number | undefined> => (await store.get(sid))?.n
    return { clock, store, browser, sid, n }
  }

  it('maxAge is the idle timeout: there until it is over, and no millisecond longer', async () => {
    const { clock, browser, n } = await open({ maxAge: 90_000 })
    clock.advance(89_900)
    expect(await n()).toBe(1)
    // A request renews it.
    await browser.get('/get')
    clock.advance(89_900)
    expect(await n()).toBe(1)
    await browser.get('/set')
    clock.advance(89_900)
    expect(await n()).toBe(2)
    clock.advance(100)
    expect(await n()).toBeUndefined()
  })

  it('an exact one is exact', async () => {
    const { store, clock } = await open()
    await store.set('exact', { cookie: { maxAge: 1_234 }, n: 1 } as never)
    clock.advance(1_233)
    expect(await store.get('exact')).toMatchObject({ n: 1 })
    clock.advance(1)
    expect(await store.get('exact')).toBeUndefined()
  })

  it('a renewal that is not worth it is not made, unless touchAfter is 0', async () => {
    const { clock, browser, n } = await open({ maxAge: 100_000 })
    clock.advance(9_000)
    await browser.get('/get')
    clock.advance(91_000)
    expect(await n()).toBeUndefined()
    const always = await open({ maxAge: 100_000 }, { touchAfter: 0 })
    always.clock.advance(9_000)
    await always.browser.get('/get')
    always.clock.advance(91_000)
    expect(await always.n()).toBe(1)
  })

  it('without maxAge it is 24 hours, or the idleTimeout of the store', async () => {
    const usual = await open()
    usual.clock.advance(DAY - 1)
    expect(await usual.n()).toBe(1)
    usual.clock.advance(1)
    expect(await usual.n()).toBeUndefined()
    const short = await open({}, { idleTimeout: '10m' })
    short.clock.advance(10 * MINUTE)
    expect(await short.n()).toBeUndefined()
  })

  it('no request renews it past absoluteTimeout', async () => {
    const { clock, browser, n } = await open({ maxAge: HOUR }, { absoluteTimeout: '90m' })
    clock.advance(50 * MINUTE)
    await browser.get('/set')
    clock.advance(39 * MINUTE)
    expect(await n()).toBe(2)
    clock.advance(MINUTE)
    expect(await n()).toBeUndefined()
  })

  it('a cookie that is all that was changed is stored: "remember me"', async () => {
    const { clock, browser, store, sid, n } = await open()
    await browser.get('/remember')
    clock.advance(29 * DAY)
    expect(await n()).toBe(1)
    const { cookie } = (await store.get(sid)) ?? {}
    expect(cookie?.originalMaxAge).toBeGreaterThan(30 * DAY - 1_000)
    expect((cookie?.expires?.getTime() ?? 0) - Date.now()).toBeGreaterThan(DAY - 60_000)
    expect((cookie?.expires?.getTime() ?? 0) - Date.now()).toBeLessThan(DAY + 1_000)
    clock.advance(DAY)
    expect(await n()).toBeUndefined()
  })

  it('maxAge of 0 ends it', async () => {
    const { browser, n } = await open({ maxAge: HOUR })
    await browser.get('/forget')
    expect(await n()).toBeUndefined()
  })

  it('that many requests take a millisecond off maxAge each is no change', async () => {
    const { browser, store, sid } = await open({ maxAge: HOUR })
    const before = (await store.get(sid))?.cookie.originalMaxAge
    let changes = 0
    const drifting = (await store.get(sid)) as SessionData
    store.sessions.on('changed', () => changes++)
    for (let i = 0; i < 50; i++) await browser.get('/get')
    drifting.cookie.originalMaxAge = (before ?? 0) - 3
    await store.touch(sid, drifting)
    expect((await store.get(sid))?.cookie.originalMaxAge).toBe(before)
    expect(changes).toBe(0)
  })

  it('a session that others have renewed is not ended by who has read it before', async () => {
    const { store, clock } = await open()
    const hour = { originalMaxAge: HOUR, expires: new Date(Date.now() + HOUR) }
    await store.set('sid', { cookie: hour, n: 1 } as never)
    clock.advance(HOUR - 1)
    const late = (await store.get('sid')) as SessionData
    await store.set('sid', Object.assign((await store.get('sid')) as SessionData, { n: 2 }))
    await expect
      .poll(() => Date.now(), PATIENCE)
      .toBeGreaterThan(late.cookie.expires?.getTime() ?? 0)
    await store.set('sid', Object.assign(late, { name: 'late' }))
    expect(await store.get('sid')).toMatchObject({ n: 2, name: 'late' })
  })
}
