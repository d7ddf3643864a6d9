import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LONGEST_LIFETIME, parseDuration } from '../../src/core/duration.ts'
import { OptionError } from '../../src/core/errors.ts'

describe('parseDuration', () => {
  it.each<[unknown, number]>([
    [1, 1],
    [1_500, 1_500],
    ['500ms', 500],
    ['1s', 1_000],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
    ['1.5h', 5_400_000],
    ['0.5s', 500],
    ['007s', 7_000],
    [1.5, 2],
    [0.5, 1],
    ['400d', LONGEST_LIFETIME],
    [LONGEST_LIFETIME, LONGEST_LIFETIME],
  ])('reads %j as %i ms', (value, ms) => expect(parseDuration('idleTimeout', value)).toBe(ms))

  it.each<[unknown]>([
    [0],
    [-0],
    [-1],
    [0.49],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY],
    [LONGEST_LIFETIME + 1],
    [Number.MAX_SAFE_INTEGER],
    [5n],
    [''],
    [' '],
    ['5'],
    ['0s'],
    ['0ms'],
    ['0.4ms'],
    ['5x'],
    ['5 m'],
    [' 5m'],
    ['5m '],
    ['5m\n'],
    ['-1s'],
    ['+1s'],
    ['1e3s'],
    ['0x10s'],
    ['.5h'],
    ['5.h'],
    ['1,5h'],
    ['5M'],
    ['5min'],
    ['m'],
    ['NaNs'],
    ['Infinitys'],
    ['٥m'],
    ['1h30m'],
    ['401d'],
    ['58w'],
    [`${'9'.repeat(400)}d`],
    [null],
    [undefined],
    [true],
    [[]],
    [['5m']],
    [{}],
    [new Date(5)],
    [() => 5],
    [Symbol('5m')],
  ])('S15 refuses %o, naming the option', (value) => {
    const act = (): number => parseDuration('absoluteTimeout', value)
    expect(act).toThrow(OptionError)
    expect(act).toThrow('option `absoluteTimeout`: ')
  })

  it('S15 gives a whole number within the limits or refuses, whatever it is given', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.double(),
      fc
        .tuple(fc.double(), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w', ''))
        .map((t) => t.join('')),
      fc.tuple(fc.nat(), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w')).map((t) => t.join('')),
    )
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: LONGEST_LIFETIME }), (value, max) => {
        try {
          const ms = parseDuration('x', value, max)
          return Number.isInteger(ms) && ms >= 1 && ms <= max
        } catch (error) {
          return error instanceof OptionError && error.option === 'x'
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it('says what it takes, and the longest possible', () => {
    expect(() => parseDuration('x', '5')).toThrow("such as 1500, '90s', '30m', '12h', '30d'")
    expect(() => parseDuration('x', 0)).toThrow('at least 1 millisecond')
    expect(() => parseDuration('x', '2m', 60_000)).toThrow('longest possible, 60000 ms')
    expect(parseDuration('x', '1m', 60_000)).toBe(60_000)
  })
})
