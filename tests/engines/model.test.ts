import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Engine, type Limit, type Owner, stampOf } from '../../src/core/engine.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import {
  manualClock,
  testDescriptor,
  testId,
  testPrincipal,
  testRecord,
  testTrail,
} from '../../src/testing/index.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RedisTime, redisTime } from './redis-time.ts'

/*
 * Random histories on the Redis engine, with the memory engine as the model: every answer must be
 * the same. Lifetimes and advances are whole minutes, so the milliseconds that really pass on the
 * server decide nothing.
 *
 * Ids are few, so that calls meet. Each is one principal's or nobody's for good: whose session an
 * id is does not change in the contract either.
 */

const MINUTE = 60_000
const PREFIX = 'sj:model'
/** Which principal (or none) each of the ids belongs to. */
const OWNERS = [undefined, undefined, 0, 0, 0, 0, 1, 1] as const

type Operation =
  | { kind: 'load'; id: number }
  | {
      kind: 'create'
      id: number
      ttl: number
      created: number
      kindOf: number
      limit: Limit | undefined
      replaces: number | undefined
    }
  | { kind: 'commit'; id: number; stamp: Base; ttl: number; bytes: Uint8Array }
  | { kind: 'touch'; id: number; stamp: Base; ttl: number }
  | { kind: 'rotate'; id: number; to: number; stamp: Base; ttl: number; trail: number | undefined }
  | {
      kind: 'destroy'
      id: number
      stamp: Base | undefined
      named: boolean
      trail: number | undefined
    }
  | { kind: 'list'; principal: number }
  | { kind: 'revokeAll'; principal: number; except: number | undefined }
  | { kind: 'advance'; minutes: number }

/** The stamp that is stored (the last one seen, when nothing is), one seen before, or a made-up one. */
type Base = 'right' | 'stale' | 'foreign'

const id = fc.nat({ max: OWNERS.length - 1 })
const ttl = fc.integer({ min: 1, max: 20 })
const trail = fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined })
const principal = fc.nat({ max: 1 })
const base = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Base>('right') },
  { weight: 1, arbitrary: fc.constantFrom<Base>('stale', 'foreign') },
)
const limit = fc.option(
  fc.record({
    max: fc.integer({ min: 1, max: 3 }),
    maxOfKind: fc.integer({ min: 1, max: 4 }),
    policy: fc.constantFrom('evict-oldest' as const, 'evict-idle' as const, 'reject' as const),
  }),
  { nil: undefined },
)
const created = fc.oneof(
  fc.integer({ min: 0, max: 600 }),
  fc.maxSafeNat().map((n) => n % 2 ** 48),
)

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('load' as const), id }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      ...{ id, ttl, created, limit },
      kindOf: fc.nat({ max: 2 }),
      replaces: fc.option(id, { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      id,
      stamp: base,
      ttl,
      bytes: fc.uint8Array({ maxLength: 40 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('touch' as const), id, stamp: base, ttl }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('rotate' as const),
      id,
      to: id,
      stamp: base,
      ttl,
      trail,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('destroy' as const),
      id,
      stamp: fc.option(base, { nil: undefined }),
      named: fc.boolean(),
      trail,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('list' as const), principal }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('revokeAll' as const),
      principal,
      except: fc.option(id, { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      minutes: fc.integer({ min: 1, max: 12 }),
    }),
  },
)

/** A history made concrete: ids, records and stamps are chosen once and given to both engines. */
function scenario() {
  const people = [testPrincipal(), testPrincipal()] as const
  const ids = OWNERS.map((owner) => (owner === undefined ? testId() : people[owner].id()))
  const stamps = ids.map(() => [stampOf(testRecord(0))])
  let revision = 0
  let descriptors = 0

  function ownerOf(index: number, at: number, kind = 0): Owner | undefined {
    const owner = OWNERS[index]
    if (owner === undefined) return undefined
    descriptors += 1
    // Ties may be broken either way: no two descriptors have the same time, and no two of the same
    // history's 60 are unused for as long, to far more than the time that really passes.
    const created = (at * 1_024 + descriptors) % 2 ** 48
    const idleTimeout = 100 * MINUTE + (descriptors % 64) * 900
    const descriptor = testDescriptor(created, { kind, idleTimeout })
    // Longer than any session here can be kept alive, as an absolute deadline is.
    return { tag: people[owner].tag, descriptor, ttl: 10_000 * MINUTE }
  }

  function record(index: number, bytes?: Uint8Array): Uint8Array {
    const made = testRecord((revision += 1), bytes)
    stamps[index]!.push(stampOf(made))
    return made
  }

  function stamp(index: number, which: Base, stored: Uint8Array | undefined): Uint8Array {
    const seen = stamps[index]!
    if (which === 'foreign') return stampOf(testRecord(1))
    if (which === 'stale') return seen[Math.floor(seen.length / 2)]!
    return stored === undefined ? seen.at(-1)! : stampOf(stored)
  }

  return { people, ids, ownerOf, record, stamp }
}

type Call = (engine: Engine) => Promise<unknown>

