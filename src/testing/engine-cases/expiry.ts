import assert from 'node:assert/strict'
import { type Engine, type SessionId, stampOf } from '../../core/engine.ts'
import { type Expired, type ExpiryEvents, hasExpiryEvents } from '../../core/engine-abilities.ts'
import { assertBytes, assertDone, type EngineCase, HOUR, MINUTE } from '../engine-case.ts'
import { testForward, testPrincipal, testRecord, testTrail } from '../test-records.ts'

/** Milliseconds: not a measure of how fast it is. */
const PATIENCE = 20_000

/** Expiry, of engines that tell of it reliably. */
export const expiryCases: readonly EngineCase[] = [
  whereOffered('those that expire are told of, with whose they were', async (world) => {
    const { engine, second, advance } = world
    const who = testPrincipal()
    const [nobodys, owned, later] = [who.id(), who.id(), who.id()]
    await engine.create(nobodys, testRecord(1), MINUTE)
    await engine.create(owned, testRecord(1), MINUTE, who.owner(7, MINUTE, { label: 'device' }))
    await second.create(later, testRecord(1), 2 * MINUTE)
    const told = listen(second)
    await advance(MINUTE + 1)
    // Whoever looks for sessions meanwhile must not take away what is still to be told.
    assert.deepEqual(await engine.list(who.partition, who.tag), [])
    await engine.create(who.id(), testRecord(1), HOUR, who.owner(8), LIMIT)
    await engine.destroy(owned, { ownerTag: who.tag })
    await engine.revokeAll(who.partition, who.tag)
    await told.all([nobodys, owned])
    assert.equal(told.of(nobodys).owner, undefined)
    const { owner } = told.of(owned)
    assert.equal(owner?.tag, who.tag)
    const { descriptor } = who.owner(7, MINUTE, { label: 'device' })
    assertBytes(owner?.descriptor ?? new Uint8Array(), descriptor, 'descriptor')
    assert.equal(told.has(later), false)
    await advance(MINUTE)
    await told.all([later])
  }),
  whereOffered('those in use are told of when they expire after all', async (world) => {
    const { engine, second, advance } = world
    const who = testPrincipal()
    const [touched, changed, rotated, to] = [who.id(), who.id(), who.id(), who.id()]
    const record = testRecord(1)
    for (const id of [touched, changed, rotated]) {
      await engine.create(id, record, 10 * MINUTE, who.owner(1))
    }
    const told = listen(engine)
    await advance(5 * MINUTE)
    const base = stampOf(record)
    assertDone(await second.touch(touched, base, 20 * MINUTE))
    assertDone(await second.commit(changed, base, testRecord(2), 20 * MINUTE))
    const trail = testForward(10 * MINUTE, to)
    const options = { trail, owner: who.owner(2) }
    assertDone(await second.rotate(rotated, base, to, testRecord(2), 20 * MINUTE, options))
    await advance(15 * MINUTE)
    await passed(world, told)
    assert.deepEqual(told.those([touched, changed, rotated, to]), [])
    await advance(6 * MINUTE)
    await told.all([touched, changed, to])
    assertBytes(
      told.of(to).owner?.descriptor ?? new Uint8Array(),
      who.owner(2).descriptor,
      'descriptor',
    )
    await passed(world, told)
    assert.equal(told.has(rotated), false)
  }),
  whereOffered('those that ended otherwise are not told of', async (world) => {
    const { engine, second, advance } = world
    const who = testPrincipal()
    const [destroyed, left, spared] = [who.id(), who.id(), who.id()]
    const [revoked, evicted, rotated, to] = [who.id(), who.id(), who.id(), who.id()]
    const [nobodys, nobodysTo] = [who.id(), who.id()]
    const record = testRecord(1)
    const told = listen(engine)
    const made = [destroyed, left, spared, evicted, rotated]
    for (const id of made) await engine.create(id, record, MINUTE, who.owner(1))
    await engine.create(nobodys, record, MINUTE)
    const base = stampOf(record)
    await second.destroy(destroyed, { ownerTag: who.tag })
    await second.destroy(left, { ownerTag: who.tag, base, trail: testTrail(MINUTE) })
    await second.destroy(spared, { ownerTag: who.tag, spareTrail: true })
    await second.rotate(rotated, base, to, testRecord(2), MINUTE, { owner: who.owner(2) })
    const trail = testForward(MINUTE, nobodysTo)
    await second.rotate(nobodys, base, nobodysTo, testRecord(2), MINUTE, { trail })
    await second.destroy(nobodysTo)
    const limit = { max: 1, policy: 'evict-oldest' } as const
    const result = await second.create(revoked, record, MINUTE, who.owner(3), limit)
    assert.ok(result.status === 'created' && result.evicted.length === 2)
    await second.revokeAll(who.partition, who.tag)
    await advance(MINUTE + 1)
    await passed(world, told)
    assert.deepEqual(told.those([...made, to, revoked, nobodys, nobodysTo]), [])
  }),
  whereOffered('one of nobody that is to end sooner is told of sooner', async (world) => {
    const { engine, second, advance } = world
    const [id, record] = [testPrincipal().id(), testRecord(1)]
    await engine.create(id, record, HOUR)
    const told = listen(engine)
    const sooner = { sooner: true }
    assertDone(await second.commit(id, stampOf(record), testRecord(2), MINUTE, sooner))
    await advance(MINUTE + 1)
    await told.all([id])
  }),
  whereOffered('a listener that fails is told again, the others are told', async (world) => {
    const { engine, advance } = world
    const id = testPrincipal().id()
    await engine.create(id, testRecord(1), MINUTE)
    let calls = 0
    engine.onExpired((session) => {
      if (session.id === id && ++calls === 1) throw new Error('not today')
    })
    const told = listen(engine)
    await advance(MINUTE + 1)
    await told.all([id])
    await eventually('it is told again', () => calls === 2)
  }),
  whereOffered('who yields is not told where another listens, here or elsewhere', async (world) => {
    const { engine, second, advance } = world
    const id = testPrincipal().id()
    await engine.create(id, testRecord(1), MINUTE)
    let isYielding = true
    const yielding: SessionId[] = []
    for (const one of [engine, second]) {
      one.onExpired(({ id }) => yielding.push(id), undefined, { yields: () => isYielding })
    }
    const told = listen(engine)
    await advance(MINUTE + 1)
    await told.all([id])
    await passed(world, told)
    assert.equal(yielding.length, 0)
    isYielding = false
    const other = testPrincipal().id()
    await engine.create(other, testRecord(1), 1)
    await advance(2)
    await eventually('told of one', () => told.has(other) || yielding.includes(other))
  }),
  whereOffered('who listens no more is not told, nor after close', async (world) => {
    const { engine, second, advance } = world
    const who = testPrincipal()
    const [first, other] = [who.id(), who.id()]
    await engine.create(first, testRecord(1), MINUTE)
    await engine.create(other, testRecord(1), 2 * MINUTE)
    const stopped = listen(engine)
    stopped.stop()
    stopped.stop()
    const told = listen(second)
    await advance(MINUTE + 1)
    await told.all([first])
    assert.equal(stopped.has(first), false)
    await engine.close()
    await second.close()
    await advance(MINUTE)
    assert.equal(told.has(other), false)
  }),
]

