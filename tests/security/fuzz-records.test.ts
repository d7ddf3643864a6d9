/**
 * What stands in Redis: changed there, and, behind a right MAC, what only who has the secrets could write, so that what is
 * read after the MAC has been looked at is reached as well.
 */
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openEntry, sealEntry } from '../../src/core/audit-entry.ts'
import { type Codec, codecs, MalformedPayloadError } from '../../src/core/codec.ts'
import { gcmSeal, hmacSha256 } from '../../src/core/crypto.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import { NO_META } from '../../src/core/meta.ts'
import { namePrincipal, openDescriptor, sealDescriptor } from '../../src/core/principal.ts'
import { encodeRecord, openRecord, type SealMode } from '../../src/core/record.ts'
import { createToken, type Token, tokenBytes } from '../../src/core/token.ts'
import {
  isSuperseded,
  makeClaim,
  makeForward,
  makeSuperseded,
  readTrail,
  settledForward,
  successorOf,
} from '../../src/core/trail.ts'
import { storable } from '../support/storable-values.ts'
import { FEW, foreseen, LONG, MANY, must, mutated, runs, SOME } from './support/mutations.ts'

const keyring = createKeyring([
  ...['a secret for tests, of 32 bytes or more', 'a former one, of 32 bytes or more'],
])
const { seal } = keyring.primary
const CODECS = [codecs.messagepack, codecs.json]

/** Of each kind of value that there is. */
const values: readonly unknown[] = [
  ...[
    { b: [1, 'two', null] },
    new Map<unknown, unknown>([[{ k: 1 }, new Set(['a', 2])]]),
    2n ** 70n,
  ],
  ...[
    -5n,
    new Date(0),
    new Date(1.5e12),
    Buffer.from('bytes'),
    -0,
    Number.NaN,
    1e300,
    'x'.repeat(300),
  ],
  ...[new Set([1, [2]]), Number.NEGATIVE_INFINITY, { $date: 1 }, [[[[{}]]]], '\u{1f600}', 2 ** 40],
]
const attributes = new Map(values.map((value, i) => [`attribute ${i}`, value]))
const meta = new Map<string, unknown>([
  ...([
    ['p', 'ada'],
    ['a', 1e12],
    ['l', 2],
    ['b', { agent: 'abc' }],
  ] as const),
])

interface Made {
  readonly token: Token
  readonly mode: SealMode
  readonly record: Uint8Array
}

function make(mode: SealMode, codec: Codec, compressAbove: number, ownerTag?: string): Made {
  const token = createToken(keyring)
  const header = {
    ...{ revision: 1, createdAt: 1e12, deadline: 2e12, idleTimeout: 1e6, schema: 1, ownerTag },
  }
  const settings = { codec, seal: mode, compressAbove, maxBytes: 65_536 }
  const context = { keyring, id: token.id, token }
  return { token, mode, record: encodeRecord(header, { attributes, meta }, context, settings) }
}

const records: readonly Made[] = ([0, 1, 2] as const).flatMap((mode) =>
  CODECS.flatMap((codec) => [
    make(mode, codec, 0, 'A'.repeat(22)),
    make(mode, codec, Number.POSITIVE_INFINITY),
  ]),
)
const contextOf = ({ token }: Made): Parameters<typeof openRecord>[1] => ({
  ...{ keyring, id: token.id, token: { secret: token.secret, recordKey: undefined } },
})

it(
  'S25 S27 fuzzed records: no crash, and none opens that is not what was sealed',
  () => {
    for (const made of records) expect(openRecord(made.record, contextOf(made)).status).toBe('open')
    fc.assert(
      fc.property(
        mutated(records, ({ record }) => record),
        ({ item, bytes }) => {
          const isOpen = openRecord(bytes, contextOf(item)).status === 'open'
          expect(isOpen).toBe(bytes.equals(item.record))
        },
      ),
      runs(MANY),
    )
  },
  LONG,
)

/** A record of this head and body with a right tag, whatever they say. */
function sealed({ token }: Made, head: Buffer, body: Uint8Array): Buffer {
  const mode = ((head[1] ?? 0) >> 3) & 3
  const id = Buffer.from(token.id)
  const parts = mode === 2 ? [id, token.secret] : [id]
  const key = hmacSha256(seal, Uint8Array.of(mode), ...parts)
  const additional = Buffer.concat([head, id])
  if (mode !== 0) {
    return Buffer.concat([head, gcmSeal(key, head.subarray(2, 14), additional, body)])
  }
  const tag = hmacSha256(key, additional, body).subarray(0, 16)
  return Buffer.concat([head, body, tag])
}

