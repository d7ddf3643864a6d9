import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { AttributeError } from '../../src/core/errors.ts'
import type { Session } from '../../src/core/session.ts'
import { setUp } from './session-set-up.ts'

type Data = Record<string, unknown>

async function stored(
  values: Data,
): Promise<{ session: Session; data: Data; again: () => Promise<Data> }> {
  const user = setUp<Data>().browser()
  await user.visit((s) => {
    for (const [name, value] of Object.entries(values)) s.set(name, value)
  })
  const exchange = await user.request()
  return {
    session: exchange.session,
    data: exchange.session.data,
    again: async () => {
      await user.respond(exchange)
      return user.sees()
    },
  }
}

describe('attributes as properties', () => {
  it('are read, set and deleted', async () => {
    const { data, session, again } = await stored({ a: 1, b: 2 })
    expect(data['a']).toBe(1)
    expect(data['none']).toBeUndefined()
    data['a'] = 5
    data['c'] = { x: 1 }
    expect(delete data['b']).toBe(true)
    expect(delete data['none']).toBe(true)
    expect(session.get('a')).toBe(5)
    expect(await again()).toEqual({ a: 5, c: { x: 1 } })
  })

  it('are noticed when they are changed in place', async () => {
    const { data, again } = await stored({ cart: [{ sku: 'a', tags: new Set(['x']) }] })
    const cart = data['cart'] as { sku: string; tags: Set<string> }[]
    cart.push({ sku: 'b', tags: new Set() })
    cart[0]?.tags.add('y')
    expect(await again()).toEqual({
      cart: [
        { sku: 'a', tags: new Set(['x', 'y']) },
        { sku: 'b', tags: new Set() },
      ],
    })
  })

  it('are not dirty from being read in any way', async () => {
    const { data, session } = await stored({ o: { x: 1 }, d: new Date(5), m: new Map([[1, 1]]) })
    void data['o']
    void { ...data }
    JSON.stringify(data)
    for (const name in data) void data[name]
    inspect(data)
    expect(session.dirty).toBe(false)
  })

  it('are there for `in`, Object.keys, entries, for-in, spread and JSON', async () => {
    const { data } = await stored({ a: 1, o: { x: 1 } })
    data['later'] = 2
    delete data['a']
    expect('o' in data).toBe(true)
    expect('later' in data).toBe(true)
    expect('a' in data).toBe(false)
    expect(Object.hasOwn(data, 'o')).toBe(true)
    expect(Object.hasOwn(data, 'a')).toBe(false)
    expect(Object.keys(data).sort()).toEqual(['later', 'o'])
    expect(Object.entries(data)).toContainEqual(['o', { x: 1 }])
    const names: string[] = []
    for (const name in data) names.push(name)
    expect(names.sort()).toEqual(['later', 'o'])
    expect({ ...data }).toEqual({ o: { x: 1 }, later: 2 })
    expect(JSON.parse(JSON.stringify(data))).toEqual({ o: { x: 1 }, later: 2 })
  })

  it('take Object.assign and destructuring', async () => {
    const { data, again } = await stored({ a: 1 })
    Object.assign(data, { b: 2, c: 3 })
    const { a, ...rest } = data
    expect(a).toBe(1)
    expect(rest).toEqual({ b: 2, c: 3 })
    expect(await again()).toEqual({ a: 1, b: 2, c: 3 })
  })

  it('do not look like a promise, an iterable or a primitive', async () => {
    const { data } = await stored({ a: 1 })
    expect(await Promise.resolve(data)).toBe(data)
    expect(Reflect.get(data, Symbol.iterator)).toBeUndefined()
    expect(Reflect.get(data, Symbol.toPrimitive)).toBeUndefined()
    expect(Object.prototype.toString.call(data)).toBe('[object Object]')
    expect(() => inspect(data, { showProxy: true })).not.toThrow()
  })

  it('have every other name too: nothing is inherited', async () => {
    const { data, again } = await stored({})
    for (const name of [
      'toString',
      'valueOf',
      'hasOwnProperty',
      'then',
      'toJSON',
      '__defineGetter__',
    ]) {
      expect(data[name]).toBeUndefined()
      expect(name in data).toBe(false)
    }
    data['toString'] = 'text'
    Reflect.set(data, 'then', 1)
    expect(Object.entries(await again())).toEqual([
      ['toString', 'text'],
      ['then', 1],
    ])
  })

  it.each<[string, (data: Data) => unknown]>([
    ['defineProperty', (data) => Object.defineProperty(data, 'a', { value: 1 })],
    ['a getter', (data) => Object.defineProperty(data, 'a', { get: () => 1 })],
    ['setPrototypeOf', (data) => Object.setPrototypeOf(data, { inherited: 1 })],
    ['freeze', (data) => Object.freeze(data)],
    ['seal', (data) => Object.seal(data)],
    ['preventExtensions', (data) => Object.preventExtensions(data)],
  ])('refuse %s, and go on as before', async (_, act) => {
    const { data, session } = await stored({ a: 1 })
    expect(() => act(data)).toThrow(TypeError)
    expect(Object.keys(data)).toEqual(['a'])
    expect(data['inherited']).toBeUndefined()
    data['b'] = 2
    expect(session.names()).toEqual(['a', 'b'])
  })

  it('S24 never pollute a prototype', async () => {
    const { data, session } = await stored({})
    const names = ['__proto__', 'constructor', 'prototype']
    for (const name of names) {
      expect(() => Reflect.set(data, name, { polluted: true })).toThrow(AttributeError)
      expect(() => Object.assign(data, JSON.parse(`{"${name}":{"polluted":true}}`))).toThrow(
        AttributeError,
      )
      expect(() => session.set(name, { polluted: true })).toThrow(AttributeError)
      expect(data[name]).toBeUndefined()
      expect(name in data).toBe(false)
    }
    expect(({} as Data)['polluted']).toBeUndefined()
    expect(Object.getPrototypeOf(data)).toBeNull()
    expect(session.dirty).toBe(false)
  })

  it('S24 __proto__ inside a value is data and nothing else', async () => {
    const { data, again } = await stored({})
    data['o'] = JSON.parse('{"__proto__":{"polluted":true},"x":1}')
    const seen = (await again())['o'] as Data
    expect(Object.keys(seen).sort()).toEqual(['__proto__', 'x'])
    expect(Object.getPrototypeOf(seen)).toBe(Object.prototype)
    expect(seen['polluted']).toBeUndefined()
    expect(({} as Data)['polluted']).toBeUndefined()
  })
})

