import { isUtf8 } from 'node:buffer'
import { inspect, isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { createContext, runInContext, runInNewContext } from 'node:vm'
import { ExtData, Decoder as Reference, encode as referenceEncode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { type Codec, codecs, type Decoded, MalformedPayloadError } from '../../src/core/codec.ts'
import { AttributeError } from '../../src/core/errors.ts'
import { setOwn, ValueError, type ValueProblem } from '../../src/core/values.ts'
import { sampleSession } from '../support/sample-session.ts'
import { nested, storable } from '../support/storable-values.ts'

const none: ReadonlyMap<string, unknown> = new Map()
const both: [string, Codec][] = [
  ['messagepack', codecs.messagepack],
  ['json', codecs.json],
]

const encodeOne = (codec: Codec, value: unknown): Uint8Array =>
  codec.encode(new Map([['a', value]]), none)

const roundTrip = (codec: Codec, value: unknown): unknown =>
  codec.decode(encodeOne(codec, value)).attributes.get('a')

function contentOf(codec: Codec, bytes: Uint8Array): Pick<Decoded, 'attributes' | 'meta'> {
  const { attributes, meta } = codec.decode(bytes)
  return { attributes, meta }
}

function thrownBy(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('nothing was thrown')
}

/** Refused for a reason that was foreseen: other errors are caught and kept as the cause. */
function expectMalformed(codec: Codec, bytes: Uint8Array): void {
  const error = thrownBy(() => codec.decode(bytes))
  expect(error).toBeInstanceOf(MalformedPayloadError)
  expect(error.cause).toBeUndefined()
}

/** How `value` is refused as the attribute `cart`, next to a good one. */
function refusal(codec: Codec, value: unknown): { message: string; problem: ValueProblem } {
  const good = new Map<string, unknown>([['good', 1]])
  const error = thrownBy(() => codec.encode(good.set('cart', value), none))
  if (!(error instanceof AttributeError) || error.attribute !== 'cart') throw error
  if (!(error.cause instanceof ValueError)) throw error
  return { message: error.message, problem: error.cause.problem }
}

const bytesOf = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const jsonBytes = (text: string): Uint8Array => new TextEncoder().encode(text)

// S24, after every test of this file.
afterEach(() => {
  const { prototype } = Object
  const inherited = ({} as Record<string, unknown>)['admin']
  if (Object.keys(prototype).length > 0 || inherited !== undefined) throw new Error('polluted')
})

describe.each(both)('%s: what goes in comes out', (name, codec) => {
  it('is found by id and by name', () => {
    expect(codec.name).toBe(name)
    expect(codecs[codec.id]).toBe(codec)
    expect(codecs[codec.name]).toBe(codec)
  })

  it('keeps any nesting of all kinds', () => {
    fc.assert(
      fc.property(fc.array(storable, { maxLength: 3 }), fc.option(storable), (values, extra) => {
        const attributes = new Map(values.map((value, i) => [`a${i}`, value]))
        const meta = extra === null ? none : new Map([['m', extra]])
        const bytes = codec.encode(attributes, meta)
        const decoded = contentOf(codec, bytes)
        bytes.fill(0xc1)
        expect(isDeepStrictEqual(decoded, { attributes, meta })).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps the order of attributes, properties, entries and members', () => {
    const value = {
      z: 1,
      a: new Map([
        ['z', 1],
        ['a', 2],
      ]),
      s: new Set(['z', 'a']),
    }
    const { attributes } = codec.decode(
      codec.encode(
        new Map([
          ['y', value],
          ['b', value],
        ]),
        none,
      ),
    )
    const back = attributes.get('b') as typeof value
    expect([...attributes.keys()]).toEqual(['y', 'b'])
    expect(Object.keys(back)).toEqual(['z', 'a', 's'])
    expect([...back.a.keys(), ...back.s]).toEqual(['z', 'a', 'z', 'a'])
  })

  it('keeps the extremes of Dates and bigints', () => {
    for (const ms of [0, -1, 1, 999, -999, 8.64e15, -8.64e15, 2 ** 32 * 1000, 2 ** 34 * 1000 + 1]) {
      expect(roundTrip(codec, new Date(ms))).toEqual(new Date(ms))
    }
    for (let bit = 0n; bit < 140n; bit++) {
      for (const near of [-1n, 0n, 1n]) {
        expect(roundTrip(codec, 2n ** bit + near)).toBe(2n ** bit + near)
        expect(roundTrip(codec, -(2n ** bit) + near)).toBe(-(2n ** bit) + near)
      }
    }
    const huge = -(7n ** 20_000n)
    expect(roundTrip(codec, huge)).toBe(huge)
  })

  it('keeps text that begins with a byte order mark, of any length', () => {
    for (const length of [0, 10, 197, 198, 199, 300, 70_000]) {
      const text = `\ufeff${'a'.repeat(length)}`
      expect(roundTrip(codec, { [text]: text })).toEqual({ [text]: text })
    }
  })

  it('has memory of its own for bytes', () => {
    const source = Buffer.from('abcdef').subarray(2, 4)
    const bytes = encodeOne(codec, { source })
    const back = (codec.decode(bytes).attributes.get('a') as { source: Uint8Array }).source
    bytes.fill(0)
    source.fill(0)
    expect(Buffer.isBuffer(back)).toBe(false)
    expect(textOf(back)).toBe('cd')
    expect(back.buffer.byteLength).toBe(2)
  })

  it('reads from the middle of a larger buffer', () => {
    const bytes = encodeOne(codec, ['x', new Map([[1n, new Uint8Array([7])]]), 1.5])
    const larger = Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([4])])
    const back = codec.decode(larger.subarray(3, 3 + bytes.length)).attributes.get('a')
    expect(back).toEqual(['x', new Map([[1n, new Uint8Array([7])]]), 1.5])
  })

  it('writes a second map only for meta', () => {
    expect(contentOf(codec, codec.encode(none, none))).toEqual({ attributes: none, meta: none })
    const meta = new Map([['m', 1]])
    const plain = codec.encode(meta, none)
    expect(codec.encode(none, meta).length).toBe(plain.length + (codec.id === 0 ? 1 : 3))
    expect(contentOf(codec, codec.encode(none, meta))).toEqual({ attributes: none, meta })
  })

  it('says how many bytes a value takes', () => {
    for (const value of [1, 'ä', [], sampleSession, new Map([[1, 2n]])]) {
      const empty = encodeOne(codec, 0).length - codec.encodedSize(0)
      expect(encodeOne(codec, value).length).toBe(empty + codec.encodedSize(value))
    }
    expect(() => codec.encodedSize(Symbol('s'))).toThrow(ValueError)
  })

  it('goes on as before after a payload of megabytes and after a failure', () => {
    const before = hexOf(encodeOne(codec, sampleSession))
    expect((roundTrip(codec, 'x'.repeat(5_000_000)) as string).length).toBe(5_000_000)
    expect(refusal(codec, { a: [1, { b: () => 1 }] }).problem).toBe('function')
    expect(hexOf(encodeOne(codec, sampleSession))).toBe(before)
  })

  it('does not keep the memory that a large payload took', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    const before = process.memoryUsage().arrayBuffers
    encodeOne(codec, 'x'.repeat(50_000_000))
    // The last reference may stand in a register, and memory is given back by another thread.
    await expect
      .poll(() => {
        collect()
        return process.memoryUsage().arrayBuffers - before
      })
      .toBeLessThan(10_000_000)
  })

  it('can be used from a getter of a value that is being written', () => {
    const inner = hexOf(encodeOne(codec, ['inner']))
    const value = {
      before: 'x',
      get nested() {
        return hexOf(encodeOne(codec, ['inner']))
      },
      after: new Map([[1, { toJSON: () => hexOf(encodeOne(codec, ['inner'])) }]]),
    }
    expect(roundTrip(codec, value)).toEqual({
      before: 'x',
      nested: inner,
      after: new Map([[1, inner]]),
    })
  })
})

describe.each(both)('%s: what is stored as something else', (_name, codec) => {
  class Money {
    readonly amount: number
    #secret = 1
    constructor(amount: number) {
      this.amount = amount
    }
    get double(): number {
      return this.amount * 2 * this.#secret
    }
  }

  it.each<[string, unknown, unknown]>([
    ['undefined properties go', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined and holes become null', [undefined, new Array(1)], [null, [null]]],
    [
      'undefined in Maps and Sets becomes null',
      [new Map([[undefined, undefined]]), new Set([undefined])],
      [new Map([[null, null]]), new Set([null])],
    ],
    [
      'symbol keys and extra properties of arrays go',
      Object.assign([1], { x: 2, [Symbol('s')]: 3 }),
      [1],
    ],
    ['class instances are their own properties', new Money(3), { amount: 3 }],
    ['objects without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['URL', new URL('https://example.org/x'), 'https://example.org/x'],
    ['toJSON of a plain object', { toJSON: () => ({ a: [1] }) }, { a: [1] }],
    [
      'toJSON to a Date, a Map, a bigint',
      [new Date(1), new Map(), 1n].map((v) => ({ toJSON: () => v })),
      [new Date(1), new Map(), 1n],
    ],
    ['toJSON to nothing', [{ toJSON() {} }], [null]],
    [
      'toJSON is asked once',
      {
        toJSON: () =>
          new (class {
            y = 1
            toJSON() {
              return 'twice'
            }
          })(),
      },
      { y: 1 },
    ],
    ['toJSON that is no method', { toJSON: 'text' }, { toJSON: 'text' }],
    [
      'toJSON of arrays and Maps does not count',
      Object.assign(new Map([[1, 2]]), { toJSON: () => 'no' }),
      new Map([[1, 2]]),
    ],
    ['Buffer', Buffer.from('ab'), new Uint8Array([97, 98])],
    ['subclasses', new (class extends Map<number, number> {})([[1, 2]]), new Map([[1, 2]])],
  ])('%s', (_what, value, stored) => {
    const back = roundTrip(codec, value)
    expect(isDeepStrictEqual(back, stored)).toBe(true)
  })

  it('toJSON that returns the object itself', () => {
    const self: Record<string, unknown> = Object.create({
      toJSON() {
        return this
      },
    })
    self['a'] = 1
    expect(roundTrip(codec, self)).toEqual({ a: 1 })
  })

  it('values from another realm', () => {
    const source =
      '({ d: new Date(5), m: new Map([[1, [2]]]), s: new Set([3]), u: new Uint8Array([4]), o: {} })'
    const value: unknown = runInContext(source, createContext())
    const stored = {
      d: new Date(5),
      m: new Map([[1, [2]]]),
      s: new Set([3]),
      u: new Uint8Array([4]),
      o: {},
    }
    expect(isDeepStrictEqual(roundTrip(codec, value), stored)).toBe(true)
  })

  it('the same object in two places becomes two', () => {
    const shared = { n: 1 }
    const [a, b] = roundTrip(codec, [shared, shared]) as [object, object]
    expect(a).toEqual(b)
    expect(a).not.toBe(b)
  })

  it('leaves out attributes that are undefined', () => {
    const bytes = codec.encode(
      new Map<string, unknown>([
        ['a', undefined],
        ['b', 1],
      ]),
      none,
    )
    expect(codec.decode(bytes).attributes).toEqual(new Map([['b', 1]]))
  })
})

describe.each(both)('%s: what is refused', (_name, codec) => {
  const cycle: Record<string, unknown> = { list: [] }
  ;(cycle['list'] as unknown[]).push(cycle)
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const throwing = {
    get x(): unknown {
      throw new Error('canary')
    },
  }

  it.each<[ValueProblem, unknown]>([
    ['function', () => 1],
    ['function', Map],
    ['symbol', Symbol('s')],
    ['promise', Promise.resolve()],
    ['weak', new WeakMap()],
    ['weak', new WeakSet()],
    ['weak', new WeakRef({})],
    ['regexp', /x/],
    ['error', new TypeError('canary')],
    ['error', runInContext('new Error()', createContext())],
    ['error', new DOMException('canary')],
    ['buffer', new Float64Array(1)],
    ['buffer', new DataView(new ArrayBuffer(1))],
    ['buffer', new ArrayBuffer(1)],
    ['buffer', new SharedArrayBuffer(1)],
    ['boxed', new String('canary')],
    ['boxed', new Number(1)],
    ['boxed', Object(1n)],
    ['boxed', Object(Symbol('s'))],
    ['invalid-date', new Date(Number.NaN)],
    ['surrogate', 'canary\ud800'],
    ['surrogate', `${'x'.repeat(100)}\udc00`],
    ['surrogate', { 'canary\udfff': 1 }],
    ['cycle', cycle],
    ['depth', nested(65, 1)],
    [
      'duplicate',
      new Map([
        [undefined, 1],
        [null, 2],
      ]),
    ],
    ['duplicate', new Set([{ toJSON: () => 'x' }, { toJSON: () => 'x' }])],
    ['unreadable', throwing],
    ['unreadable', revoked.proxy],
    [
      'unreadable',
      {
        toJSON() {
          throw new Error('canary')
        },
      },
    ],
  ])('%s (case %#)', (problem, value) => {
    for (const [place, wrapped] of [
      ['', value],
      ['at user["my key"].list[1]', { user: { 'my key': { list: [0, value] } } }],
      [
        'at [value 1].a',
        new Map<unknown, unknown>([
          [0, 0],
          [1, { a: value }],
        ]),
      ],
      ['at [key 0]', new Map([[value, 0]])],
      ['at [member 1]', new Set([0, value])],
    ] as const) {
      const { message, problem: found } = refusal(codec, wrapped)
      expect(found).toBe(problem)
      expect(message).toMatch(/^attribute "cart": /)
      expect(message).toContain(place)
      expect(message).not.toContain(
        problem === 'surrogate' && typeof value === 'object' ? '\udfff' : 'canary',
      )
    }
  })

  it('keeps what a getter threw as the cause', () => {
    const error = thrownBy(() => codec.encode(new Map([['a', throwing]]), none))
    expect((error.cause as Error).cause).toHaveProperty('message', 'canary')
  })

  it('refuses more than 100,000 values', () => {
    expect(refusal(codec, new Array(100_000).fill(0)).problem).toBe('nodes')
    expect(refusal(codec, new Set(new Array(100_000).keys())).problem).toBe('nodes')
    expect(refusal(codec, [new Array(4_000_000_000)]).problem).toBe('nodes')
  })

  it('finds the cycle where it closes', () => {
    expect(refusal(codec, { user: cycle }).message).toContain('at user.list[0]: ')
  })

  it('takes 64 levels and 100,000 values, of each attribute', () => {
    for (const inside of [1, new Date(1), 'x', new Uint8Array(1)]) {
      expect(roundTrip(codec, nested(64, inside))).toEqual(nested(64, inside))
    }
    let mixed: unknown = 1
    for (let i = 0; i < 16; i++) mixed = { a: [new Map([['k', new Set([mixed])]])] }
    expect(isDeepStrictEqual(roundTrip(codec, mixed), mixed)).toBe(true)
    expect(refusal(codec, [mixed]).problem).toBe('depth')
    const many = new Array(99_999).fill(0)
    const full = new Map([
      ['a', many],
      ['b', many],
    ])
    expect(codec.decode(codec.encode(full, full)).meta.get('b')).toEqual(many)
  })

  it('ends on what would unfold without end', () => {
    let doubling: unknown = 1
    for (let i = 0; i < 60; i++) doubling = [doubling, doubling]
    expect(refusal(codec, doubling).problem).toBe('nodes')
    const endless = (): object => ({ toJSON: () => [endless()] })
    expect(refusal(codec, endless()).problem).toBe('depth')
  })

  it.each(['', '__proto__', 'constructor', 'prototype', 'x'.repeat(257), 'a\ud800'])(
    'attributes and meta named %j',
    (name) => {
      const named = new Map([[name, 1]])
      for (const maps of [
        [named, none],
        [none, named],
      ] as const) {
        expect(() => codec.encode(maps[0], maps[1])).toThrow(AttributeError)
      }
    },
  )
})

describe.each(both)('%s: __proto__ inside values (S24)', (_name, codec) => {
  it('comes back as an own property and does nothing', () => {
    const value: Record<string, unknown> = { first: 1 }
    setOwn(value, '__proto__', { admin: true })
    setOwn(value, 'constructor', { prototype: { admin: true } })
    const back = roundTrip(codec, [value]) as [Record<string, unknown>]
    expect(Object.keys(back[0])).toEqual(['first', '__proto__', 'constructor'])
    expect(Object.getPrototypeOf(back[0])).toBe(Object.prototype)
    expect(back[0]['admin']).toBeUndefined()
    expect(isDeepStrictEqual(back[0], value)).toBe(true)
  })
})

describe('messagepack: the bytes', () => {
  const codec = codecs.messagepack

  it.each<[unknown, string]>([
    [null, 'c0'],
    [-1, 'ff'],
    [2 ** 53 - 1, 'cf 001fffffffffffff'],
    [-0, 'c7 00 04'],
    [1.5, 'cb 3ff8000000000000'],
    [2 ** 53, 'cb 4340000000000000'],
    ['é', 'a2 c3a9'],
    [new Uint8Array([1]), 'c4 01 01'],
    [new Date(1000), 'd6 ff 00000001'],
    [new Date(-1), 'c7 0c ff 3b8b87c0 ffffffffffffffff'],
    [new Map([['k', 1]]), 'd6 01 92 a16b 01'],
    [new Set([1]), 'd5 02 91 01'],
    [0n, 'd4 03 00'],
    [-1n, 'd4 03 ff'],
    [127n, 'd4 03 7f'],
    [128n, 'd5 03 0080'],
    [-128n, 'd4 03 80'],
    [-129n, 'd5 03 ff7f'],
    [JSON.parse('{"__proto__":1}'), '81 a9 5f5f70726f746f5f5f 01'],
  ])('%o is %s', (value, hex) => {
    expect(hexOf(encodeOne(codec, value))).toBe(`9181a161${hex.replaceAll(' ', '')}`)
    expect(isDeepStrictEqual(roundTrip(codec, value), value)).toBe(true)
  })

  it.each<[string, unknown]>([
    ['ca 3fc00000', 1.5],
    ['cb 8000000000000000', -0],
    ['cf 0020000000000000', 2n ** 53n],
    ['cf ffffffffffffffff', 2n ** 64n - 1n],
    ['d3 8000000000000000', -(2n ** 63n)],
    ['d3 ffe0000000000001', -(2 ** 53) + 1],
    ['d3 0000000000000005', 5],
    ['d0 80', -128],
    ['d1 8000', -32768],
    ['d2 80000000', -(2 ** 31)],
    ['db 00000001 78', 'x'],
    ['dd 00000001 05', [5]],
    ['df 00000001 db 00000001 78 05', { x: 5 }],
    ['de 0001 a1 78 05', { x: 5 }],
    ['dc 0001 05', [5]],
    ['c6 00000001 05', new Uint8Array([5])],
    ['c9 00000003 01 dc 0000', new Map()],
    ['c8 0001 02 90', new Set()],
    ['c7 05 03 ffffffffff', -1n],
    ['d7 ff 01e847fc 00000001', new Date(1007)],
    ['c7 0c ff 000f423f ffffffffffffffff', new Date(-1000)],
    ['82 a1 78 01 a1 78 02', { x: 2 }],
  ])('other writers: %s is read as %o', (hex, value) => {
    const back = codec.decode(bytesOf(`91 81 a1 61 ${hex}`)).attributes.get('a')
    expect(isDeepStrictEqual(back, value)).toBe(true)
  })

  it('agrees with the library about everything the standard says', () => {
    const extensionCodec = {
      tryToEncode: () => null,
      decode: (data: Uint8Array, type: number) => new ExtData(type, data),
    }
    const reference = new Reference({ extensionCodec })
    const plain = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })
    fc.assert(
      fc.property(plain, (value) => {
        // What only our writer or only our reader can do is tested elsewhere.
        fc.pre(!/__proto__|-0(?!\.)/.test(inspect(value, { depth: null })))
        const stored = roundTrip(codec, value)
        const theirs = reference.decode(encodeOne(codec, stored))
        expect(isDeepStrictEqual(theirs, [{ a: stored }])).toBe(true)
        expect(hexOf(encodeOne(codec, value))).toBe(hexOf(referenceEncode([{ a: value }])))
        const ours = codec.decode(referenceEncode([{ a: value }])).attributes.get('a')
        expect(JSON.stringify(ours)).toBe(JSON.stringify(value))
      }),
      { numRuns: 300 },
    )
  })

  it('writes each value in the shortest form, as the library does', () => {
    const sizes = [0, 1, 15, 16, 31, 32, 48, 49, 127, 128, 255, 256, 1100, 65_535, 65_536]
    const object = (size: number): object =>
      Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, i]))
    const integers = [0, 5, 7, 8, 15, 16, 31, 32, 52].flatMap((bits) =>
      [-1, 0, 1].flatMap((near) => [2 ** bits + near, -(2 ** bits) + near]),
    )
    const values = [
      ...integers.map((value) => value || 0),
      ...[Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, 0.1, Number.MIN_VALUE],
      ...sizes.flatMap((size) => ['a'.repeat(size), 'é'.repeat(size), '👍'.repeat(size)]),
      ...sizes.flatMap((size) => [new Array(size).fill(1), new Uint8Array(size), object(size)]),
      ...[0, 1, 999, 1000, 2 ** 32, 2 ** 34].flatMap((s) => [
        s * 1000,
        s * 1000 - 1,
        s * -1000 - 1,
      ]),
    ]
    for (const value of values) {
      expect(hexOf(encodeOne(codec, value))).toBe(hexOf(referenceEncode([{ a: value }])))
    }
    for (const ms of [0, 1, 999, 1e12, 2 ** 32 * 1000, 2 ** 34 * 1000, 8.64e15, -8.64e15]) {
      const date = new Date(ms)
      expect(hexOf(encodeOne(codec, date))).toBe(hexOf(referenceEncode([{ a: date }])))
    }
  })

  it.each([2, 16, 17, 65_536, 65_537])('of %i properties one is left out', (count) => {
    const names = Array.from({ length: count }, (_, i) => `k${i}`)
    const value = Object.fromEntries(names.map((name, i) => [name, i === 1 ? undefined : i]))
    const rest = Object.fromEntries(names.toSpliced(1, 1).map((name) => [name, value[name]]))
    expect(hexOf(encodeOne(codec, [value, 1]))).toBe(hexOf(referenceEncode([{ a: [rest, 1] }])))
  })

  it('a value that was refused leaves nothing behind', () => {
    const before = encodeOne(codec, { x: 'y' })
    expect(refusal(codec, { x: ['z', Symbol('s')] }).problem).toBe('symbol')
    expect(hexOf(encodeOne(codec, { x: 'y' }))).toBe(hexOf(before))
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['no array', '80'],
    ['no map', '90'],
    ['three maps', '93 80 80 80'],
    ['a map of no text', '91 81 01 01'],
    ['no map inside', '91 90'],
    ['cut off', '91 81 a1 61'],
    ['cut off in an array', '91 81 a1 61 92 01'],
    ['cut off in an integer', '91 81 a1 61 cd 01'],
    ['cut off in a double', '91 81 a1 61 cb 00000000'],
    ['bytes after the end', '91 80 00'],
    ['an empty name', '91 81 a0 01'],
    ['the name __proto__', '91 81 a9 5f5f70726f746f5f5f 80'],
    ['the name constructor', '91 81 ab 636f6e7374727563746f72 80'],
    ['the name prototype, in meta', '92 80 81 a9 70726f746f74797065 80'],
    ['a long name', `91 81 da 0101 ${'61'.repeat(257)} 01`],
    ['an integer as a property', '91 81 a1 61 81 01 01'],
    ['bytes as a property', '91 81 a1 61 81 c4 01 61 01'],
    ['the byte c1', '91 81 a1 61 c1'],
    ['text that is not UTF-8', '91 81 a1 61 a1 ff'],
    ['text with an encoded surrogate', '91 81 a1 61 a3 eda080'],
    ['text cut inside a character', '91 81 a1 61 a1 c3'],
    ['a property that is not UTF-8', '91 81 a1 61 81 a1 e9 01'],
    ['an unknown extension', '91 81 a1 61 d4 05 00'],
    ['a negative extension', '91 81 a1 61 d4 fe 00'],
    ['a timestamp of 5 bytes', '91 81 a1 61 c7 05 ff 0000000000'],
    ['too many nanoseconds', '91 81 a1 61 d7 ff ffffffff 00000000'],
    ['a timestamp after the last Date', '91 81 a1 61 c7 0c ff 00000000 000007dba8218001'],
    ['a bigint of no bytes', '91 81 a1 61 c7 00 03'],
    ['a negative zero with a byte', '91 81 a1 61 d4 04 00'],
    ['a Map that is no array', '91 81 a1 61 d4 01 80'],
    ['a Map of three', '91 81 a1 61 d6 01 93 010203'],
    ['a Map with a key twice', '91 81 a1 61 c7 05 01 94 01020102'],
    ['a Map with more behind it', '91 81 a1 61 d5 01 90 00'],
    ['a Map with a byte behind it that could be the next value', '91 81 a1 61 92 d5 01 90 00'],
    ['a Map that ends outside', '91 81 a1 61 d4 01 92 01 02'],
    ['an empty Map extension', '91 81 a1 61 c7 00 01'],
    ['a Set with a member twice', '91 81 a1 61 c7 03 02 92 0101'],
    ['4 billion elements', '91 81 a1 61 dd ffffffff'],
    ['4 billion properties', '91 81 a1 61 df ffffffff'],
    ['4 billion attributes', '91 df ffffffff'],
    ['4 billion maps', 'dd ffffffff 80'],
    ['4 GB of text', '91 81 a1 61 db ffffffff'],
    ['4 GB of bytes', '91 81 a1 61 c6 ffffffff'],
    ['4 GB of extension', '91 81 a1 61 c9 ffffffff 01'],
    ['65 levels of arrays', `91 81 a1 61 ${'91'.repeat(65)} 01`],
    ['65 levels of maps', `91 81 a1 61 ${'81a161'.repeat(65)} 01`],
    ['100,001 values', `91 81 a1 61 dd 000186a0 ${'00'.repeat(100_000)}`],
  ])('%s is malformed', (_what, hex) => {
    expectMalformed(codec, bytesOf(hex))
  })

  it('bounds the depth through Maps and Sets too', () => {
    const levels = (count: number): Uint8Array => {
      let inner = Buffer.from([1])
      for (let i = 0; i < count; i++) {
        const head = Buffer.from([0xc9, 0, 0, 0, 0, 2, 0x91])
        head.writeUInt32BE(inner.length + 1, 1)
        inner = Buffer.concat([head, inner])
      }
      return Buffer.concat([bytesOf('91 81 a1 61'), inner])
    }
    expect(codec.decode(levels(64)).attributes.size).toBe(1)
    expectMalformed(codec, levels(65))
  })

  it('does not take bytes for a key it has seen before', () => {
    // Enough of them for some to fall into the slot of the key that they look like.
    const units = fc.array(fc.integer({ min: 0xa0, max: 0xff }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(units, (bytes) => {
        const raw = Uint8Array.from(bytes)
        fc.pre(!isUtf8(raw))
        encodeAndRead(String.fromCharCode(...bytes))
        const head = Uint8Array.of(0x91, 0x81, 0xa1, 0x61, 0x81, 0xa0 + raw.length)
        expectMalformed(codec, Buffer.concat([head, raw, Uint8Array.of(1)]))
      }),
      { numRuns: 5_000 },
    )
    // Many keys for few slots: each has to come back as itself.
    for (let i = 0; i < 5_000; i++) encodeAndRead(`k${i * 7}`)
    function encodeAndRead(key: string): void {
      expect(Object.keys(roundTrip(codec, { [key]: 1 }) as object)).toEqual([key])
    }
  })
})

