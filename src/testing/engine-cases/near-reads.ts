import assert from 'node:assert/strict'
import { type SessionId, stampOf } from '../../core/engine.ts'
import { hasNearReads, type NearReads } from '../../core/engine-abilities.ts'
import {
  assertBytes,
  assertDone,
  type EngineCase,
  type EngineHarness,
  HOUR,
  MINUTE,
} from '../engine-case.ts'
import { testId, testPrincipal, testRecord, testTrail } from '../test-records.ts'

/** For another node's news to arrive, milliseconds: not a measure of how fast it is. */
const PATIENCE = 5_000

/** Records at hand in the process, for engines that have them: never what is known to be over. */
export const nearReadCases: readonly EngineCase[] = [
  {
    title: 'near reads: what this engine writes counts at once',
    run: near(async ({ engine }) => {
      const [id, other] = [testId(), testId()]
      const [first, second, third] = [testRecord(1), testRecord(2), testRecord(3)]
      await engine.create(id, first, HOUR)
      assertAtHand(engine, id, first)
      assertDone(await engine.commit(id, stampOf(first), second, HOUR))
      assertAtHand(engine, id, second)
      const trail = testTrail(MINUTE)
      assertDone(await engine.rotate(id, stampOf(second), other, third, HOUR, { trail }))
      assertAtHand(engine, id, trail.record)
      assertAtHand(engine, other, third)
      assertDone(await engine.destroy(other))
      assert.equal(engine.peek(other, engine.now()), undefined)
    }),
  },
  {
    title: 'near reads: what is said to be held still is what would be given',
    run: near(async ({ engine, second }) => {
      const id = testId()
      const records = [testRecord(1), testRecord(2), testRecord(3)] as const
      await engine.create(id, records[0], HOUR)
      const first = engine.peek(id, engine.now())
      assertDone(await engine.commit(id, stampOf(records[0]), records[1], HOUR))
      if (first !== undefined) assert.equal(engine.holds(id, first, engine.now()), false)
      const own = engine.peek(id, engine.now())
      if (own !== undefined && engine.holds(id, own, engine.now())) {
        assert.equal(engine.peek(id, engine.now()), own)
      }
      assertDone(await second.commit(id, stampOf(records[1]), records[2], HOUR))
      if (own !== undefined) {
        await eventually('it is told of', () => !engine.holds(id, own, engine.now()))
      }
      await engine.load(id)
      const last = engine.peek(id, engine.now())
      assertDone(await engine.destroy(id))
      if (last !== undefined) assert.equal(engine.holds(id, last, engine.now()), false)
    }),
  },
  {
    title: 'near reads: sessions that a limit or a revocation ends are over at once',
    run: near(async ({ engine }) => {
      const ada = testPrincipal()
      const [oldest, middle, newest] = [ada.id(), ada.id(), ada.id()]
      await engine.create(oldest, testRecord(1), HOUR, ada.owner(1))
      await engine.create(middle, testRecord(1), HOUR, ada.owner(2))
      const limit = { max: 2, policy: 'evict-oldest' } as const
      await engine.create(newest, testRecord(1), HOUR, ada.owner(3), limit)
      assert.equal(engine.peek(oldest, engine.now()), undefined)
      await engine.revokeAll(ada.partition, ada.tag, { except: newest })
      assert.equal(engine.peek(middle, engine.now()), undefined)
    }),
  },
  {
    title: "near reads: another engine's writes arrive, and watchers are told",
    run: near(async ({ engine, second }) => {
      const id = testId()
      const records = [testRecord(1), testRecord(2)] as const
      await engine.create(id, records[0], HOUR)
      let told = 0
      const unwatch = engine.watch(id, () => told++)
      await engine.load(id)
      assertDone(await second.commit(id, stampOf(records[0]), records[1], HOUR))
      await eventually('the watcher is told of a commit', () => told > 0)
      assertAtHand(engine, id, records[1])
      await engine.load(id)
      told = 0
      assertDone(await second.destroy(id))
      await eventually('the watcher is told of the end', () => told > 0)
      assert.equal(engine.peek(id, engine.now()), undefined)
      unwatch()
    }),
  },
  {
    title: 'near reads: nothing is at hand past its lifetime',
    run: near(async ({ engine, advance }) => {
      const id = testId()
      await engine.create(id, testRecord(1), MINUTE)
      await advance(MINUTE + 1)
      assert.equal(engine.peek(id, engine.now()), undefined)
    }),
  },
  {
    title: 'near reads: what was made of a record stays with it, and goes with it',
    run: near(async ({ engine }) => {
      const id = testId()
      const record = testRecord(1)
      await engine.create(id, record, HOUR)
      await engine.load(id)
      const held = engine.held(id)
      if (held === undefined) return
      const made = { of: 'it' }
      engine.remember(id, held, made, 100)
      assertDone(await engine.touch(id, stampOf(record), HOUR))
      assert.ok([made, undefined].includes(engine.held(id)?.opened as typeof made))
      assertDone(await engine.commit(id, stampOf(record), testRecord(2), HOUR))
      assert.equal(engine.held(id)?.opened, undefined)
      // Whoever keeps what was held keeps nothing by it.
      assert.equal(held.opened, undefined)
      assert.equal(held.record.length, 0)
    }),
  },
]

type NearHarness = EngineHarness & { readonly engine: EngineHarness['engine'] & NearReads }

function near(run: (harness: NearHarness) => Promise<void>): EngineCase['run'] {
  return async (harness) => {
    const { engine, ...rest } = harness
    if (hasNearReads(engine)) await run({ ...rest, engine })
  }
}

/** At hand is this record, or nothing: an engine may forget at any time. */
function assertAtHand(engine: NearHarness['engine'], id: SessionId, record: Uint8Array): void {
  const held = engine.peek(id, engine.now())
  if (held !== undefined) assertBytes(held.record, record, 'record at hand')
}

async function eventually(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!isSo()) {
    assert.ok(performance.now() < end, `${what}: not within ${PATIENCE} ms`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
