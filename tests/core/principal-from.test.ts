import { expect, it } from 'vitest'
import { principalFrom } from '../../src/core/principal-from.ts'

it.each([
  ['ada', 'ada'],
  [7, '7'],
  [0, '0'],
  [7n, '7'],
  [{ toJSON: () => '65f0' }, '65f0'],
  [undefined, undefined],
  [null, undefined],
  ['', undefined],
])('%o is the principal %o', (value, principal) => {
  expect(principalFrom(value)).toBe(principal)
})

it.each([[{}], [{ id: 7 }], [[]], [true], [Number.NaN], [Symbol('x')], [() => 'ada']])(
  '%o is refused: all of its kind would be one principal',
  (value) => {
    expect(() => principalFrom(value)).toThrow('`principal`')
  },
)
