import { expect, it } from 'vitest'
import { IdSet } from '../../../src/operations/sessions/id-set.ts'

const idOf = (number: number): string => number.toString(36).padStart(25, 'A')

it('has each id once, however often it is told of it', () => {
  const ids = new IdSet()
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10_000; i++) ids.add(idOf(i))
  }
  expect(ids.size).toBe(10_000)
  const all = [...ids]
  expect(all).toHaveLength(10_000)
  expect(new Set(all)).toEqual(new Set(Array.from({ length: 10_000 }, (_, i) => idOf(i))))
  expect([...new IdSet()]).toEqual([])
})
