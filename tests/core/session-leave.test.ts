import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { type Browser, interleaved, setUp, type World } from './session-set-up.ts'

interface Data {
  n: number
  name: string
}

async function known(world: World<Data>): Promise<Browser<Data>> {
  const browser = world.browser()
  await browser.visit((session) => session.login('ada'))
  await browser.visit((session) => session.set('n', 1))
  return browser
}

describe('leave', () => {
  it('is nobody’s session at once; the commit ends the former one, and the cookie goes', async () => {
    const world = setUp<Data>()
    const browser = await known(world)
    const former = browser.copy()
    const exchange = await browser.request()
    const { id } = exchange.session
    exchange.leave()
    expect(exchange.session).toMatchObject({ id: undefined, principal: undefined, isNew: true })
    expect(exchange.session.names()).toEqual([])
    expect(exchange.dirty).toBe(true)
    expect(await former.sees()).toEqual({ n: 1 })
    expect(await browser.respond(exchange)).toMatch(/Max-Age=0/)
    expect(exchange.dirty).toBe(false)
    expect(await former.sees()).toEqual({})
    expect(await world.sessions.of('ada').list()).toEqual([])
    expect(world.announced('logout')).toEqual([{ id, principal: 'ada' }])
  })

  it('what is set afterwards is a new session, with nothing of the former one', async () => {
    const world = setUp<Data>()
    const browser = await known(world)
    const former = browser.copy()
    const exchange = await browser.request()
    exchange.session.set('name', 'before')
    exchange.leave()
    exchange.session.set('n', 2)
    await browser.respond(exchange)
    expect(browser.token).not.toBe(former.token)
    expect(await browser.sees()).toEqual({ n: 2 })
    expect(await former.sees()).toEqual({})
    expect(world.announced('dropped')).toEqual([])
  })

  it('of nobody’s session stores nothing and sets no cookie', async () => {
    const world = setUp<Data>()
    const browser = world.browser()
    const exchange = await browser.request()
    exchange.session.set('n', 1)
    exchange.leave()
    expect(await browser.respond(exchange)).toBeUndefined()
    expect(world.engine.stats().records).toBe(0)
  })

  it('twice, and a login or a logout in between: each session ends', async () => {
    const world = setUp<Data>()
    const browser = await known(world)
    world.seen.length = 0
    const exchange = await browser.request()
    exchange.leave()
    exchange.leave()
    await exchange.session.login('bob')
    exchange.leave()
    exchange.session.set('n', 2)
    await exchange.session.logout()
    await browser.respond(exchange)
    expect(browser.cookie).toBeUndefined()
    expect(world.announced('created')).toEqual([])
    expect(await world.sessions.of('bob').list()).toEqual([])
    expect(await world.sessions.of('ada').list()).toEqual([])
  })

  it('while a commit is under way: after it', async () => {
    const world = setUp<Data>()
    const browser = await known(world)
    const former = browser.copy()
    const exchange = await browser.request()
    exchange.session.set('n', 5)
    const committing = exchange.commit()
    exchange.leave()
    await committing
    await browser.respond(exchange)
    expect(browser.cookie).toBeUndefined()
    expect(await former.sees()).toEqual({})
  })

  it('that the store refuses fails the commit, and is tried again with the next one', async () => {
    let slipped: ReturnType<typeof interleaved> | undefined
    const world = setUp<Data>({}, (engine) => {
      slipped = interleaved(engine, 'destroy')
      return slipped.engine
    })
    const browser = await known(world)
    const former = browser.copy()
    const exchange = await browser.request()
    exchange.leave()
    slipped?.next(async () => Promise.reject(new StoreUnavailableError('gone', false)))
    await expect(exchange.commit()).rejects.toThrow(StoreUnavailableError)
    expect(exchange).toMatchObject({ failed: true, dirty: true })
    await exchange.commit()
    expect(exchange.dirty).toBe(false)
    expect(await former.sees()).toEqual({})
  })
})
