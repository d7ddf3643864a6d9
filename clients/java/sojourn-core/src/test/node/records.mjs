// Records for the Java tests, and a judge of theirs: the same values must be in them.
// Usage: node records.mjs <dist> make <count> <seed>   one JSON object a line on standard output
//        node records.mjs <dist> check                 the same on standard input; `<n> right`, or what is wrong
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [dist, what, count, seed] = process.argv.slice(2)
const from = (name) => import(pathToFileURL(`${dist}/core/${name}.js`).href)
const [{ codecs }, { createKeyring }, { encodeRecord, openRecord }, { createToken, parseToken }, { equalValues }] =
  await Promise.all(['codec', 'keyring', 'record', 'token', 'values'].map(from))

const keyring = createKeyring(['interop secret, of Java and Node: 0123456789'])
const OWNER = 'DbEUZf9dZJeQ2x8rThQnxA'
const hex = (bytes) => Buffer.from(bytes).toString('hex')

let state = Number(seed) >>> 0
function next(below) {
  state = (state + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below
}
const one = (list) => list[next(list.length)]

const TEXTS = ['', 'a', 'Zoë 🙂', '\0', '$date', '$x', '__proto__', '\u2028\ufeff', '"\\\n', 'x'.repeat(31), 'é'.repeat(200)]
const NUMBERS = [
  ...[0, -0, 1, -1, 127, 128, 255, 256, 65535, 65536, -32, -33, -128, -129, -32768, -32769, 2 ** 31, 2 ** 32, -(2 ** 31) - 1],
  ...[2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 53, 2 ** 64, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity],
]
const BIGINTS = [0n, 1n, -1n, 127n, 128n, -128n, -129n, 2n ** 53n, -(2n ** 63n), 2n ** 64n, 2n ** 70n, -(2n ** 200n)]
const DATES = [0, 1, -1, 999, -1000, 1732440000123, 4294967296000, 17179869184000, -62135596800000, 8.64e15, -8.64e15]

function value(depth) {
  switch (next(depth < 4 ? 15 : 9)) {
    case 0:
      return null
    case 1:
      return next(2) === 0
    case 2:
    case 3:
      return one(TEXTS)
    case 4:
      return one(NUMBERS)
    case 5:
      return (next(2 ** 31) - 2 ** 30) / one([1, 2, 3, 1000])
    case 6:
      return one(BIGINTS)
    case 7:
      return new Date(one(DATES))
    case 8:
      return Uint8Array.from({ length: next(40) }, () => next(256))
    case 9:
    case 10:
      return Array.from({ length: next(6) }, () => value(depth + 1))
    case 11:
      return new Map(Array.from({ length: next(5) }, () => [value(depth + 2), value(depth + 1)]))
    case 12:
      return new Set(Array.from({ length: next(5) }, () => value(depth + 1)))
    default: {
      const entries = Array.from({ length: next(5) }, () => [one(TEXTS), value(depth + 1)])
      return Object.fromEntries(entries)
    }
  }
}

function make() {
  const token = createToken(keyring, next(1024))
  const names = Array.from({ length: next(5) }, (_, i) => `a${i}`)
  const attributes = new Map(names.map((name) => [name, value(0)]))
  const meta = new Map(next(2) === 0 ? [] : [['p', 'user-1'], ['a', 1732440000000], ['z', value(0)]])
  const header = {
    revision: one([1, 7, 0xffff_fffe]),
    createdAt: 1732440000000,
    deadline: 1732483200000 + next(1000),
    idleTimeout: 1800000,
    schema: next(65536),
    ownerTag: next(2) === 0 ? OWNER : undefined,
  }
  const codec = one([codecs.messagepack, codecs.json])
  const format = { codec, seal: next(3), compressAbove: one([0, 256, Number.POSITIVE_INFINITY]), maxBytes: 2 ** 23 }
  const record = encodeRecord(header, { attributes, meta }, { keyring, id: token.id, token }, format)
  return {
    token: token.text,
    record: hex(record),
    revision: header.revision,
    deadline: header.deadline,
    schema: header.schema,
    owner: header.ownerTag ?? null,
    payload: hex(codecs.messagepack.encode(attributes, meta)),
    content: hex(codecs.json.encode(attributes, meta)),
  }
}

function same(a, b) {
  return a.size === b.size && [...a].every(([name, item]) => b.has(name) && equalValues(item, b.get(name)))
}

function judge({ token: text, record, payload, content, owner }) {
  const token = parseToken(keyring, text)
  if (token === undefined) return 'the token is none'
  const opened = openRecord(Buffer.from(record, 'hex'), { keyring, id: token.id, token })
  if (opened.status !== 'open') return `the record does not open: ${opened.reason}`
  if ((opened.header.ownerTag ?? null) !== owner) return 'another owner'
  for (const expected of [
    codecs.messagepack.decode(Buffer.from(payload, 'hex')),
    codecs.json.decode(Buffer.from(content, 'hex')),
  ]) {
    if (!same(opened.attributes, expected.attributes)) return 'other attributes'
    if (!same(opened.meta, expected.meta)) return 'other meta'
  }
  return undefined
}

if (what === 'make') {
  for (let i = 0; i < Number(count); i++) console.log(JSON.stringify(make()))
} else {
  let right = 0
  for await (const line of createInterface({ input: process.stdin })) {
    const problem = judge(JSON.parse(line))
    if (problem !== undefined) console.log(`line ${right + 1}: ${problem}: ${line.slice(0, 2000)}`)
    else right++
  }
  console.log(`${right} right`)
}
