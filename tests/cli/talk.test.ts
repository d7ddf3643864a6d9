import { expect, it } from 'vitest'
import { timeLeft } from '../../src/cli/talk.ts'

it.each([
  ['too early to say', 0.5, 1_900, ''],
  ['too little to say', 0.009, 60_000, ''],
  ['a quarter in ten seconds', 0.25, 10_000, ', about 30s left'],
  ['a tenth in a minute', 0.1, 60_000, ', about 9m left'],
  ['all of it', 1, 60_000, ''],
])('how long a bar still takes: %s', (_, part, elapsed, expected) => {
  expect(timeLeft(part, elapsed)).toBe(expected)
})
