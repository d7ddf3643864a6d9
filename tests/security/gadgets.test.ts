import { Encoder, ExtData } from '@msgpack/msgpack'
import { describe, expect, it } from 'vitest'
import { type Codec, codecs, MalformedPayloadError } from '../../src/core/codec.ts'

/** What they would do, if they did anything. */
const DEED = 'globalThis.sojournPwned = true'

const CLASSIC: Readonly<Record<string, unknown>> = {
  'node-serialize': `_$$ND_FUNC$$_function(){${DEED}}()`,
  'serialize-to-js': `new Function(${JSON.stringify(DEED)})()`,
  'js-yaml': `!!js/function 'function(){${DEED}}'`,
  funcster: { __js_function: `function(){${DEED}}` },
  cryo: {
    root: '_CRYO_REF_0',
    references: [{ contents: {}, value: `_CRYO_FUNCTION_function(){${DEED}}` }],
  },
  'a BSON code': { $code: `function(){${DEED}}`, $scope: {} },
  'a type that a reader would make': {
    '@class': 'javax.swing.JEditorPane',
    page: 'http://127.0.0.1/',
  },
  'a Python object': { 'py/object': 'os.system', args: ['true'] },
  'toJSON and valueOf': { toJSON: DEED, valueOf: DEED, toString: DEED },
}

/** Bytes that another reader takes for objects and runs: not ours. */
const FOREIGN: Readonly<Record<string, Buffer>> = {
  'Java serialization': Buffer.from('aced0005737200116a6176612e7574696c2e48617368536574', 'hex'),
  pickle: Buffer.from("cos\nsystem\n(S'true'\ntR."),
  'pickle, protocol 4': Buffer.from(
    '80049514000000000000008c05706f736978948c0673797374656d9493',
    'hex',
  ),
  'PHP serialize': Buffer.from('O:8:"stdClass":1:{s:1:"a";O:3:"PDO":0:{}}'),
  YAML: Buffer.from('!!python/object/apply:os.system ["true"]'),
}

/** Nothing has run, and no prototype was changed. */
const isUntouched = (): boolean =>
  !('sojournPwned' in globalThis) && !('polluted' in {}) && Object.keys({}).length === 0

type Outcome = 'inert' | 'refused' | 'dangerous'

function outcomeOf(codec: Codec, bytes: Uint8Array): Outcome {
  try {
    const value = codec.decode(bytes).attributes.get('a')
    return isInert(value) && isUntouched() ? 'inert' : 'dangerous'
  } catch (error) {
    return error instanceof MalformedPayloadError && isUntouched() ? 'refused' : 'dangerous'
  }
}

/** Data all the way down: no function, and nothing of a class but of those that are stored as values. */
function isInert(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null) return true
  if (value instanceof Date || value instanceof Uint8Array) return true
  if (value instanceof Map) return [...value].flat().every(isInert)
  if (value instanceof Set) return [...value].every(isInert)
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value)
  return isPlain && Object.values(value).every(isInert)
}

describe.each([codecs.messagepack, codecs.json])('$name', (codec) => {
  it.each(Object.entries(CLASSIC))('S23 %s stays what it is: data', (_, gadget) => {
    const bytes = codec.encode(new Map([['a', gadget]]), new Map())
    const read = codec.decode(bytes).attributes.get('a')
    expect(isInert(read)).toBe(true)
    expect(read).toEqual(gadget)
    expect(isUntouched()).toBe(true)
  })

  it.each(Object.entries(FOREIGN))('S23 %s is no payload', (_, bytes) => {
    expect(() => codec.decode(bytes)).toThrow(MalformedPayloadError)
  })

  it('S23 S24 prototypes are out of reach', () => {
    const payloads = ['__proto__', 'constructor', 'prototype'].map((name) =>
      Buffer.from(`[{"a":{"${name}":{"polluted":true}}}]`),
    )
    const bytesOf = (json: Buffer): Uint8Array =>
      codec === codecs.json ? json : new Encoder().encode(JSON.parse(json.toString()) as unknown)
    expect(payloads.map((json) => outcomeOf(codec, bytesOf(json)))).not.toContain('dangerous')
  })
})

it('S23 no type of MessagePack’s extensions makes anything but a value, and unknown ones are refused', () => {
  const outcomes = new Map<number, Set<Outcome>>()
  for (let type = -128; type < 128; type++) {
    const seen = new Set<Outcome>()
    outcomes.set(type, seen)
    for (const content of [
      Buffer.from(DEED),
      Buffer.from([0x90]),
      Buffer.from([0x80]),
      Buffer.alloc(8),
    ]) {
      seen.add(
        outcomeOf(codecs.messagepack, new Encoder().encode([{ a: new ExtData(type, content) }])),
      )
    }
  }
  expect([...outcomes.values()].some((seen) => seen.has('dangerous'))).toBe(false)
  // Dates, maps, sets, big integers, and what else protocol/README.md names.
  const known = [...outcomes].filter(([, seen]) => seen.has('inert'))
  expect(known.length).toBeLessThan(8)
  expect(known.length).toBeGreaterThan(1)
})