function callOf(
  op: Exclude<Operation, { kind: 'advance' }>,
  { people, ids, ownerOf, record, stamp }: ReturnType<typeof scenario>,
  stored: Uint8Array | undefined,
): Call {
  if (op.kind === 'list' || op.kind === 'revokeAll') {
    const { partition, tag } = people[op.principal]!
    if (op.kind === 'list') return (engine) => engine.list(partition, tag)
    const except = op.except === undefined ? undefined : ids[op.except]
    return async (engine) => (await engine.revokeAll(partition, tag, { except })).sort()
  }
  const at = ids[op.id]!
  const base = 'stamp' in op && op.stamp !== undefined ? stamp(op.id, op.stamp, stored) : undefined
  switch (op.kind) {
    case 'load':
      return (engine) => engine.load(at)
    case 'create': {
      const [bytes, owner] = [record(op.id), ownerOf(op.id, op.created, op.kindOf)]
      const replaces = op.replaces === undefined ? undefined : ids[op.replaces]
      const limit = op.limit && { ...op.limit, ...(replaces !== undefined && { replaces }) }
      return (engine) => engine.create(at, bytes, op.ttl * MINUTE, owner, limit)
    }
    case 'commit': {
      const bytes = record(op.id, op.bytes)
      return (engine) => engine.commit(at, base!, bytes, op.ttl * MINUTE)
    }
    case 'touch':
      return (engine) => engine.touch(at, base!, op.ttl * MINUTE)
    case 'rotate': {
      // A session without an owner may get one; one that has an owner keeps it.
      const moves = OWNERS[op.id] === undefined || OWNERS[op.id] === OWNERS[op.to]
      const to = moves ? op.to : op.id
      const [bytes, owner] = [record(to), ownerOf(to, op.ttl)]
      const left = op.trail === undefined ? undefined : testTrail(op.trail * MINUTE)
      const options = { ...(left && { trail: left }), ...(owner && { owner }) }
      return (engine) => engine.rotate(at, base!, ids[to]!, bytes, op.ttl * MINUTE, options)
    }
    case 'destroy': {
      const owner = OWNERS[op.id]
      const left = op.trail === undefined ? undefined : testTrail(op.trail * MINUTE)
      // Who leaves a trail names the owner: whether a trail is listed is not in the contract.
      const ownerTag =
        owner !== undefined && (op.named || left !== undefined) ? people[owner].tag : undefined
      const options = {
        ...(ownerTag !== undefined && { ownerTag }),
        ...(base && { base }),
        ...(left && { trail: left }),
      }
      return (engine) => engine.destroy(at, options)
    }
  }
}

/** Bytes as text; lifetimes to the minute: what is left of one has begun and not run out. */
function comparable(answer: unknown): unknown {
  if (answer instanceof Uint8Array) return Buffer.from(answer).toString('hex')
  if (Array.isArray(answer)) return answer.map(comparable)
  if (typeof answer !== 'object' || answer === null) return answer
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]: [string, unknown]) => {
      if (key === 'ttl') return [key, Math.ceil((value as number) / MINUTE)]
      if (key === 'evicted') return [key, [...(value as string[])].sort()]
      return [key, comparable(value)]
    }),
  )
}

let server: RedisServer
let time: RedisTime

beforeAll(async () => {
  server = await startRedis()
  time = await redisTime(server)
})

afterAll(async () => {
  await time.close()
  await server.stop()
})

test('Redis engine and memory engine answer every history alike', async () => {
  const clock = manualClock()
  const redis = redisEngine({ redis: server.url, prefix: PREFIX, clock, commandTimeout: 10_000 })
  const seen = new Set<string>()
  const history = fc.array(operation, { minLength: 10, maxLength: 60, size: 'max' })
  try {
    await fc.assert(
      fc.asyncProperty(history, async (operations) => {
        const model = memoryEngine({ clock })
        const world = scenario()
        for (const op of operations) {
          if (op.kind === 'advance') {
            clock.advance(op.minutes * MINUTE)
            await time.pass(PREFIX, op.minutes * MINUTE)
            continue
          }
          const stored = 'id' in op ? await model.load(world.ids[op.id]!) : undefined
          const call = callOf(op, world, stored?.record)
          const expected = await call(model)
          const answer = { [op.kind]: comparable(await call(redis)) }
          expect(answer).toEqual({ [op.kind]: comparable(expected) })
          const status = (expected as { status?: string } | undefined)?.status ?? 'answer'
          seen.add(`${op.kind} ${status}`)
        }
        // What the history left behind is alike too.
        for (const id of world.ids) {
          expect(comparable(await redis.load(id))).toEqual(comparable(await model.load(id)))
        }
        for (const { partition, tag } of world.people) {
          const listed = await redis.list(partition, tag)
          expect(comparable(listed)).toEqual(comparable(await model.list(partition, tag)))
        }
        await model.close()
        // Ids are new in each history; this only keeps the server small.
        await time.pass(PREFIX, 20_000 * MINUTE)
      }),
      { numRuns: 120 },
    )
  } finally {
    await redis.close()
  }
  // A generator that never gets anywhere proves nothing.
  expect([...seen]).toEqual(expect.arrayContaining(OUTCOMES))
})

const OUTCOMES = [
  ...['create created', 'create exists', 'create rejected'],
  ...['commit', 'touch', 'rotate', 'destroy'].flatMap((kind) => {
    return ['done', 'conflict', 'gone'].map((status) => `${kind} ${status}`)
  }),
]