describe('json: the text', () => {
  const codec = codecs.json

  it.each<[unknown, string]>([
    [[1, 'é', null, true], '[1,"é",null,true]'],
    [new Date(-1), '{"$date":-1}'],
    [new Map([['k', 1]]), '{"$map":[["k",1]]}'],
    [new Set([1]), '{"$set":[1]}'],
    [-123n, '{"$bigint":"-123"}'],
    [new Uint8Array([1, 2]), '{"$bytes":"AQI="}'],
    [
      [Number.NaN, Infinity, -Infinity, -0],
      '[{"$number":"NaN"},{"$number":"Infinity"},{"$number":"-Infinity"},{"$number":"-0"}]',
    ],
    [{ $date: 1 }, '{"$object":{"$date":1}}'],
    [{ $object: { $x: 1 } }, '{"$object":{"$object":{"$object":{"$x":1}}}}'],
    [{ $: new Date(1) }, '{"$object":{"$":{"$date":1}}}'],
    [{ $date: 1, other: 2 }, '{"$date":1,"other":2}'],
    [{ other: 2, $date: 1 }, '{"other":2,"$date":1}'],
  ])('%o', (value, text) => {
    expect(textOf(encodeOne(codec, value))).toBe(`[{"a":${text}}]`)
    expect(isDeepStrictEqual(roundTrip(codec, value), value)).toBe(true)
  })

  it('wraps an object whose only stored property begins with $', () => {
    expect(textOf(encodeOne(codec, { $x: 1, y: undefined }))).toBe('[{"a":{"$object":{"$x":1}}}]')
  })

  it('takes no attribute for a tag', () => {
    const attributes = new Map([['$date', 'x']])
    expect(textOf(codec.encode(attributes, attributes))).toBe('[{"$date":"x"},{"$date":"x"}]')
    expect(codec.decode(codec.encode(attributes, none)).attributes).toEqual(attributes)
  })

  it.each(
    [
      ['', '{}', '[]', '[{},{},{}]', '[[]]', '[null]', '[{}]x', '[{"a":1}', '\ufeff[{}]'],
      ['[{"":1}]', '[{"__proto__":1}]', '[{"constructor":1}]', '[{},{"prototype":1}]'],
      ['[{"a":"\\ud800"}]', '[{"a":{"\\udc00":1}}]', '[{"a\\ud800":1}]', '[{"a":1e999}]'],
      ['[{"a":{"$x":1}}]', '[{"a":{"$":1}}]', '[{"a":{"$object":[]}}]', '[{"a":{"$object":null}}]'],
      ['[{"a":{"$date":1.5}}]', '[{"a":{"$date":"1"}}]', '[{"a":{"$date":8640000000000001}}]'],
      ['[{"a":{"$bigint":1}}]', '[{"a":{"$bigint":""}}]', '[{"a":{"$bigint":"0x1"}}]'],
      ['[{"a":{"$bigint":"01"}}]', '[{"a":{"$bigint":"-0"}}]', '[{"a":{"$bigint":" 1"}}]'],
      [
        '[{"a":{"$bytes":"A"}}]',
        '[{"a":{"$bytes":"AQI"}}]',
        '[{"a":{"$bytes":[]}}]',
        '[{"a":{"$bytes":"A QI="}}]',
      ],
      [
        '[{"a":{"$number":"1"}}]',
        '[{"a":{"$number":1}}]',
        '[{"a":{"$set":{}}}]',
        '[{"a":{"$set":[1,1]}}]',
      ],
      [
        '[{"a":{"$map":{}}}]',
        '[{"a":{"$map":[1]}}]',
        '[{"a":{"$map":[[1]]}}]',
        '[{"a":{"$map":[[1,2],[1,3]]}}]',
      ],
      [
        `[{"a":${'['.repeat(65)}${']'.repeat(65)}}]`,
        `[{"a":${'{"$set":['.repeat(65)}${']}'.repeat(65)}}]`,
      ],
      [
        `[{"a":${'{"x":'.repeat(65)}1${'}'.repeat(65)}}]`,
        `[{"a":${'{"$map":[[0,'.repeat(65)}1${']]}'.repeat(65)}}]`,
      ],
      [`[{"a":[${'0,'.repeat(99_999)}0]}]`, '['.repeat(1_000_000)],
    ]
      .flat()
      .map((text) => [text.slice(0, 60), text]),
  )('%s is malformed', (_start, text) => {
    expectMalformed(codec, jsonBytes(text))
  })

  it('is malformed when it is not UTF-8', () => {
    expectMalformed(codec, bytesOf('5b7b2261223a22ff227d5d'))
  })

  it('does not quote the payload in errors', () => {
    const { message, stack, cause } = thrownBy(() => codec.decode(jsonBytes('[{"a":canary}]')))
    expect(`${message} ${stack} ${String(cause)}`).not.toContain('canary')
  })
})