describe('attributes on top of a session', () => {
  async function topped(values: Data): Promise<{ both: Session & Data; session: Session }> {
    const user = setUp<Data>().browser()
    await user.visit((s) => {
      for (const [name, value] of Object.entries(values)) s.set(name, value)
    })
    const exchange = await user.request()
    return { both: exchange.withProperties() as Session & Data, session: exchange.session }
  }

  it('are beside the members, whose methods work', async () => {
    const { both, session } = await topped({ cart: [1] })
    expect(both['cart']).toEqual([1])
    expect(both.id).toBe(session.id)
    both.set('x', 1)
    expect(both['x']).toBe(1)
    const get: unknown = Reflect.get(both, 'get')
    expect((get as (name: string) => unknown)('x')).toBe(1)
    await both.commit()
    expect(session.dirty).toBe(false)
    expect(JSON.parse(JSON.stringify(both))).toEqual({ cart: [1], x: 1 })
  })

  it('are asked for by hasOwnProperty and propertyIsEnumerable as of any object', async () => {
    const { both, session } = await topped({ cart: [1] })
    const asked: object = both
    // biome-ignore lint/suspicious/noPrototypeBuiltins: what older libraries call
    const has = (name: string): boolean => asked.hasOwnProperty(name)
    expect(has('cart')).toBe(true)
    expect(has('x')).toBe(false)
    expect(has('commit')).toBe(false)
    // biome-ignore lint/suspicious/noPrototypeBuiltins: as above
    expect(asked.propertyIsEnumerable('cart')).toBe(true)
    expect(asked.valueOf()).toBe(both)
    expect(session.dirty).toBe(false)
  })

  it('refuse a symbol, by what it is', async () => {
    const { both, session } = await topped({})
    for (const asked of [both, session.data]) {
      expect(() => Reflect.set(asked, Symbol('mine'), 1)).toThrow(AttributeError)
      expect(() => Reflect.set(asked, Symbol('mine'), 1)).toThrow(
        'attribute "Symbol(mine)": is a symbol; names of attributes are text',
      )
    }
    expect(session.dirty).toBe(false)
  })

  it.each(['id', 'get', 'set', 'login', 'principal', 'data', 'toJSON', 'dirty', 'isNew'])(
    'refuse the name %s of a member, with a way out',
    async (name) => {
      const { both, session } = await topped({})
      expect(() => Reflect.set(both, name, 'evil')).toThrow(AttributeError)
      expect(() => Reflect.set(both, name, 'evil')).toThrow('use set()')
      expect(Reflect.deleteProperty(both, name)).toBe(false)
      expect(session.dirty).toBe(false)
      // The way out.
      session.set(name, 'stored')
      expect(session.get(name)).toBe('stored')
      expect(session.data[name]).toBe('stored')
      expect(Reflect.get(both, name)).not.toBe('stored')
    },
  )

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'S24 refuse %s, which is inherited, and leave the class alone',
    async (name) => {
      const { both, session } = await topped({})
      const before: unknown = Reflect.get(Object.getPrototypeOf(session) as object, name)
      expect(() => Reflect.set(both, name, { polluted: true })).toThrow(AttributeError)
      expect(Reflect.get(Object.getPrototypeOf(session) as object, name)).toBe(before)
      expect(({} as Data)['polluted']).toBeUndefined()
    },
  )
})
