// Writes protocol/vectors/*.json from the built library. Run by hand when the format changes: the
// files are what other implementations, and our own tests, are held against.
// Usage: npm run build && node scripts/make-vectors.mjs [keys] [tokens] …
// With names only those files: most of what is in them is made with random bytes.
import { writeFileSync } from 'node:fs'
import { sealEntry } from '../dist/core/audit-entry.js'
import { codecs } from '../dist/core/codec.js'
import { hmacSha256 } from '../dist/core/crypto.js'
import { createKeyring } from '../dist/core/keyring.js'
import { PARTITIONS, partitionTag } from '../dist/core/partitions.js'
import { namePrincipal, sealDescriptor } from '../dist/core/principal.js'
import { encodeRecord } from '../dist/core/record.js'
import { createToken } from '../dist/core/token.js'
import { makeForward, makeSuperseded, settledForward } from '../dist/core/trail.js'
import { indexKey, recordKey } from '../dist/engines/redis/keys.js'

const SECRETS = [
  'vector secret, current: 0123456789abcdef',
  'vector secret, former: fedcba9876543210',
]
const STRANGER = 'vector secret of nobody: 0123456789abcdef'
const keyring = createKeyring(SECRETS)
const former = createKeyring([SECRETS[1]])
const stranger = createKeyring([STRANGER])
const hex = (bytes) => Buffer.from(bytes).toString('hex')
const wanted = process.argv.slice(2)
const write = (name, about, content) => {
  if (wanted.length > 0 && !wanted.includes(name)) return
  writeFileSync(
    new URL(`../protocol/vectors/${name}.json`, import.meta.url),
    `${JSON.stringify({ about, ...content }, null, 2)}\n`,
  )
}

// Keys: everything here follows from its input alone.
write(
  'keys',
  'Subkeys of secrets (HKDF), hash tags of all partitions, names of principals, Redis keys.',
  {
    secrets: SECRETS.map((secret, i) => {
      const { id, token, seal } = keyring.keys[i]
      return { secret, keyId: id, tokenKey: hex(token.export()), sealKey: hex(seal.export()) }
    }),
    partitionTags: Array.from({ length: PARTITIONS }, (_, number) => partitionTag(number)),
    regionTags: [1, 2, 3, 4, 5, 6, 7].flatMap((region) =>
      [0, 1, 42, 1023].map((partition) => {
        return { region, partition, tag: partitionTag(partition, region) }
      }),
    ),
    principals: [
      ['user-1', ''],
      ['user-1', 'a pepper'],
      ['Zoë 🙂', ''],
    ].map(([principal, pepper]) => {
      const { tag, partition } = namePrincipal(principal, Buffer.from(pepper))
      return {
        principal,
        pepper,
        tag,
        partition,
        indexKey: indexKey('sj', partitionTag(partition), tag),
      }
    }),
  },
)

const token = (ring, partition) => createToken(ring, partition)
const mine = token(keyring, 42)
const old = token(former, 42)
const describeToken = (t) => ({
  token: t.text,
  version: 1,
  region: t.region,
  partition: t.partition,
  random: hex(t.secret),
  sessionId: t.id,
  recordKey: recordKey('sj', t.id),
})
const change = (text, at, to) => text.slice(0, at) + to + text.slice(at + 1)
const retagged = Buffer.from(mine.text, 'base64url')
retagged.writeUInt16BE(43, 1)
write(
  'tokens',
  'Under the two secrets of keys.json: tokens that are ours, and texts that are not.',
  {
    valid: [mine, old, token(keyring, 0), token(keyring, 1023), createToken(keyring, 7, 3)].map(
      describeToken,
    ),
    invalid: [
      ['empty', ''],
      ['one character short', mine.text.slice(0, -1)],
      ['one character long', `${mine.text}A`],
      ['padded', `${mine.text.slice(0, -1)}=`],
      ['standard base64 alphabet', change(mine.text, 10, '+')],
      ['first character changed', change(mine.text, 0, mine.text[0] === 'A' ? 'B' : 'A')],
      ['random part changed', change(mine.text, 20, mine.text[20] === 'A' ? 'B' : 'A')],
      ['MAC changed', change(mine.text, 47, mine.text[47] === 'A' ? 'B' : 'A')],
      ['another partition, MAC unchanged', retagged.toString('base64url')],
      ['made with another secret', token(stranger, 42).text],
      ['partition out of range, MAC right', byHand((bytes) => bytes.writeUInt16BE(1024, 1))],
      ['region out of range, MAC right', byHand((bytes) => bytes.writeUInt8(bytes[0] | 8, 0))],
      ['version 0, MAC right', byHand((bytes) => bytes.writeUInt8(0, 0))],
      ['a NUL inside', change(mine.text, 5, '\0')],
      ['not ASCII', change(mine.text, 5, 'é')],
    ].map(([why, text]) => ({ why, token: text })),
  },
)

