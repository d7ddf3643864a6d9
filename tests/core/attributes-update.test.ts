import { describe, expect, it } from 'vitest'
import { open } from './working-copy.ts'

describe('update', () => {
  const increment = (value: unknown): unknown => Number(value ?? 0) + 1
  const push = (value: unknown): unknown => {
    const list = (value ?? []) as number[]
    list.push(9)
    return list
  }

  it('gets a copy, and can run again on another value', () => {
    const stored = { l: [1] }
    const { attributes } = open(stored)
    expect(attributes.update('l', push)).toEqual([1, 9])
    expect(stored.l).toEqual([1])
    const change = attributes.take().get('l')
    const theirs = [1, 2]
    expect(change?.rerun?.(theirs)).toEqual([1, 2, 9])
    expect(theirs).toEqual([1, 2])
  })

  it('runs on what is pending: a set, a change in place, a deletion', () => {
    const { attributes, commit } = open({ n: 1, l: [1], gone: 5 })
    attributes.set('n', 10)
    attributes.update('n', increment)
    ;(attributes.draft('l') as number[]).push(2)
    attributes.update('l', push)
    attributes.set('gone', undefined)
    attributes.update('gone', increment)
    expect(commit()).toEqual({ n: 11, l: [1, 2, 9], gone: 1 })
  })

  it('on top of a set does not run again: the set is the later word', () => {
    const { attributes } = open({ n: 1 })
    attributes.set('n', 10)
    attributes.update('n', increment)
    expect(attributes.take().get('n')?.rerun?.(100) ?? 11).toBe(11)
  })

  it('on top of an update that is not stored yet runs again with it', () => {
    const { attributes } = open({ n: 1 })
    attributes.update('n', increment)
    attributes.update('n', (value) => Number(value) * 10)
    const change = attributes.take().get('n')
    expect(change?.value).toBe(20)
    expect(change?.rerun?.(4)).toBe(50)
  })

  it('that throws leaves everything as it was', () => {
    const { attributes } = open({ n: 1 })
    const fail = (): never => {
      throw new RangeError('no')
    }
    expect(() => attributes.update('n', fail)).toThrow(RangeError)
    expect(attributes.dirty).toBe(false)
    attributes.set('n', 2)
    expect(() => attributes.update('n', fail)).toThrow(RangeError)
    expect(attributes.view('n')).toBe(2)
  })

  it('that throws half-way has not changed what is pending', () => {
    const { attributes, commit } = open({})
    attributes.set('l', [1])
    const half = (value: unknown): never => {
      ;(value as number[]).push(2)
      throw new RangeError('no')
    }
    expect(() => attributes.update('l', half)).toThrow(RangeError)
    expect(commit()).toEqual({ l: [1] })
  })
})
