import assert from 'node:assert/strict'
import { type Engine, type SessionId, stampOf, type WriteResult } from '../../core/engine.ts'
import {
  assertAbsent,
  assertBytes,
  assertConflict,
  assertDone,
  assertStored,
  type EngineCase,
  type EngineHarness,
  HOUR,
  MINUTE,
} from '../engine-case.ts'
import { testId, testPrincipal, testRecord, testTrail } from '../test-records.ts'

/** Calls at the same time, from two instances: each is atomic on its own. */
export const racingCases: readonly EngineCase[] = [
  {
    title: '100 parallel creates on one id: one is created, and stays',
    async run(harness) {
      const [id, records] = [testId(), many(100, (i) => testRecord(1, `${i}`))]
      const results = await parallel(harness, records, (engine, record) =>
        engine.create(id, record, HOUR),
      )
      const winners = results.flatMap((result, i) => (result.status === 'created' ? [i] : []))
      assert.equal(winners.length, 1)
      assert.equal(results.filter((result) => result.status === 'exists').length, 99)
      await assertStored(harness.engine, id, records[winners[0]!]!)
    },
  },
  {
    title: '50 parallel commits on one stamp: one is done, the others conflict and carry it',
    async run(harness) {
      const [id, first] = [testId(), testRecord(1)]
      await harness.engine.create(id, first, HOUR)
      const records = many(50, (i) => testRecord(2, `writer ${i}`))
      const results = await parallel(harness, records, (engine, record) =>
        engine.commit(id, stampOf(first), record, HOUR),
      )
      const winner = records[onlyWinner(results)]!
      for (const result of results) {
        if (result.status !== 'done') assertConflict(result, winner, HOUR)
      }
      await assertStored(harness.engine, id, winner)
    },
  },
  {
    title: '20 writers that retry on what the conflict carries: no write is lost',
    async run(harness) {
      const [id, first] = [testId(), testRecord(0, new Uint8Array(20))]
      await harness.engine.create(id, first, HOUR)
      await parallel(
        harness,
        many(20, (i) => i),
        async (engine, writer) => {
          for (let current = first; ; ) {
            const payload = current.slice(14)
            payload[writer] = payload[writer]! + 1
            const next = testRecord(
              new DataView(current.buffer, current.byteOffset).getUint32(2) + 1,
              payload,
            )
            const result = await engine.commit(id, stampOf(current), next, HOUR)
            if (result.status === 'done') return
            assert.ok(result.status === 'conflict')
            current = result.stored.record
          }
        },
      )
      const stored = await harness.engine.load(id)
      assertBytes(stored!.record.subarray(14), new Uint8Array(20).fill(1), 'one write of each')
      assert.equal(Buffer.from(stored!.record).readUInt32BE(2), 20)
    },
  },
  {
    title: '50 parallel rotations: one wins, and the session lives under one id only',
    async run(harness) {
      const who = testPrincipal()
      const [from, first, trail] = [who.id(), testRecord(1), testTrail(MINUTE)]
      await harness.engine.create(from, first, HOUR, who.owner(1))
      const successors = many(50, (i) => ({ id: who.id(), record: testRecord(2, `${i}`) }))
      const results = await parallel(harness, successors, (engine, { id, record }) =>
        engine.rotate(from, stampOf(first), id, record, HOUR, { trail, owner: who.owner(1) }),
      )
      const winner = onlyWinner(results)
      for (const [i, result] of results.entries()) {
        if (i === winner) continue
        assertConflict(result, trail.record)
        await assertAbsent(harness.engine, successors[i]!.id)
      }
      const { id, record } = successors[winner]!
      await assertStored(harness.engine, id, record)
      const listed = await harness.engine.list(who.partition, who.tag)
      assert.deepEqual(
        listed.map((entry) => entry.id),
        [id],
      )
    },
  },
  {
    title: '40 parallel logins under evict-oldest, limit 5: five live, each other one named once',
    async run(harness) {
      const who = testPrincipal()
      const ids = many(40, () => who.id())
      const results = await parallel(harness, ids, (engine, id, i) =>
        engine.create(id, testRecord(1), HOUR, who.owner(i + 1), {
          max: 5,
          policy: 'evict-oldest',
        }),
      )
      const evicted = results.flatMap((result) => {
        return result.status === 'created' ? result.evicted : assert.fail(result.status)
      })
      const listed = (await harness.engine.list(who.partition, who.tag)).map((entry) => entry.id)
      assert.equal(listed.length, 5)
      assert.deepEqual([...evicted, ...listed].sort(), ids.sort())
      for (const id of evicted) await assertAbsent(harness.second, id)
    },
  },
  {
    title: '40 parallel logins under reject, limit 5: five are created',
    async run(harness) {
      const who = testPrincipal()
      const ids = many(40, () => who.id())
      const results = await parallel(harness, ids, (engine, id, i) =>
        engine.create(id, testRecord(1), HOUR, who.owner(i + 1), { max: 5, policy: 'reject' }),
      )
      const created = ids.filter((_, i) => results[i]!.status === 'created')
      assert.equal(created.length, 5)
      const listed = (await harness.engine.list(who.partition, who.tag)).map((entry) => entry.id)
      assert.deepEqual(listed.sort(), created.sort())
    },
  },
  {
    title: '20 parallel logins that replace the same session, limit 2: two live once it has ended',
    async run(harness) {
      const who = testPrincipal()
      const [replaced, other] = [who.id(), who.id()]
      await harness.engine.create(replaced, testRecord(1), HOUR, who.owner(1))
      await harness.engine.create(other, testRecord(1), HOUR, who.owner(2))
      const limit = { max: 2, policy: 'evict-oldest', replaces: replaced } as const
      await parallel(
        harness,
        many(20, () => who.id()),
        async (engine, id, i) => {
          await engine.create(id, testRecord(1), HOUR, who.owner(i + 3), limit)
          await engine.destroy(replaced, { ownerTag: who.tag, trail: testTrail(HOUR) })
        },
      )
      assert.equal((await harness.second.list(who.partition, who.tag)).length, 2)
    },
  },
  {
    title: 'writers against destroy: whoever comes late finds it gone, and nothing comes back',
    async run(harness) {
      await Promise.all(
        many(50, async (i) => {
          const [id, to, record] = [testId(), testId(), testRecord(1)]
          await harness.engine.create(id, record, HOUR)
          const base = stampOf(record)
          const { engine, second } = harness
          const writers = [
            () => engine.commit(id, base, testRecord(2), HOUR),
            () => engine.rotate(id, base, to, testRecord(2), HOUR),
            () => engine.touch(id, base, HOUR),
          ]
          // Each of the three is the first to be sent in a third of the rounds.
          const first = i % 3
          const [destroyed, ...written] = await Promise.all([
            second.destroy(id),
            ...[...writers.slice(first), ...writers.slice(0, first)].map((write) => write()),
          ])
          const rotated = written[(4 - first) % 3]
          // The rotation may have come first: then it is the destroy that came too late.
          const moved = rotated!.status === 'done'
          assert.equal(destroyed.status, moved ? 'gone' : 'done')
          await assertAbsent(harness.engine, id)
          if (!moved) await assertAbsent(harness.engine, to)
        }),
      )
    },
  },
  {
    title:
      'revokeAll against logins and writers: a session is ended and named, or lives and is listed',
    async run(harness) {
      const who = testPrincipal()
      const before = many(20, () => ({ id: who.id(), record: testRecord(1) }))
      await parallel(harness, before, (engine, { id, record }, i) =>
        engine.create(id, record, HOUR, who.owner(i + 1)),
      )
      const during = many(20, () => who.id())
      const writing = parallel(harness, before, (engine, { id, record }) =>
        engine.commit(id, stampOf(record), testRecord(2), HOUR),
      )
      const logins = parallel(harness, during, (engine, id, i) =>
        engine.create(id, testRecord(1), HOUR, who.owner(100 + i)),
      )
      const ended = await harness.second.revokeAll(who.partition, who.tag)
      await Promise.all([writing, logins])
      const listed = (await harness.engine.list(who.partition, who.tag)).map((entry) => entry.id)
      const everyone = [...before.map((session) => session.id), ...during]
      assert.deepEqual([...ended, ...listed].sort(), everyone.sort())
      for (const id of ended) await assertAbsent(harness.engine, id)
      for (const id of listed) assert.ok((await harness.engine.load(id)) !== undefined)
      assert.ok(before.every(({ id }) => ended.includes(id)))
    },
  },

  {
    title: 'the winner of a race is what every instance reads afterwards',
    async run({ engine, second }) {
      const id: SessionId = testId()
      let current = testRecord(0)
      await engine.create(id, current, HOUR)
      for (let i = 1; i <= 30; i += 1) {
        const next = testRecord(i)
        const [writer, reader] = i % 2 ? [engine, second] : [second, engine]
        assertDone(await writer.commit(id, stampOf(current), next, HOUR))
        await assertStored(reader, id, next)
        current = next
      }
    },
  },
]

function many<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

/** All at once, half of them through each instance. */
function parallel<T, R>(
  { engine, second }: EngineHarness,
  items: readonly T[],
  call: (engine: Engine, item: T, i: number) => Promise<R>,
): Promise<R[]> {
  return Promise.all(items.map((item, i) => call(i % 2 ? second : engine, item, i)))
}

function onlyWinner(results: readonly WriteResult[]): number {
  const winners = results.flatMap((result, i) => (result.status === 'done' ? [i] : []))
  assert.equal(winners.length, 1, 'exactly one may be done')
  return winners[0]!
}
