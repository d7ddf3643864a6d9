import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Generations } from '../../src/core/generations.ts'

type Kind = 'set' | 'get' | 'delete' | 'update'

describe('Generations', () => {
  it('I6 never holds more than its bounds, and always what was asked for lately', () => {
    const act = fc.record({
      kind: fc.constantFrom<Kind>('set', 'get', 'delete', 'update'),
      key: fc.integer({ min: 0, max: 30 }).map((n) => `k${n}`),
      size: fc.integer({ min: 1, max: 12 }),
    })
    fc.assert(
      fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
        const generation = new Map<object, number>()
        const left: object[] = []
        const cache = new Generations<{ size: number }>({
          maxCount: 10,
          weight: { max: 40, of: ({ size }) => size },
          placed: (value, number) => generation.set(value, number),
          left: (value) => {
            expect(generation.delete(value) || value.size > 20).toBe(true)
            left.push(value)
          },
        })
        const all = new Map<object, string>()
        for (const { kind, key, size } of acts) {
          const value = { size }
          if (kind === 'set') all.set(value, key)
          const before = cache.get(key)
          if (kind === 'set') cache.set(key, value)
          if (kind === 'delete') cache.delete(key)
          if (kind === 'update' && before !== undefined) {
            cache.update(key, before, () => {
              before.size = size
            })
          }
          const expected = { set: value, delete: undefined, get: before, update: before }[kind]
          expect(cache.get(key)).toBe(expected)
          expect(cache.size).toBeLessThanOrEqual(10)
          expect(cache.weight).toBeLessThanOrEqual(40)
        }
        // By its number or by what was told of it, whoever keeps a value knows whether it is in here.
        for (const [value, key] of all) {
          const isYoung = generation.get(value) === cache.young
          expect(isYoung && cache.get(key) !== value).toBe(false)
          expect(left.includes(value)).toBe(cache.get(key) !== value)
        }
        expect(new Set(left).size).toBe(left.length)
        for (let n = 0; n <= 30; n++) cache.delete(`k${n}`)
        expect(left).toHaveLength(all.size)
        expect([cache.size, cache.weight]).toEqual([0, 0])
      }),
    )
  })

  it('drops what was not asked for first', () => {
    const cache = new Generations<number>({ maxCount: 6 })
    for (let i = 0; i < 6; i++) {
      cache.get('often')
      if (i === 0) cache.set('often', 0)
      cache.set(`once${i}`, i)
    }
    expect(cache.get('often')).toBe(0)
    expect(cache.get('once0')).toBeUndefined()
    expect(cache.evicted).toBeGreaterThan(0)
  })

  it('does not take what is heavier than half of the bound', () => {
    const cache = new Generations<number>({ maxCount: 6, weight: { max: 10, of: (n) => n } })
    cache.set('a', 5)
    cache.set('b', 6)
    expect([cache.get('a'), cache.get('b')]).toEqual([5, undefined])
    expect(cache.evicted).toBe(1)
  })

  it('weighs anew what changes', () => {
    const cache = new Generations<{ n: number }>({
      maxCount: 6,
      weight: { max: 100, of: ({ n }) => n },
    })
    const value = { n: 1 }
    cache.set('a', value)
    cache.update('a', value, () => {
      value.n = 30
    })
    expect(cache.weight).toBe(30)
    cache.update('a', { n: 1 }, () => expect.unreachable('another value stands there'))
    cache.update('b', value, () => expect.unreachable('there is none'))
    cache.delete('a')
    expect(cache.weight).toBe(0)
    cache.set('a', value)
    cache.clear()
    expect([cache.size, cache.weight]).toEqual([0, 0])
  })
})
