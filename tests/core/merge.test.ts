import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { counter, fields, union } from '../../src/core/merge.ts'
import { cloneValue, freezeValue } from '../../src/core/values.ts'

interface Item {
  sku: string
  n: number
}

const items: fc.Arbitrary<Item[]> = fc.uniqueArray(
  fc.record({ sku: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), n: fc.nat(3) }),
  { selector: (item) => item.sku, maxLength: 6 },
)
const object: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', '__proto__', 'toString'),
  fc.oneof(fc.nat(3), fc.array(fc.nat(2), { maxLength: 2 })),
)
const number = fc.integer({ min: -1e9, max: 1e9 })
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(values, { nil: undefined })

const bySku = union<Item>('sku')
const sorted = (list: readonly Item[]): Item[] => [...list].sort((a, b) => (a.sku < b.sku ? -1 : 1))
const find = (list: readonly Item[] | undefined, sku: string): Item | undefined =>
  list?.find((item) => item.sku === sku)

describe('counter', () => {
  it('counts both increments', () => {
    expect(counter(10, 13, 12)).toBe(15)
    expect(counter(undefined, undefined, 1)).toBe(1)
    expect(counter(undefined, 5, 1)).toBe(6)
    expect(counter(5, undefined, 7)).toBe(2)
  })

  it('gives the other side where one is unchanged, and does not care which came first', () => {
    fc.assert(
      fc.property(number, number, number, (base, theirs, mine) => {
        expect(counter(base, base, mine)).toBe(mine)
        expect(counter(base, theirs, base)).toBe(theirs)
        expect(counter(base, theirs, mine)).toBe(counter(base, mine, theirs))
      }),
    )
  })

  it('I5 loses no increment, however many writers are rebased one on the other', () => {
    fc.assert(
      fc.property(number, fc.array(fc.integer({ min: 1, max: 100 })), (base, increments) => {
        const stored = increments.reduce((now, by) => counter(base, now, base + by), base)
        expect(stored).toBe(base + increments.reduce((a, b) => a + b, 0))
      }),
    )
  })
})

describe('union', () => {
  it('keeps what either side added and leaves out what either side removed', () => {
    const base = [
      { sku: 'a', n: 1 },
      { sku: 'b', n: 1 },
      { sku: 'c', n: 1 },
    ]
    const theirs = [
      { sku: 'b', n: 1 },
      { sku: 'c', n: 2 },
      { sku: 'd', n: 1 },
    ]
    const mine = [
      { sku: 'a', n: 1 },
      { sku: 'c', n: 1 },
      { sku: 'e', n: 1 },
    ]
    expect(bySku(base, theirs, mine)).toEqual([
      { sku: 'c', n: 2 },
      { sku: 'd', n: 1 },
      { sku: 'e', n: 1 },
    ])
  })

  it('lets mine stand of an item that both changed', () => {
    const [one, two, three] = [1, 2, 3].map((n) => [{ sku: 'a', n }])
    expect(bySku(one, two, three ?? [])).toEqual(three)
    expect(bySku(undefined, two, three ?? [])).toEqual(three)
  })

  it('keeps an item that I changed and they removed, not one that I removed and they changed', () => {
    expect(bySku([{ sku: 'a', n: 1 }], [], [{ sku: 'a', n: 2 }])).toEqual([{ sku: 'a', n: 2 }])
    expect(bySku([{ sku: 'a', n: 1 }], [{ sku: 'a', n: 2 }], [])).toEqual([])
  })

  it('takes an attribute that was absent on any side', () => {
    const list = [{ sku: 'a', n: 1 }]
    expect(bySku(undefined, undefined, list)).toEqual(list)
    expect(bySku(undefined, list, [])).toEqual(list)
    expect(bySku(list, undefined, list)).toEqual([])
  })

  it('identifies by a function too, and by any kind of value', () => {
    const byFirst = union<[unknown, number]>(([first]) => first)
    expect(byFirst([], [[Number.NaN, 1]], [[Number.NaN, 2]])).toEqual([[Number.NaN, 2]])
    expect(union<string>((s) => s)(['a'], ['a', 'b'], ['a', 'c'])).toEqual(['a', 'b', 'c'])
    expect(
      union<Item>('sku')([], [{ sku: '__proto__', n: 1 }], [{ sku: 'constructor', n: 1 }]),
    ).toHaveLength(2)
  })

  it('gives the other side where one is unchanged', () => {
    fc.assert(
      fc.property(maybe(items), items, (base, other) => {
        expect(bySku(base, other, base ?? [])).toEqual(other)
        expect(sorted(bySku(base, base, other))).toEqual(sorted(other))
        expect(bySku(base, other, other)).toEqual(other)
      }),
    )
  })

  it('decides each item by the rule of three ways', () => {
    fc.assert(
      fc.property(maybe(items), maybe(items), items, (base, theirs, mine) => {
        const merged = bySku(base, theirs, mine)
        expect(new Set(merged.map((item) => item.sku)).size).toBe(merged.length)
        for (const sku of 'abcdef'.split('')) {
          const [b, t, m] = [find(base, sku), find(theirs, sku), find(mine, sku)]
          const mineChanged = m?.n !== b?.n
          expect(find(merged, sku)).toEqual(mineChanged ? (m ?? undefined) : t)
        }
      }),
    )
  })
})

