/** A web node that says what its near cache claims to hold, and what its heap really holds for that. */
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import type { RedisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { answer, argument } from '../../support/answer.ts'
import { request, SECRET } from '../../support/requests.ts'

export interface WeighingNode {
  readonly redis: string
}

export interface Weighing {
  readonly kind: string
  /** So many sessions, each with values of its own, that what is claimed comes to this. */
  readonly bytes: number
  /** By this process, which goes on changing something else in it, and not by another. */
  readonly isWritten?: boolean
  readonly codec?: 'messagepack' | 'json'
  readonly maxBytes: number
}

export interface Weighed {
  readonly entries: number
  readonly claimed: number
  readonly real: number
}

const many = (count: number, make: (at: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, at) => make(at))
const fields = (count: number, name: (at: number) => string, value: unknown = 1): object =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [name(at), value]))
const pairs = (count: number): [number, number][] =>
  Array.from({ length: count }, (_, at) => [at, at])

const kinds: Readonly<Record<string, (number: number) => unknown>> = {
  'empty lists': () => many(10_000, () => []),
  'lists of one': () => many(5_000, () => [1]),
  'empty objects': () => many(10_000, () => ({})),
  'objects of four': () => many(2_000, () => fields(4, (at) => `f${at}`)),
  'objects of thirty': () => many(400, () => fields(30, (at) => `field${at}`)),
  'objects of two hundred': () => many(60, () => fields(200, (at) => `wide${at}`)),
  'whole numbers where there are fractions elsewhere': () =>
    many(2_000, (at) => fields(4, (key) => `number${key}`, at === 0 ? 0.5 : at)),
  'keys of their own': (n: number) => fields(1_500, (at) => `key-${n}-${at}`),
  'objects with keys of their own': (n: number) => many(800, (at) => ({ [`key-${n}-${at}`]: 1 })),
  'whole-number keys': () => many(100, (at) => ({ [at + 700]: 1 })),
  'whole-number keys far apart': () => many(1_000, (at) => ({ [at * 1_000 + 5_000]: 1 })),
  'whole-number keys from 0 on': () => fields(3_000, String),
  'empty Maps': () => many(4_000, () => new Map()),
  'Maps of five': () => many(1_000, () => new Map(pairs(5))),
  'a large Map': () => new Map(pairs(9_000)),
  'empty Sets': () => many(4_000, () => new Set()),
  'small whole numbers': () => many(20_000, (at) => at % 100),
  fractions: () => many(5_000, (at) => at + 0.5),
  dates: () => many(2_000, (at) => new Date(1_700_000_000_000 + at)),
  bytes: () => many(1_000, () => new Uint8Array(8)),
  bigints: () => many(3_000, (at) => BigInt(at)),
  'short text': (n: number) => many(3_000, (at) => `${n}-${at}`),
  'long text': (n: number) => `${n} `.repeat(20_000).slice(0, 40_000),
  'wide text': (n: number) => `${n}’`.repeat(20_000).slice(0, 20_000),
  // The smallest come last: by then the process itself has grown as far as it will.
  'a cart': (n: number) =>
    many(100, (at) => ({ sku: `AB-${n}-${at}`, quantity: 1, price: 9.5, options: { gift: true } })),
  'one number': () => 1,
}

const { redis } = argument() as WeighingNode

function memory(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

interface Data {
  value: unknown
  n: number
  note: string
}

/** As many as fit into the smallest near cache that is weighed. */
const FIRST = 5

let weighings = 0

function remembered(node: Sessions<Data>): number {
  return (node.engine as RedisEngine).recent.bytes
}

async function weigh({ kind, bytes, isWritten, codec, maxBytes }: Weighing): Promise<Weighed> {
  const options = {
    ...{ redis, secrets: [SECRET], prefix: `sj:w${weighings++}`, maxBytes: 200_000 },
    codec: codec ?? 'messagepack',
  }
  const writer = createSessions<Data>({ ...options, nearCache: false })
  const node = createSessions<Data>({ ...options, nearCache: { maxBytes } })
  await node.ready()
  const write = async (n: number): Promise<string> => {
    const session = await (isWritten === true ? node : writer).open()
    session.set('value', kinds[kind]?.(n))
    await session.commit()
    return session.token ?? ''
  }
  const read = async (token: string): Promise<void> => {
    const { session } = await request(node, token)
    if (session.get('value') === undefined) throw new Error('not there')
    for (let n = 0; n < (isWritten === true ? 4 : 0); n++) {
      session.set('n', n)
      session.set('note', n % 2 === 0 ? 'x'.repeat(1_000) : undefined)
      await session.commit()
    }
  }
  // The first ones, which are not counted, are for what there is once in a process.
  for (let n = 0; n < FIRST; n++) await read(await write(10_000 + n))
  const first = node.stats().nearCache.bytes + remembered(node)
  const count = Math.ceil(bytes / (first / FIRST))
  const tokens: string[] = []
  if (isWritten !== true) for (let n = 0; n < count; n++) tokens.push(await write(n))
  const empty = node.stats().nearCache
  const [before, rememberedBefore] = [memory(), remembered(node)]
  for (let n = 0; n < count; n++) await read(tokens[n] ?? (await write(n)))
  const real = memory() - before
  const full = node.stats().nearCache
  await writer.close()
  await node.close()
  // What was written lately is remembered beside it, to be repeated (decision 0024).
  const claimed = full.bytes - empty.bytes + remembered(node) - rememberedBefore
  return { entries: full.entries, claimed, real }
}

answer({ weigh, kinds: () => Object.keys(kinds) })
