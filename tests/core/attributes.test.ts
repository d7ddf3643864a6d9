import { describe, expect, it } from 'vitest'
import { Attributes, applyDelta, type Delta } from '../../src/core/attributes.ts'
import { AttributeError } from '../../src/core/errors.ts'
import { cloneValue } from '../../src/core/values.ts'

type Values = Record<string, unknown>

const toMap = (values: Values): Map<string, unknown> => new Map(Object.entries(values))

/** A working copy on a store that holds `stored`, and commits as the repository does it. */
class Store {
  stored: Map<string, unknown>
  readonly attributes: Attributes
  /** How often the stored state was asked for. */
  reads = 0

  constructor(values: Values = {}) {
    this.stored = toMap(values)
    this.attributes = new Attributes(this.base)
  }

  private readonly base = (): ReadonlyMap<string, unknown> => {
    this.reads++
    return this.stored
  }

  /** Stores copies, as encoding does. `theirs` came in by a conflict. */
  finish(delta: Delta, theirs?: Values): void {
    const base = theirs === undefined ? this.stored : toMap(theirs)
    this.stored = cloneValue(applyDelta(base, delta))
    this.attributes.settle(this.base, theirs !== undefined)
  }

  commit(): Values {
    const delta = this.attributes.take()
    this.finish(delta)
    return Object.fromEntries([...delta].map(([name, { value }]) => [name, value]))
  }
}

describe('what counts as a change', () => {
  it('is nothing at first, and nothing after reading', () => {
    const { attributes } = new Store({ a: 1, o: { x: [1] }, m: new Map([[1, 2]]) })
    expect(attributes.dirty).toBe(false)
    for (const name of ['a', 'o', 'm', 'none']) {
      attributes.view(name)
      attributes.draft(name)
      attributes.has(name)
    }
    attributes.names()
    expect(attributes.dirty).toBe(false)
    expect(attributes.take().size).toBe(0)
  })

  it('is no set to the same value, no deletion of what is not there', () => {
    const { attributes } = new Store({ a: 1, o: { x: [1], d: new Date(5) } })
    attributes.set('a', 1)
    attributes.set('o', { d: new Date(5), x: [1] })
    attributes.set('none', undefined)
    expect(attributes.dirty).toBe(false)
    expect(attributes.take().size).toBe(0)
  })

  it('is no set that is taken back', () => {
    const { attributes } = new Store({ a: 1 })
    attributes.set('a', 2)
    expect(attributes.dirty).toBe(true)
    attributes.set('a', 1)
    expect(attributes.dirty).toBe(false)
  })

  it.each<[string, (o: Values) => void]>([
    ['a property', (o) => void (o['x'] = 2)],
    ['a new property', (o) => void (o['new'] = 1)],
    ['a deleted property', (o) => void delete o['x']],
    ['a list inside', (o) => (o['list'] as number[]).push(2)],
    ['a Map inside', (o) => (o['map'] as Map<string, number>).set('k', 2)],
    ['a Set inside', (o) => (o['set'] as Set<number>).add(2)],
    ['a Date inside', (o) => (o['date'] as Date).setTime(9)],
    ['bytes inside', (o) => (o['bytes'] as Uint8Array).fill(9)],
  ])('is a change in place of a draft: %s', (_, change) => {
    const store = new Store({
      o: {
        x: 1,
        list: [1],
        map: new Map([['k', 1]]),
        set: new Set([1]),
        date: new Date(5),
        bytes: new Uint8Array([1]),
      },
    })
    const before = cloneValue(store.stored)
    const object = store.attributes.draft('o') as Values
    change(object)
    expect(store.stored).toEqual(before)
    expect(store.attributes.dirty).toBe(true)
    expect(store.commit()).toEqual({ o: object })
    expect(store.attributes.dirty).toBe(false)
    change(object)
  })

  it('costs no copy of the base for those who only set', () => {
    const store = new Store({ a: 1 })
    store.attributes.set('b', 2)
    expect(store.reads).toBe(0)
  })
})