// The plain values below are JSON in the vectors' notation: {"$date": ms}, {"$map": [[k, v]]}, … as
// in the JSON codec (protocol/README.md), whatever codec the record has.
const plain = new Map([
  ['user', { id: 'u_1', name: 'Zoë 🙂', roles: ['admin', 'editor'] }],
  ['count', 3],
  ['big', 2n ** 70n],
  ['negative', -(2n ** 64n)],
  ['ratio', 0.1],
  ['nothing', null],
  ['yes', true],
  ['at', new Date(1732440000123)],
  ['early', new Date(-1)],
  ['tags', new Set(['a', 'b'])],
  [
    'byId',
    new Map([
      [1, 'one'],
      ['two', { deep: [1, 2, 3] }],
    ]),
  ],
  ['bytes', Uint8Array.of(0, 1, 127, 128, 255)],
  ['odd', { $date: 'not a tag' }],
  ['inert', JSON.parse('{"__proto__":{"x":1},"constructor":1}')],
])
const meta = new Map([
  ['p', 'user-1'],
  ['a', 1732440000000],
  ['d', 'Firefox on Linux'],
])
const header = {
  revision: 7,
  createdAt: 1732440000000,
  deadline: 1732483200000,
  idleTimeout: 1800000,
  schema: 1,
  ownerTag: undefined,
}
const owner = namePrincipal('user-1', Buffer.alloc(0))
const owned = { ...header, ownerTag: owner.tag }
const json = (attributes, inner) =>
  JSON.parse(Buffer.from(codecs.json.encode(attributes, inner)).toString())
const NEVER = Number.POSITIVE_INFINITY

function record(why, options) {
  const {
    ring = keyring,
    of = mine,
    head = header,
    attributes = plain,
    inner = new Map(),
  } = options
  const { codec = 'messagepack', seal = 1, compressAbove = NEVER } = options
  const bytes = encodeRecord(
    head,
    { attributes, meta: inner },
    { keyring: ring, id: of.id, token: of },
    { codec: codecs[codec], seal, compressAbove, maxBytes: 1 << 20 },
  )
  return {
    why,
    sessionId: of.id,
    token: of.text,
    record: hex(bytes),
    header: { ...head, ownerTag: head.ownerTag ?? null },
    codec,
    sealing: ['authenticated', 'sealed', 'token-sealed'][seal],
    compressed: (bytes[1] & 4) !== 0,
    content: json(attributes, inner),
  }
}

const long = new Map([['text', 'all work and no play '.repeat(200)]])
const opens = [
  record('MessagePack, sealed', {}),
  record('JSON, sealed', { codec: 'json' }),
  record('MessagePack, compressed, sealed', { attributes: long, compressAbove: 0 }),
  record('JSON, compressed, sealed', { codec: 'json', attributes: long, compressAbove: 0 }),
  record('MessagePack, authenticated only', { seal: 0 }),
  record('JSON, compressed, authenticated only', {
    codec: 'json',
    seal: 0,
    attributes: long,
    compressAbove: 0,
  }),
  record('MessagePack, token-sealed', { seal: 2 }),
  record('MessagePack, compressed, token-sealed', { seal: 2, attributes: long, compressAbove: 0 }),
  record('with a principal', { head: owned, inner: meta }),
  record('under the former secret', { ring: former, of: old }),
  record('no attributes', { attributes: new Map() }),
  record('highest revision and longest lifetimes', {
    head: {
      ...header,
      revision: 0xfffffffe,
      deadline: 2 ** 48 - 1,
      idleTimeout: 2 ** 48 - 1,
      schema: 65535,
    },
  }),
]
const base = Buffer.from(opens[0].record, 'hex')
const edit = (at, value) => {
  const bytes = Buffer.from(base)
  bytes[at] = value
  return bytes
}
const rejected = (why, bytes, of = mine) => ({
  why,
  sessionId: of.id,
  token: of.text,
  record: hex(bytes),
})
const other = token(keyring, 42)
const badPayload = (payload) =>
  encodeRecord(
    header,
    { attributes: new Map(), meta: new Map() },
    { keyring, id: mine.id, token: mine },
    { codec: { id: 0, encode: () => payload }, seal: 1, compressAbove: NEVER, maxBytes: 1 << 20 },
  )
write(
  'records',
  'Under the two secrets of keys.json. `content` is the payload in the notation of the JSON codec. ' +
    'Of each record under `opens`, every change of a single byte must be refused too, and so must ' +
    'every proper prefix.',
  {
    opens,
    refused: [
      rejected('empty', Buffer.alloc(0)),
      rejected('version 0', edit(0, 0)),
      rejected('version 2', edit(0, 2)),
      rejected('codec 2', edit(1, (base[1] & ~3) | 2)),
      rejected('sealing 3', edit(1, base[1] | 0x18)),
      rejected('flag bit 6', edit(1, base[1] | 0x40)),
      rejected('said to be compressed', edit(1, base[1] | 4)),
      rejected('said to be authenticated only', edit(1, base[1] & ~0x18)),
      rejected('later absolute deadline', edit(22, base[22] + 1)),
      rejected('longer idle timeout', edit(28, base[28] + 1)),
      rejected("copied to another session's key", base, other),
      rejected(
        'a secret that is not ours',
        Buffer.from(record('', { ring: stranger }).record, 'hex'),
      ),
      rejected(
        'token-sealed for another token',
        Buffer.from(record('', { of: other, seal: 2 }).record, 'hex'),
      ),
      rejected('a byte too many', Buffer.concat([base, Buffer.of(0)])),
      rejected('authentic, payload is not MessagePack', badPayload(Buffer.from('c1', 'hex'))),
      rejected('authentic, payload is a map', badPayload(Buffer.from('80', 'hex'))),
      rejected('authentic, bytes after the payload', badPayload(Buffer.from('918000', 'hex'))),
      rejected(
        'authentic, attribute named __proto__',
        badPayload(
          Buffer.concat([Buffer.from('9181a9', 'hex'), Buffer.from('__proto__'), Buffer.of(1)]),
        ),
      ),
      rejected('authentic, attribute name is a number', badPayload(Buffer.from('91810101', 'hex'))),
    ],
  },
)