const headOf = ({ record }: Made): Buffer => {
  return Buffer.from(record.subarray(0, ((record[1] ?? 0) & 0x20) === 0 ? 36 : 52))
}

interface Corpus extends Made {
  readonly body: Uint8Array
}

it(
  'S24 S27 fuzzed payloads behind a right MAC, compressed or not: a value, or a foreseen refusal',
  () => {
    const corpus = records.map((made): Corpus => {
      const codec = CODECS[(made.record[1] ?? 0) & 3] as Codec
      const payload = codec.encode(attributes, meta)
      const isCompressed = ((made.record[1] ?? 0) & 4) !== 0
      return { ...made, body: isCompressed ? deflateRawSync(payload) : payload }
    })
    for (const made of corpus) {
      const whole = openRecord(sealed(made, headOf(made), made.body), contextOf(made))
      expect(whole.status).toBe('open')
    }
    const counts = { open: 0, payload: 0 }
    fc.assert(
      fc.property(
        mutated(corpus, ({ body }) => body),
        ({ item, bytes }) => {
          const opened = openRecord(sealed(item, headOf(item), bytes), contextOf(item))
          if (opened.status === 'rejected') {
            must(opened.reason === 'payload', opened.reason)
            counts.payload++
            return
          }
          counts.open++
          // Whatever came out can be stored again, and is the same then.
          const codec = codecs.messagepack
          const again = codec.decode(codec.encode(opened.attributes, NO_META)).attributes
          expect([...again.keys()]).toEqual([...opened.attributes.keys()])
        },
      ),
      runs(SOME),
    )
    expect(Math.min(counts.open, counts.payload)).toBeGreaterThan(SOME / 50)
  },
  LONG,
)

it(
  'S25 S27 fuzzed headers behind a right MAC: read as they stand, or a foreseen refusal',
  () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(mutated(records, headOf), ({ item, bytes }) => {
        const given = Buffer.concat([bytes, Buffer.alloc(52)])
        const head = given.subarray(0, ((given[1] ?? 0) & 0x20) === 0 ? 36 : 52)
        const body = codecs.messagepack.encode(attributes, NO_META)
        const record = bytes.length < 16 ? bytes : sealed(item, head, body)
        const opened = openRecord(record, contextOf(item))
        seen.add(opened.status === 'open' ? 'open' : opened.reason)
      }),
      runs(SOME),
    )
    expect([...seen].sort()).toEqual(['format', 'key', 'open', 'payload'])
  },
  LONG,
)

it(
  'S24 fuzzed payloads of any value: MalformedPayloadError, and nothing else',
  () => {
    let decoded = 0
    const some = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), storable, { maxKeys: 3 })
    const corpora = fc.tuple(some, fc.nat({ max: 1 })).chain(([data, which]) => {
      const codec = CODECS[which] as Codec
      const payload = codec.encode(new Map(Object.entries(data)), meta)
      return mutated([codec], () => payload)
    })
    fc.assert(
      fc.property(corpora, ({ item, bytes }) => {
        try {
          item.decode(bytes)
          decoded++
        } catch (error) {
          foreseen(error, MalformedPayloadError)
        }
      }),
      runs(SOME),
    )
    expect(decoded).toBeGreaterThan(SOME / 20)
    expect(({} as Record<string, unknown>)['x']).toBe(undefined)
  },
  LONG,
)

