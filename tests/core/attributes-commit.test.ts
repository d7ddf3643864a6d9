import { describe, expect, it } from 'vitest'
import { cloneValue } from '../../src/core/values.ts'
import { open, type Values } from './working-copy.ts'

describe('changes while a commit is under way', () => {
  it('stay pending for the next one', () => {
    const { attributes, settle, commit } = open({ a: 1, b: 1 })
    attributes.set('a', 2)
    const delta = attributes.take()
    attributes.set('a', 3)
    attributes.set('c', 1)
    settle(delta)
    expect(attributes.view('a')).toBe(3)
    expect(commit()).toEqual({ a: 3, c: 1 })
    expect(attributes.dirty).toBe(false)
  })

  it('are noticed in an object whose commit is under way', () => {
    const { attributes, settle, commit } = open({ l: [1] })
    const list = attributes.draft('l') as number[]
    list.push(2)
    const delta = attributes.take()
    // The bytes are made here.
    const stored = cloneValue(new Map(delta))
    list.push(3)
    settle(stored)
    expect(attributes.view('l')).toEqual([1, 2, 3])
    expect(commit()).toEqual({ l: [1, 2, 3] })
  })

  it('a deletion stands over the value under way', () => {
    const { attributes, settle, commit } = open({})
    attributes.set('a', { x: 1 })
    const delta = attributes.take()
    attributes.set('a', undefined)
    expect(attributes.has('a')).toBe(false)
    settle(delta)
    expect(commit()).toEqual({ a: undefined })
  })

  it('an object set meanwhile counts, not the one under way', () => {
    const { attributes, settle, commit } = open({})
    const first = { x: 1 }
    const second = { x: 1 }
    attributes.set('o', first)
    const delta = attributes.take()
    attributes.set('o', second)
    settle(delta)
    first.x = 99
    expect(attributes.view('o')).toBe(second)
    commit()
    expect(attributes.view('o')).toEqual({ x: 1 })
    second.x = 2
    expect(commit()).toEqual({ o: { x: 2 } })
  })
})

describe('objects that the application still holds', () => {
  it('are watched after their commit', () => {
    const { attributes, commit } = open({})
    const cart = [1]
    attributes.set('cart', cart)
    expect(commit()).toEqual({ cart: [1] })
    expect(attributes.dirty).toBe(false)
    cart.push(2)
    expect(attributes.dirty).toBe(true)
    expect(commit()).toEqual({ cart: [1, 2] })
    cart.push(3)
    expect(commit()).toEqual({ cart: [1, 2, 3] })
  })

  it('are watched when they were equal to what is stored', () => {
    const { attributes, commit } = open({ cart: [1] })
    const cart = [1]
    attributes.set('cart', cart)
    attributes.set('x', 1)
    expect(commit()).toEqual({ x: 1 })
    cart.push(2)
    expect(commit()).toEqual({ cart: [1, 2] })
  })

  it('are watched after a conflict about something else', () => {
    const { attributes, settle, commit } = open({ cart: [1], wish: [1] })
    const cart = attributes.draft('cart') as number[]
    const wish = attributes.draft('wish') as number[]
    cart.push(2)
    settle(attributes.take(), { cart: [1], wish: [1], other: 1 })
    cart.push(3)
    wish.push(2)
    expect(commit()).toEqual({ cart: [1, 2, 3], wish: [1, 2] })
  })

  it('are watched after a conflict during which they were changed', () => {
    const { attributes, settle, commit } = open({ cart: [1] })
    const cart = attributes.draft('cart') as number[]
    cart.push(2)
    const stored = cloneValue(new Map(attributes.take()))
    cart.push(3)
    settle(stored, { cart: [1], other: 1 })
    expect(commit()).toEqual({ cart: [1, 2, 3] })
  })

  it("are let go where a conflict brought in another's change, which they would undo", () => {
    const { attributes, commit, settle } = open({ cart: [1] })
    const cart = attributes.draft('cart') as number[]
    attributes.set('x', 1)
    settle(attributes.take(), { cart: [1, 7] })
    cart.push(2)
    expect(commit()).toEqual({})
    expect(attributes.view('cart')).toEqual([1, 7])
    expect(attributes.draft('cart')).toEqual([1, 7])
  })

  it('are let go when another value was set', () => {
    const { attributes, commit } = open({ cart: [1] })
    const cart = attributes.draft('cart') as number[]
    attributes.set('cart', [5])
    cart.push(2)
    expect(commit()).toEqual({ cart: [5] })
    cart.push(3)
    expect(attributes.dirty).toBe(false)
    expect(attributes.view('cart')).toEqual([5])
  })
})

