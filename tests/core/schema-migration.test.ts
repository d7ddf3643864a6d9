import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../src/core/exchange.ts'
import type { Migration } from '../../src/core/schema.ts'
import { type MemoryEngine, memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { type ManualClock, manualClock } from '../../src/testing/index.ts'
import { type Browser, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

const addCurrency: Migration = (data) => ({ ...data, currency: 'EUR' })
const renameCart: Migration = ({ cart, ...rest }) => ({ ...rest, basket: cart })

/** Nodes of several versions in front of one store. */
class Fleet {
  readonly clock: ManualClock = manualClock()
  readonly engine: MemoryEngine = memoryEngine({ clock: this.clock })

  node(version: number, migrate: Record<number, Migration> = {}): World<Data> {
    return setUp<Data>({ version, migrate }, (engine) => engine, this.clock, this.engine)
  }
}

/** A browser that has a session made by one node. */
async function sessionOf(node: World<Data>): Promise<Browser<Data>> {
  const user = node.browser()
  await user.visit((s) => s.set('cart', ['a']))
  return user
}

describe('migration', () => {
  it('leads from version 1 to 3 step by step when the session is read', async () => {
    const fleet = new Fleet()
    const { cookie } = await sessionOf(fleet.node(1))
    const user = fleet.node(3, { 1: addCurrency, 2: renameCart }).browser(cookie)
    expect(await user.sees()).toEqual({ currency: 'EUR', basket: ['a'] })
  })

  it('writes nothing by reading: nodes of the old version go on', async () => {
    const fleet = new Fleet()
    const old = fleet.node(1)
    const { cookie } = await sessionOf(old)
    const user = fleet.node(2, { 1: renameCart }).browser(cookie)
    expect(await user.visit((s) => s.get('basket'))).toBeUndefined()
    expect(await old.browser(cookie).sees()).toEqual({ cart: ['a'] })
  })

  it('is stored with the next change, and not done twice', async () => {
    const fleet = new Fleet()
    const { cookie } = await sessionOf(fleet.node(1))
    let runs = 0
    const counted: Migration = (data) => ({ ...data, runs: ++runs })
    const node = fleet.node(2, { 1: counted })
    const user = node.browser(cookie)
    await user.visit((s) => s.set('x', 1))
    expect(runs).toBe(1)
    expect(await user.sees()).toEqual({ cart: ['a'], runs: 1, x: 1 })
    expect(runs).toBe(1)
  })

  it('goes along with a login and a rotation', async () => {
    const fleet = new Fleet()
    const { cookie } = await sessionOf(fleet.node(1))
    const node = fleet.node(2, { 1: renameCart })
    const user = node.browser(cookie)
    await user.visit((s) => s.rotate())
    expect(await user.sees()).toEqual({ basket: ['a'] })
    await user.visit((s) => s.login('u1', { keep: ['basket'] }))
    expect(await user.sees()).toEqual({ basket: ['a'] })
  })

  it('that has no step for so old a version gives no session, and says so', async () => {
    const fleet = new Fleet()
    const { cookie } = await sessionOf(fleet.node(1))
    const node = fleet.node(3, { 2: renameCart })
    const request = await node.browser(cookie).request()
    expect(request.session.isNew).toBe(true)
    expect(request.session.toJSON()).toEqual({})
    expect(node.announced('rejected')).toEqual([{ id: expect.any(String), reason: 'schema' }])
    // The record is left for nodes that know the way.
    expect(fleet.engine.stats().records).toBe(1)
    const able = fleet.node(3, { 1: addCurrency, 2: renameCart })
    expect(await able.browser(cookie).sees()).toHaveProperty('basket')
  })

  it.each<[string, Migration]>([
    ['throws', () => JSON.parse('{') as object],
    ['returns no data', () => undefined as unknown as object],
    ['is asynchronous', (async (data: object) => data) as unknown as Migration],
  ])('that %s gives no session and an error event, and the record is left', async (_, step) => {
    const fleet = new Fleet()
    const { cookie } = await sessionOf(fleet.node(1))
    const node = fleet.node(2, { 1: step })
    const request = await node.browser(cookie).request()
    expect(request.session.isNew).toBe(true)
    expect(node.announced('error')).toEqual([{ operation: 'migrate', error: expect.any(Error) }])
    expect(node.announced('rejected')).toMatchObject([{ reason: 'schema' }])
    expect(fleet.engine.stats().records).toBe(1)
  })
})

describe('what a migration returns', () => {
  /** Three requests with a session of before, which the first of them migrates. */
  async function requestsOf(step: Migration): Promise<Exchange<Data>[]> {
    const fleet = new Fleet()
    const { cookie } = await sessionOf(fleet.node(1))
    const node = fleet.node(2, { 1: step })
    const open = (): Promise<Exchange<Data>> => node.browser(cookie).request()
    return [await open(), await open(), await open()]
  }

  it.each<[string, () => object]>([
    ['frozen at the outside', () => Object.freeze({ list: ['a'], deep: { n: 1 } })],
    ['frozen all the way down', () => Object.freeze({ list: Object.freeze(['a']) })],
    ['not frozen', () => ({ list: ['a'] })],
    [
      'frozen, with a getter',
      () => {
        const list = ['a']
        return Object.freeze({
          get list() {
            return list
          },
        })
      },
    ],
  ])('%s is not changed inside by one request for another', async (_, make) => {
    const constant = make() as { list: string[] }
    const [one, two, three] = await requestsOf((data) => ({ ...data, constant }))
    if (one === undefined || two === undefined || three === undefined) throw new Error('too few')
    const seen = two.session.get('constant') as { list: string[] }
    expect(seen.list).toEqual(['a'])
    // By whatever way it is had.
    const tries = [one.session.get('constant'), one.session.data['constant'], constant]
    for (const part of tries as { list: string[] }[]) {
      try {
        part.list.push('of one request')
      } catch {
        // Frozen: as good.
      }
    }
    expect(seen.list).toEqual(['a'])
    expect((three.session.get('constant') as { list: string[] }).list).toEqual(['a'])
    expect(Object.isFrozen(seen) && Object.isFrozen(seen.list)).toBe(true)
  })

  it('may be constants of the application, which stay as they are', async () => {
    const constants = { limits: { list: [1], deep: { n: 1 } }, top: [{ a: 1 }] }
    const before = structuredClone(constants)
    const requests = await requestsOf((data) => ({ ...data, ...constants, cart: constants.top }))
    for (const { session } of requests) {
      expect(session.toJSON()).toEqual({ ...constants, cart: constants.top })
      session.data['limits'] = 1
      ;(session.data['cart'] as { a: number }[])[0] = { a: 2 }
      await session.commit()
    }
    expect(constants).toEqual(before)
    const objects = [constants.limits, constants.limits.list, constants.limits.deep]
    for (const object of [...objects, constants.top, ...constants.top]) {
      expect(Object.isFrozen(object)).toBe(false)
    }
  })

  class Point {
    at = [1]
  }
  const point = new Point()
  const points = new Map([['p', point]])

  it.each<[string, () => unknown, unknown]>([
    ['an instance of a class', () => new Point(), { at: [1] }],
    ['a constant instance', () => point, { at: [1] }],
    ['a frozen one', () => Object.freeze({ p: new Point() }), { p: { at: [1] } }],
    ['one with toJSON', () => new URL('https://example.org'), 'https://example.org/'],
    ['a Map', () => points, new Map([['p', { at: [1] }]])],
  ])('is from the first request on what it is once stored: %s', async (_, make, stored) => {
    let runs = 0
    const [one, two] = await requestsOf((data) => ({ ...data, part: make(), runs: ++runs }))
    if (one === undefined || two === undefined) throw new Error('too few')
    expect(one.session.get('part')).toStrictEqual(stored)
    const mine = one.session.data['part']
    if (mine instanceof Map) mine.clear()
    else if (typeof mine === 'object') Object.assign(mine as object, { at: [2], p: 2 })
    expect(two.session.get('part')).toStrictEqual(stored)
    expect(runs).toBe(1)
    expect(point).toEqual(points.get('p'))
    point.at = [9]
    expect(two.session.get('part')).toStrictEqual(stored)
    point.at = [1]
  })

  it.each<[string, () => object]>([
    [
      'contains itself',
      () => {
        const data: Data = {}
        data['self'] = data
        return data
      },
    ],
    [
      'throws when it is read',
      () => ({
        part: {
          get inside(): never {
            throw new Error('no')
          },
        },
      }),
    ],
    ['holds what cannot be stored', () => ({ part: { when: /a/ } })],
  ])('gives no session and an error event when it %s', async (_, step) => {
    const fleet = new Fleet()
    const { cookie } = await sessionOf(fleet.node(1))
    const node = fleet.node(2, { 1: step })
    const { session } = await node.browser(cookie).request()
    expect(session.isNew).toBe(true)
    const error = expect.objectContaining({
      code: 'ERR_SOJOURN_ATTRIBUTE',
      attribute: expect.stringMatching(/self|part/),
    })
    expect(node.announced('error')).toEqual([{ operation: 'migrate', error }])
  })
})

describe('a record of a newer version', () => {
  it('is read as it is, and keeps its version when it is written again', async () => {
    const fleet = new Fleet()
    let runs = 0
    const counted: Migration = (data) => ({ ...data, runs: ++runs })
    const old = fleet.node(1)
    const newer = fleet.node(2, { 1: counted })
    const user = await sessionOf(newer)
    const onOld = old.browser(user.cookie)
    expect(await onOld.sees()).toEqual({ cart: ['a'] })
    await onOld.visit((s) => s.set('x', 1))
    await onOld.visit((s) => s.rotate())
    await onOld.visit((s) => s.login('u1', { keep: ['cart', 'x'] }))
    expect(await newer.browser(onOld.cookie).sees()).toEqual({ cart: ['a'], x: 1 })
    expect(runs).toBe(0)
  })
})