it(
  'S04 S25 fuzzed trails: none leads to where it was not made to, behind a right MAC neither',
  () => {
    const from = createToken(keyring, 5)
    const to = createToken(keyring, 5)
    const corpus = [
      ...[makeForward(keyring, from, to, 2e12), makeClaim(keyring, from, to, 2e12, true)],
      ...[makeClaim(keyring, from, to, 2e12, false), makeSuperseded(), makeSuperseded(to.id)],
    ]
    const read = (bytes: Uint8Array): ReturnType<typeof readTrail> =>
      readTrail(keyring, from, bytes)
    expect(corpus.map((trail) => read(trail).kind)).toEqual([
      ...['forward', 'forward', 'forward', 'superseded', 'superseded'],
    ])
    const seen = new Map<string, number>()
    fc.assert(
      fc.property(
        mutated(corpus, (trail) => trail),
        ({ bytes }) => {
          const trail = read(bytes)
          seen.set(trail.kind, (seen.get(trail.kind) ?? 0) + 1)
          must(trail.kind !== 'forward' || trail.token.text === to.text, 'the token made for it')
          expect(isSuperseded(bytes)).toBe(bytes[1] === 0x81 && [14, 41].includes(bytes.length))
          expect(successorOf(bytes)?.length ?? 25).toBe(25)
          const settled = settledForward(bytes, 1e12)
          must(!settled || settledForward(settled, 1e12) === undefined, 'settled once')
        },
      ),
      runs(SOME),
    )
    expect([...seen.keys()].sort()).toEqual(['forward', 'superseded', 'unreadable'])

    // The token in it, behind the seal that only the former token's holder can make.
    const start = Buffer.from(corpus[0] as Uint8Array).subarray(0, 48)
    const key = hmacSha256(seal, Uint8Array.of(3), Buffer.from(from.id), from.secret)
    const additional = Buffer.concat([start.subarray(0, 41), Buffer.from(from.id)])
    fc.assert(
      fc.property(mutated([to], tokenBytes), ({ bytes }) => {
        const body = gcmSeal(key, start.subarray(2, 14), additional, bytes)
        const trail = read(Buffer.concat([start, body]))
        const isWhole = bytes.equals(tokenBytes(to))
        expect(trail.kind).toBe(isWhole ? 'forward' : 'unreadable')
      }),
      runs(FEW),
    )
  },
  LONG,
)

it(
  'S24 S25 fuzzed audit entries and descriptors: what was sealed, or none; a foreseen refusal behind a right MAC',
  () => {
    const { id } = createToken(keyring)
    const entries = ['login', 'logout'].map((event) =>
      sealEntry(keyring, event, 1e12, { id, principal: 'ada' }),
    )
    fc.assert(
      fc.property(
        mutated(entries, ({ details }) => details),
        ({ item, bytes }) => {
          const { unreadable } = openEntry(keyring, { ...item, position: '1-0', details: bytes })
          expect(unreadable).toBe(!bytes.equals(Buffer.from(item.details)))
        },
      ),
      runs(SOME),
    )
    const { tag } = namePrincipal('ada', Buffer.from('pepper'))
    const about = { createdAt: 1e12, deadline: 2e12, idleTimeout: 1e6, principal: 'ada' }
    const descriptors = ['web', undefined].map((kind) => {
      const details = { ...about, kind, device: 'a phone', address: '192.0.2.1' }
      return sealDescriptor({ keyring, pepper: Buffer.from('pepper') }, tag, id, details)
    })
    fc.assert(
      fc.property(
        mutated(descriptors, (bytes) => bytes),
        ({ item, bytes }) => {
          const descriptor = openDescriptor(keyring, tag, id, bytes)
          expect(descriptor !== undefined).toBe(bytes.equals(item))
        },
      ),
      runs(SOME),
    )

    const content = codecs.messagepack.encode(
      new Map<string, unknown>([
        ['x', 2e12],
        ['p', 'ada'],
        ['d', 'a phone'],
      ]),
      NO_META,
    )
    const head = Buffer.from(descriptors[0] as Uint8Array).subarray(0, 31)
    const detailsHead = Buffer.from((entries[0] as (typeof entries)[number]).details).subarray(
      0,
      15,
    )
    const at = Buffer.alloc(7)
    at[0] = 5
    at.writeUIntBE(1e12, 1, 6)
    let read = 0
    fc.assert(
      fc.property(
        mutated([content], (bytes) => bytes),
        ({ bytes }) => {
          const details = Buffer.concat([
            detailsHead,
            gcmSeal(
              ...([hmacSha256(seal, at), detailsHead.subarray(3)] as const),
              Buffer.concat([detailsHead, Buffer.from('login')]),
              bytes,
            ),
          ])
          const descriptor = Buffer.concat([
            head,
            gcmSeal(
              ...([
                hmacSha256(seal, Uint8Array.of(4), Buffer.from(tag)),
                head.subarray(19),
              ] as const),
              Buffer.concat([head, Buffer.from(id)]),
              bytes,
            ),
          ])
          try {
            openEntry(keyring, { event: 'login', at: 1e12, position: '1-0', details })
            expect(openDescriptor(keyring, tag, id, descriptor)).toBeTypeOf('object')
            read++
          } catch (error) {
            foreseen(error, MalformedPayloadError)
          }
        },
      ),
      runs(FEW),
    )
    expect(read).toBeGreaterThan(FEW / 50)
  },
  LONG,
)