describe.each(both)('%s: hostile bytes', (_name, codec) => {
  function expectDecodedOrRefused(bytes: Uint8Array): void {
    const start = performance.now()
    try {
      const { attributes, meta } = codec.decode(bytes)
      // What is read can be written, and is the same then.
      expect(contentOf(codec, codec.encode(attributes, meta))).toEqual({ attributes, meta })
    } catch (error) {
      // With a cause it is one that nobody foresaw.
      if (!(error instanceof MalformedPayloadError) || error.cause !== undefined) throw error
    }
    expect(performance.now() - start).toBeLessThan(2_000)
  }

  it('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectDecodedOrRefused), {
      numRuns: 2000,
    })
  })

  it('random bytes in place of a value', () => {
    const head = codec.id === 0 ? bytesOf('91 81 a1 61') : jsonBytes('[{"a":')
    const tail = codec.id === 0 ? '' : '}]'
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
        expectDecodedOrRefused(Buffer.concat([head, bytes, Buffer.from(tail)]))
      }),
      { numRuns: 3000 },
    )
  })

  it('valid payloads with bytes changed, cut or repeated', () => {
    const change = fc.tuple(fc.nat(), fc.constantFrom('set', 'cut', 'drop', 'twice'), fc.nat(255))
    fc.assert(
      fc.property(storable, fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
        let bytes = Buffer.from(encodeOne(codec, value))
        for (const [where, how, byte] of changes) {
          const at = where % (bytes.length + 1)
          if (how === 'set' && at < bytes.length) bytes[at] = byte
          else if (how === 'cut') bytes = bytes.subarray(0, at)
          else if (how === 'drop')
            bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
          else bytes = Buffer.concat([bytes.subarray(0, at), bytes])
        }
        expectDecodedOrRefused(bytes)
      }),
      { numRuns: 3000 },
    )
  })

  it('a megabyte of the same byte, and of heads that promise much', () => {
    for (let byte = 0; byte < 256; byte++) {
      expectDecodedOrRefused(Buffer.alloc(100_000, byte))
    }
    const promise = Buffer.alloc(1_000_000, bytesOf('dd 000f4240'))
    expectDecodedOrRefused(Buffer.concat([bytesOf('91 81 a1 61'), promise]))
  })
})

describe('the sample session', () => {
  it('has 356 bytes as JSON', () => {
    expect(Buffer.byteLength(JSON.stringify(sampleSession))).toBe(356)
  })
})