const next = token(keyring, 42)
const until = header.createdAt + 300_000
const forward = makeForward(keyring, mine, next, until)
write('trails', 'Under the two secrets of keys.json: what is left at an id that was given up.', {
  forwards: [
    {
      why: 'leads to the successor',
      ...{ from: mine.text, trail: hex(forward), to: next.text },
      ...{ sessionId: next.id, until, used: false },
    },
    {
      why: 'of which the successor has been used',
      ...{ from: mine.text, trail: hex(settledForward(forward, until - 290_000)), to: next.text },
      ...{ sessionId: next.id, until: until - 290_000, used: true },
    },
    {
      why: 'under the former secret',
      ...{ from: old.text, trail: hex(makeForward(former, old, next, until)), to: next.text },
      ...{ sessionId: next.id, until, used: false },
    },
  ],
  superseded: [
    { why: 'by a login', from: mine.text, trail: hex(makeSuperseded()), sessionId: null },
    {
      why: 'by a step-up',
      ...{ from: mine.text, trail: hex(makeSuperseded(next.id)), sessionId: next.id },
    },
  ],
  refused: [
    { why: "another token's", from: other.text, trail: hex(forward) },
    {
      why: 'to a token that is not ours',
      from: mine.text,
      trail: hex(makeForward(keyring, mine, token(stranger, 42), until)),
    },
  ],
})

const descriptor = {
  createdAt: header.createdAt,
  deadline: header.deadline,
  idleTimeout: header.idleTimeout,
  principal: 'user-1',
}
write(
  'descriptors',
  'Under the two secrets of keys.json: entries of the index of the principal `user-1`. The name is the one ' +
    'without a pepper; `pepper` is for the kind tag alone.',
  {
    ownerTag: owner.tag,
    opens: [
      { pepper: '', kind: 'web', device: 'Firefox on Linux', address: '192.0.2.1' },
      { pepper: 'a pepper', kind: 'web', device: null, address: null },
      { pepper: '', kind: null, device: null, address: null },
    ].map(({ pepper, kind, device, address }) => {
      const sealed = sealDescriptor({ keyring, pepper: Buffer.from(pepper) }, owner.tag, mine.id, {
        ...descriptor,
        kind: kind ?? undefined,
        device: device ?? undefined,
        address: address ?? undefined,
      })
      return {
        sessionId: mine.id,
        descriptor: hex(sealed),
        pepper,
        kindTag: hex(sealed.subarray(13, 17)),
        ...{ ...descriptor, kind, device, address },
      }
    }),
  },
)

const audited = (ring, event, details) => {
  const entry = sealEntry(ring, event, header.createdAt, details)
  return { event, at: entry.at, details: hex(entry.details) }
}
const signIn = {
  id: mine.id,
  principal: 'user-1',
  device: 'Firefox on Linux',
  address: '192.0.2.1',
}
const names = { id: mine.id, attributes: ['theme', 'cart'] }
const act = {
  ...{ operator: 'grace', action: 'revoked', reason: 'lost phone', principal: 'user-1' },
  ...{ found: 2, revoked: 2, verified: true },
}
const kept = audited(keyring, 'login', signIn)
write('audit', 'Under the two secrets of keys.json: entries of the audit. `at` is the field `t`.', {
  opens: [
    { why: 'a sign-in', ...kept, content: signIn },
    { why: 'a list', ...audited(keyring, 'changed', names), content: names },
    { why: 'numbers and a flag', ...audited(keyring, 'operator', act), content: act },
    {
      why: 'under the former secret',
      ...audited(former, 'logout', { id: mine.id }),
      content: { id: mine.id },
    },
  ],
  refused: [
    { why: 'another event', ...kept, event: 'logout' },
    { why: 'another time', ...kept, at: kept.at + 1 },
    { why: 'a secret that is not ours', ...audited(stranger, 'login', signIn) },
    { why: 'version 2', ...kept, details: `02${kept.details.slice(2)}` },
    { why: 'empty', ...kept, details: '' },
  ],
})

/** A token that the library does not make, with a MAC that is right. */
function byHand(edit) {
  const bytes = Buffer.from(mine.text, 'base64url')
  edit(bytes)
  hmacSha256(keyring.primary.token, bytes.subarray(0, 27)).copy(bytes, 27, 0, 9)
  return bytes.toString('base64url')
}
