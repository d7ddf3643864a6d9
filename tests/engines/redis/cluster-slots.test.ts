import { expect, it } from 'vitest'
import { PARTITIONS } from '../../../src/core/partitions.ts'
import { mastersOf } from '../../../src/engines/redis/cluster-slots.ts'

const asked = { host: 'asked', port: 1 }

it('splits the partitions over the masters as evenly as their slots', () => {
  const masters = mastersOf(
    [
      [0, 5460, ['a', 1, 'id'], ['replica', 1, 'id']],
      [5461, 10_922, ['b', 2, 'id']],
      [10_923, 16_383, ['c', 3, 'id']],
    ],
    asked,
  )
  const counts = new Map<string, number>()
  for (const master of masters) {
    const { host, port } = master ?? { host: 'nobody', port: 0 }
    counts.set(`${host}:${port}`, (counts.get(`${host}:${port}`) ?? 0) + 1)
  }
  expect([...counts]).toEqual([
    ['a:1', 342],
    ['b:2', 341],
    ['c:3', 341],
  ])
})

it('gives a partition to whoever has its slot, which is 16 times its number, and to nobody else', () => {
  const masters = mastersOf(
    [
      [16, 16, ['a', 1]],
      [33, 47, ['b', 2]],
      [16_368, 16_383, ['c', 3]],
    ],
    asked,
  )
  expect(masters).toHaveLength(PARTITIONS)
  expect(masters.flatMap((master, i) => (master === undefined ? [] : [[i, master.host]]))).toEqual([
    [1, 'a'],
    [1023, 'c'],
  ])
})

it('takes a node that does not know its own address for the one that was asked', () => {
  const masters = mastersOf([[0, 16_383, ['', 7]]], asked)
  expect([masters[0], mastersOf([[0, 0, [null, 8]]], asked)[0]]).toEqual([
    { host: 'asked', port: 7 },
    { host: 'asked', port: 8 },
  ])
})