describe('objects that are others once stored', () => {
  class Point {
    x = 1
  }

  it.each<[string, Values, Values]>([
    ['with an undefined property', { a: 1, b: undefined }, { a: 1 }],
    ['with an instance of a class inside', { p: new Point() }, { p: { x: 1 } }],
    ['with toJSON', { toJSON: () => ({ x: 1 }) }, { x: 1 }],
    ['with undefined in a list', { l: [1, undefined] }, { l: [1, null] }],
  ])('are no change for ever: %s', (_, value, stored) => {
    const { attributes, settle } = open({})
    attributes.set('o', value)
    attributes.take()
    settle(new Map([['o', { value: stored }]]))
    expect(attributes.dirty).toBe(false)
    value['more'] = 1
    expect(attributes.dirty).toBe(true)
  })

  it('see changes in place made while the commit was under way', () => {
    const { attributes, settle } = open({})
    const value: Values = { a: undefined }
    attributes.set('o', value)
    attributes.take()
    value['b'] = 1
    settle(new Map([['o', { value: {} }]]))
    expect(attributes.dirty).toBe(true)
  })

  it('that cannot be stored at all are left to the codec to refuse', () => {
    const { attributes } = open({})
    const cycle: Values = {}
    cycle['self'] = cycle
    attributes.set('o', cycle)
    expect(attributes.take().get('o')?.value).toBe(cycle)
    attributes.giveBack()
    expect(attributes.dirty).toBe(true)
  })
})

describe('a commit that fails', () => {
  it('gives its changes back', () => {
    const { attributes, commit } = open({ a: 1, l: [1] })
    attributes.set('a', 2)
    attributes.set('d', undefined)
    ;(attributes.draft('l') as number[]).push(2)
    attributes.take()
    attributes.giveBack()
    expect(attributes.dirty).toBe(true)
    expect(attributes.view('a')).toBe(2)
    expect(commit()).toEqual({ a: 2, l: [1, 2] })
  })

  it('puts them under the later ones', () => {
    const { attributes, commit } = open({})
    attributes.set('a', 1)
    attributes.set('b', 1)
    attributes.take()
    attributes.set('b', 2)
    attributes.set('c', 2)
    attributes.giveBack()
    expect(commit()).toEqual({ a: 1, b: 2, c: 2 })
  })

  it('sees changes in place made during and after the failure', () => {
    const { attributes, commit } = open({ l: [1] })
    const list = attributes.draft('l') as number[]
    list.push(2)
    attributes.take()
    list.push(3)
    attributes.giveBack()
    list.push(4)
    expect(attributes.draft('l')).toBe(list)
    expect(commit()).toEqual({ l: [1, 2, 3, 4] })
    list.push(5)
    expect(commit()).toEqual({ l: [1, 2, 3, 4, 5] })
  })

  it('may fail again and again', () => {
    const { attributes, commit } = open({})
    attributes.set('a', 1)
    for (let i = 0; i < 5; i++) {
      attributes.take()
      attributes.set(`b${i}`, i)
      attributes.giveBack()
    }
    expect(commit()).toEqual({ a: 1, b0: 0, b1: 1, b2: 2, b3: 3, b4: 4 })
  })
})
