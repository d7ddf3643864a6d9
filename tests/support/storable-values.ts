import fc from 'fast-check'
import { setOwn } from '../../src/core/values.ts'

/** Keys that formats, prototypes and engines treat differently, and any other text. */
const key: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toJSON', 'hasOwnProperty', '$date', '$map', '$', ''),
  fc.constantFrom('0', '7', '4294967295', 'a', 'b'),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false, '', 0, -0, Number.NaN, Infinity, -Infinity, 0n),
  fc.constantFrom(
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
    -(2 ** 53),
    2n ** 53n,
    2n ** 64n,
    -(2n ** 63n),
  ),
  fc.constantFrom('\ufeff', `\ufeff${'x'.repeat(300)}`, 'é'.repeat(200), '$date', '__proto__'),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: 'binary' }),
)

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
)

/** Any value that comes back exactly as it was put in. */
export const storable: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(plainObject),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((e) => new Map(e)),
    fc.array(tie('value'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
})).value

function plainObject(entries: [string, unknown][]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [name, value] of entries) setOwn(object, name, value)
  return object
}

/** `levels` arrays inside each other, around `inside`. */
export function nested(levels: number, inside: unknown): unknown {
  let value = inside
  for (let i = 0; i < levels; i++) value = [value]
  return value
}
