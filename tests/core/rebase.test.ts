import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyDelta, type Change, type Delta } from '../../src/core/attributes.ts'
import { counter, type Merge, union } from '../../src/core/merge.ts'
import { type Merges, rebase } from '../../src/core/rebase.ts'
import { cloneValue } from '../../src/core/values.ts'

type State = Map<string, unknown>
const state = (object: object): State => new Map(Object.entries(object))
const delta = (object: object): Delta =>
  new Map(Object.entries(object).map(([name, value]): [string, Change] => [name, { value }]))
const NONE: Merges = new Map()

/** What is stored after the delta has been carried over. */
function after(change: Delta, base: State, theirs: State, merges: Merges = NONE): unknown {
  return Object.fromEntries(applyDelta(theirs, rebase(change, base, theirs, merges)))
}

describe('rebase', () => {
  it('keeps changes to different attributes', () => {
    const base = state({ a: 1, b: 1 })
    expect(after(delta({ a: 2 }), base, state({ a: 1, b: 2, c: 3 }))).toEqual({ a: 2, b: 2, c: 3 })
  })

  it('lets mine stand of an attribute that both changed, and my deletion', () => {
    const base = state({ a: 1, b: 1 })
    const theirs = state({ a: 2, b: 2 })
    expect(after(delta({ a: 3, b: undefined }), base, theirs)).toEqual({ a: 3 })
  })

  it('takes my value where they deleted', () => {
    expect(after(delta({ a: 3 }), state({ a: 1 }), state({}))).toEqual({ a: 3 })
  })

  it('I3 keeps every change of one side only, and mine of both, for any three states', () => {
    const names = ['a', 'b', 'c', 'd']
    const some = fc.dictionary(fc.constantFrom(...names), fc.nat(2))
    fc.assert(
      fc.property(some, some, some, (base, theirs, mine) => {
        const change = new Map<string, Change>()
        for (const name of names) {
          if (base[name] !== mine[name]) change.set(name, { value: mine[name] })
        }
        const stored = after(change, state(base), state(theirs)) as Record<string, unknown>
        for (const name of names) {
          expect(stored[name]).toBe(base[name] === mine[name] ? theirs[name] : mine[name])
        }
      }),
    )
  })

  describe('with a named merge', () => {
    const merges: Merges = new Map([
      ['n', counter as Merge<unknown>],
      ['cart', union<{ sku: string }>('sku') as Merge<unknown>],
    ])

    it('merges what both changed', () => {
      const base = state({ n: 1, cart: [{ sku: 'a' }] })
      const theirs = state({ n: 5, cart: [{ sku: 'a' }, { sku: 'b' }] })
      const mine = delta({ n: 2, cart: [{ sku: 'c' }] })
      expect(after(mine, base, theirs, merges)).toEqual({
        n: 6,
        cart: [{ sku: 'b' }, { sku: 'c' }],
      })
    })

    it('does not merge what only one changed, nor a deletion', () => {
      const never: Merge<unknown> = () => {
        throw new Error('asked')
      }
      const all: Merges = new Map([['n', never]])
      expect(after(delta({ n: 2 }), state({ n: 1 }), state({ n: 1, x: 1 }), all)).toEqual({
        n: 2,
        x: 1,
      })
      expect(after(delta({ n: undefined }), state({ n: 1 }), state({ n: 2 }), all)).toEqual({})
    })

    it('compares by value, not by identity', () => {
      const change = delta({ cart: [{ sku: 'c' }] })
      const rebased = rebase(change, state({ cart: [] }), state({ cart: [] }), merges)
      expect(rebased.get('cart')).toBe(change.get('cart'))
    })

    it('counts right over several conflicts in a row', () => {
      let mine = delta({ n: 11 })
      const stored = [10, 20, 35, 36].map((n) => state({ n }))
      for (const [i, theirs] of stored.slice(1).entries()) {
        mine = rebase(mine, stored[i] ?? new Map(), theirs, merges)
      }
      expect(mine.get('n')?.value).toBe(37)
    })

    it('gives a merge copies: one that changes its arguments spoils nothing', () => {
      const rude: Merge<unknown> = (base, theirs, mine) => {
        const lists = [base, theirs, mine] as number[][]
        for (const list of lists) list.push(99)
        return lists[2]
      }
      const [base, theirs, mine] = [state({ l: [1] }), state({ l: [2] }), delta({ l: [3] })]
      const before = cloneValue([base, theirs, new Map(mine)])
      expect(rebase(mine, base, theirs, new Map([['l', rude]])).get('l')?.value).toEqual([3, 99])
      expect([base, theirs, mine]).toEqual(before)
    })
  })

  describe('an update', () => {
    const increment = (stored: unknown): unknown => Number(stored ?? 0) + 1

    it('runs again on what is stored, before any merge, and again at the next conflict', () => {
      const change: Delta = new Map([['n', { value: 2, rerun: increment }]])
      const merges: Merges = new Map([['n', () => 'merged']])
      const once = rebase(change, state({ n: 1 }), state({ n: 10 }), merges)
      expect(once.get('n')?.value).toBe(11)
      const twice = rebase(once, state({ n: 10 }), state({ n: 20 }), merges)
      expect(twice.get('n')?.value).toBe(21)
    })

    it('does not run again when the others changed something else', () => {
      let runs = 0
      const rerun = (): unknown => ++runs
      const change: Delta = new Map([['n', { value: 2, rerun }]])
      expect(after(change, state({ n: 1 }), state({ n: 1, x: 1 }))).toEqual({ n: 2, x: 1 })
      expect(runs).toBe(0)
    })
  })
})

describe('applyDelta', () => {
  it('leaves the map that it is given as it is', () => {
    const before = state({ a: 1, b: 2 })
    expect(applyDelta(before, delta({ a: undefined, c: null }))).toEqual(state({ b: 2, c: null }))
    expect(before).toEqual(state({ a: 1, b: 2 }))
  })
})
