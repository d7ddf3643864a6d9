import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSojournError } from '../../src/core/errors.ts'
import {
  checkAttributeName,
  cloneValue,
  equalValues,
  freezeValue,
  setOwn,
  ValueError,
} from '../../src/core/values.ts'
import { nested, storable } from '../support/storable-values.ts'

const runs = { numRuns: 500 }

function objectsIn(value: unknown, found: Set<object> = new Set()): Set<object> {
  if (typeof value !== 'object' || value === null) return found
  found.add(value)
  if (value instanceof Map) for (const part of [...value].flat()) objectsIn(part, found)
  else if (value instanceof Set) for (const part of value) objectsIn(part, found)
  else if (!(value instanceof Uint8Array)) for (const p of Object.values(value)) objectsIn(p, found)
  return found
}

function withProto(value: unknown): Record<string, unknown> {
  const object = {}
  setOwn(object, '__proto__', value)
  return object
}

class Point {
  x = 1
}

describe('names of attributes', () => {
  const message = (name: unknown): string => {
    try {
      checkAttributeName(name)
      return 'accepted'
    } catch (error) {
      return isSojournError(error) ? `${error.code} ${error.message}` : `untyped: ${String(error)}`
    }
  }

  it.each([
    'a',
    'user.id',
    '0',
    ' ',
    'toString',
    'hasOwnProperty',
    '$date',
    'x'.repeat(256),
    'ü'.repeat(128),
  ])('takes %j', (name) => expect(message(name)).toBe('accepted'))

  it.each([
    ['', 'empty'],
    ['__proto__', 'not allowed'],
    ['constructor', 'not allowed'],
    ['prototype', 'not allowed'],
    ['x'.repeat(257), '256 bytes'],
    ['ü'.repeat(129), '256 bytes'],
    ['日'.repeat(86), '256 bytes'],
    ['a\ud800', 'surrogate'],
    [7, 'number'],
    [Symbol('s'), 'symbol'],
    [undefined, 'undefined'],
    [{ toString: null }, 'object'],
  ])('refuses %j', (name, reason) => {
    expect(message(name)).toMatch(/^ERR_SOJOURN_ATTRIBUTE /)
    expect(message(name)).toContain(reason)
  })
})

describe('cloneValue', () => {
  it('copies every kind exactly and shares nothing that can be changed', () => {
    fc.assert(
      fc.property(storable, (value) => {
        const copy = cloneValue(value)
        expect(isDeepStrictEqual(copy, value)).toBe(true)
        expect(equalValues(copy, value)).toBe(true)
        const originals = objectsIn(value)
        for (const object of objectsIn(copy)) expect(originals.has(object)).toBe(false)
      }),
      runs,
    )
  })

  it('makes a Uint8Array with memory of its own from a Buffer', () => {
    const buffer = Buffer.from([1, 2, 3])
    const copy = cloneValue<Uint8Array>(buffer)
    buffer[0] = 9
    expect(Buffer.isBuffer(copy)).toBe(false)
    expect([...copy]).toEqual([1, 2, 3])
    expect(copy.buffer.byteLength).toBe(3)
  })

  it('keeps the property __proto__ inert', () => {
    const copy = cloneValue(withProto({ admin: true }))
    expect(Object.keys(copy)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(copy['admin']).toBeUndefined()
  })

  it('makes an ordinary object of one without a prototype, null of no hole', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 })
    expect(Object.getPrototypeOf(cloneValue(bare))).toBe(Object.prototype)
    expect(cloneValue(new Array(2))).toEqual([undefined, undefined])
  })

  it('passes on what is of no storable kind', () => {
    const point = new Point()
    expect(cloneValue({ point }).point).toBe(point)
  })

  it('ends with a ValueError on a cycle and beyond 64 levels', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(() => cloneValue(cycle)).toThrow(ValueError)
    expect(() => cloneValue(nested(65, 1))).toThrow(ValueError)
    for (const inside of [1, new Date(1), new Uint8Array(1)]) {
      expect(isDeepStrictEqual(cloneValue(nested(64, inside)), nested(64, inside))).toBe(true)
    }
  })
})