const LIMIT = { max: 1, policy: 'reject' } as const

interface World {
  readonly engine: Engine & ExpiryEvents
  readonly second: Engine & ExpiryEvents
  readonly advance: (ms: number) => Promise<void>
}

function whereOffered(title: string, run: (world: World) => Promise<void>): EngineCase {
  return {
    title: `expiry: ${title}`,
    run: async ({ engine, second, advance }) => {
      if (!hasExpiryEvents(engine) || !hasExpiryEvents(second)) return
      if (engine.expiry === 'reliable') await run({ engine, second, advance })
    },
  }
}

interface Told {
  has(id: SessionId): boolean
  those(ids: readonly SessionId[]): SessionId[]
  of(id: SessionId): Expired
  /** Resolves when all have been told. */
  all(ids: readonly SessionId[]): Promise<void>
  stop(): void
}

function listen(engine: ExpiryEvents): Told {
  const told = new Map<SessionId, Expired>()
  const stop = engine.onExpired((session) => void told.set(session.id, session))
  return {
    has: (id) => told.has(id),
    those: (ids) => ids.filter((id) => told.has(id)),
    of: (id) => told.get(id) ?? assert.fail('it was not told of'),
    all: (ids) => eventually('all are told of', () => ids.every((id) => told.has(id))),
    stop,
  }
}

/** What was due is through: what is made after it, and due after it, has been told of. */
async function passed({ engine, advance }: World, told: Told): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const id = testPrincipal().id()
    await engine.create(id, testRecord(1), 1)
    await advance(2)
    await told.all([id])
  }
}

async function eventually(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!isSo()) {
    assert.ok(performance.now() < end, `${what}: not within ${PATIENCE} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