describe('fields', () => {
  const merge = fields<Record<string, unknown>>()
  const at = (value: object | undefined, name: string): unknown =>
    value !== undefined && Object.hasOwn(value, name)
      ? Object.getOwnPropertyDescriptor(value, name)?.value
      : undefined

  it('keeps changes to different properties, and mine of one that both changed', () => {
    expect(merge({ a: 1, b: 1, c: 1 }, { a: 2, b: 1, c: 2 }, { a: 1, b: 3, c: 3 })).toEqual({
      a: 2,
      b: 3,
      c: 3,
    })
  })

  it('leaves out what either side removed', () => {
    expect(merge({ a: 1, b: 1, c: 1 }, { b: 1, c: 1 }, { a: 1, c: 1 })).toEqual({ c: 1 })
    expect(merge({ a: 1 }, { a: 2 }, {})).toEqual({})
    expect(merge({ a: 1 }, {}, { a: 2 })).toEqual({ a: 2 })
  })

  it('gives the other side where one is unchanged', () => {
    fc.assert(
      fc.property(maybe(object), object, (base, other) => {
        expect(merge(base, other, base ?? {})).toEqual(other)
        expect(merge(base, base, other)).toEqual(other)
      }),
    )
  })

  it('decides each property by the rule of three ways', () => {
    fc.assert(
      fc.property(maybe(object), maybe(object), object, (base, theirs, mine) => {
        const merged = merge(base, theirs, mine)
        for (const name of ['a', 'b', 'c', '__proto__', 'toString']) {
          const [b, t, m] = [at(base, name), at(theirs, name), at(mine, name)]
          const mineChanged = JSON.stringify(m) !== JSON.stringify(b)
          expect(at(merged, name)).toEqual(mineChanged ? m : t)
        }
      }),
    )
  })

  it('S24 has __proto__ as data only', () => {
    const evil = JSON.parse('{"__proto__":{"admin":true}}') as Record<string, unknown>
    const merged = merge({}, { a: 1 }, evil)
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
    expect(merged['admin']).toBeUndefined()
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })
})

describe('the arguments', () => {
  it('are not changed by any of the merges', () => {
    fc.assert(
      fc.property(items, items, items, object, object, object, (b, t, m, x, y, z) => {
        const given = [b, t, m, x, y, z]
        const before = cloneValue(given)
        freezeValue(given)
        bySku(b, t, m)
        fields<Record<string, unknown>>()(x, y, z)
        expect(given).toEqual(before)
      }),
    )
  })
})