describe('equalValues', () => {
  const different: [unknown, unknown][] = [
    [0, -0],
    [1, 1n],
    [1, '1'],
    [null, undefined],
    [null, {}],
    [[], {}],
    [{}, new Map()],
    [new Map(), new Set()],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [{ a: undefined }, { b: undefined }],
    [withProto(1), {}],
    [withProto(Object.prototype), { x: 1 }],
    [withProto(1), withProto(2)],
    [{ toString: 1 }, {}],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, undefined]],
    [new Date(1), new Date(2)],
    [new Date(1), 1],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array([1]), [1]],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [new Map([[{ a: 1 }, 2]]), new Map([[{ a: 2 }, 2]])],
    [
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
    [new Set([1, 2]), new Set([2, 1])],
    [new Set([{ a: 1 }]), new Set([{ a: 2 }])],
    [new Point(), new Point()],
    [new Point(), { x: 1 }],
    [nested(65, 1), nested(65, 1)],
  ]

  it.each(different)('%o and %o differ', (a, b) => {
    expect(equalValues(a, b)).toBe(false)
    expect(equalValues(b, a)).toBe(false)
    expect(equalValues([{ deep: a }], [{ deep: b }])).toBe(false)
  })

  const point = new Point()
  const same: [unknown, unknown][] = [
    [Number.NaN, Number.NaN],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [Object.create(null), {}],
    [withProto({ a: 1 }), withProto({ a: 1 })],
    [new Date(5), new Date(5)],
    [Buffer.from([1]), new Uint8Array([1])],
    [new Map([[{ a: 1 }, new Set([Number.NaN])]]), new Map([[{ a: 1 }, new Set([Number.NaN])]])],
    [[point], [point]],
    [nested(64, new Date(1)), nested(64, new Date(1))],
  ]

  it.each(same)('%o and %o are equal', (a, b) => {
    expect(equalValues(a, b)).toBe(true)
    expect(equalValues(b, a)).toBe(true)
  })

  it('never calls values equal that are not', () => {
    fc.assert(
      fc.property(storable, storable, (a, b) => {
        const equal = equalValues(a, b)
        expect(equal && !isDeepStrictEqual(a, b)).toBe(false)
        expect(equalValues(b, a)).toBe(equal)
      }),
      runs,
    )
  })

  it('ends on cycles', () => {
    const cycle = (): unknown => {
      const object: Record<string, unknown> = {}
      object['self'] = object
      return object
    }
    expect(equalValues(cycle(), cycle())).toBe(false)
  })
})

describe('freezeValue', () => {
  it('freezes objects and arrays all the way down', () => {
    const value = { a: [{ b: 'x' }, []], c: null, d: 5n }
    expect(freezeValue(value)).toBe(true)
    for (const object of objectsIn(value)) expect(Object.isFrozen(object)).toBe(true)
  })

  it('does not believe that what is frozen at the outside is so inside', () => {
    const value = Object.freeze({ list: Object.freeze([{ a: 1 }]) })
    expect(freezeValue(value)).toBe(true)
    expect(Object.isFrozen(value.list[0])).toBe(true)
    expect(freezeValue(Object.freeze({ at: new Date(1) }))).toBe(false)
    expect(freezeValue(Object.freeze(new Point()))).toBe(false)
  })

  it.each([null, 'x', 1, undefined, [], {}])('needs to do nothing much for %j', (value) => {
    expect(freezeValue(value)).toBe(true)
  })

  it.each([
    [new Map()],
    [new Set()],
    [new Date(1)],
    [new Uint8Array(1)],
    [new Point()],
    [() => 1],
    [nested(65, 1)],
  ])('leaves a tree with %o alone', (part) => {
    const value = { first: [1], list: [{ part }] }
    expect(freezeValue(value)).toBe(false)
    for (const object of objectsIn(value)) {
      // Node calls an object without properties frozen only when nothing can be added.
      expect(Object.isExtensible(object)).toBe(true)
    }
  })

  it('does not change what a value is', () => {
    fc.assert(
      fc.property(storable, (value) => {
        const before = cloneValue(value)
        const frozen = freezeValue(value)
        expect(isDeepStrictEqual(value, before)).toBe(true)
        const objects = [...objectsIn(value)]
        expect(objects.every((o) => Object.isFrozen(o))).toBe(frozen || objects.length === 0)
        expect(equalValues(cloneValue(value), before)).toBe(true)
      }),
      runs,
    )
  })
})