describe('what is seen', () => {
  it('is what was set last, before, during and after its commit', () => {
    const { attributes, ...store } = new Store({ a: 1, gone: 1 })
    void store
    attributes.set('a', 2)
    attributes.set('gone', undefined)
    attributes.set('new', 3)
    for (const step of ['pending', 'in flight']) {
      if (step === 'in flight') attributes.take()
      expect(attributes.view('a')).toBe(2)
      expect(attributes.draft('new')).toBe(3)
      expect(attributes.has('gone')).toBe(false)
      expect(attributes.view('gone')).toBeUndefined()
      expect(attributes.names().sort()).toEqual(['a', 'new'])
    }
  })

  it('is a change in place, also through view', () => {
    const { attributes } = new Store({ l: [1] })
    ;(attributes.draft('l') as number[]).push(2)
    expect(attributes.view('l')).toEqual([1, 2])
  })

  it('clear deletes everything, stored and pending', () => {
    const store = new Store({ a: 1, b: [1] })
    store.attributes.set('c', 1)
    store.attributes.clear()
    expect(store.attributes.names()).toEqual([])
    store.commit()
    expect(store.stored.size).toBe(0)
  })

  it.each(['__proto__', 'constructor', 'prototype', '', 'x'.repeat(257), 'a\ud800'])(
    'S24 the name %j is refused, and nothing is pending',
    (name) => {
      const { attributes } = new Store()
      expect(() => attributes.set(name, 1)).toThrow(AttributeError)
      expect(() => attributes.update(name, () => 1)).toThrow(AttributeError)
      expect(attributes.dirty).toBe(false)
      expect(attributes.view(name)).toBeUndefined()
    },
  )
})

describe('a view', () => {
  it('I2 is frozen all the way down where it can be', () => {
    const { attributes } = new Store({ o: { list: [{ x: 1 }] } })
    const view = attributes.view('o') as { list: { x: number }[] }
    expect(() => view.list.push({ x: 2 })).toThrow(TypeError)
    expect(() => Object.assign(view.list[0] ?? {}, { x: 2 })).toThrow(TypeError)
    expect(attributes.view('o')).toBe(view)
  })

  it.each<[string, unknown, (value: never) => void]>([
    ['Map', new Map([['k', { x: 1 }]]), (m: Map<string, { x: number }>) => m.set('k', { x: 2 })],
    [
      'object in a Map',
      new Map([['k', { x: 1 }]]),
      (m: Map<string, Values>) => Object.assign(m.get('k') ?? {}, { x: 2 }),
    ],
    ['Set', new Set([1]), (s: Set<number>) => s.add(2)],
    ['Date', new Date(5), (d: Date) => d.setTime(9)],
    ['Uint8Array', new Uint8Array([1]), (b: Uint8Array) => b.fill(9)],
    ['Date in a list', [new Date(5)], (l: Date[]) => l[0]?.setTime(9)],
    ['list beside a Date', { d: new Date(5), l: [1] }, (o: { l: number[] }) => o.l.push(2)],
    ['Set in an object', { s: new Set([1]) }, (o: { s: Set<number> }) => o.s.clear()],
  ])('I2 never leads to what others are given: %s', (_, value, change) => {
    const shared = new Map([['v', value]])
    const before = cloneValue(value)
    const [one, other] = [new Attributes(() => shared), new Attributes(() => shared)]
    change(one.view('v') as never)
    change(one.draft('v') as never)
    expect(shared.get('v')).toEqual(before)
    expect(other.view('v')).toEqual(before)
    expect(other.draft('v')).toEqual(before)
  })

  it('that is a copy is made once, and is not a change', () => {
    const { attributes } = new Store({ m: new Map([[1, 1]]) })
    const view = attributes.view('m') as Map<number, number>
    view.set(2, 2)
    expect(attributes.view('m')).toBe(view)
    expect(attributes.dirty).toBe(false)
  })
})
