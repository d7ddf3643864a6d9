import assert from 'node:assert/strict'
import { stampOf } from '../../core/engine.ts'
import {
  assertAbsent,
  assertBytes,
  assertConflict,
  assertDone,
  assertGone,
  assertStaysGone,
  assertStored,
  type EngineCase,
  HOUR,
  MINUTE,
  SECOND,
} from '../engine-case.ts'
import { testId, testPrincipal, testRecord, testTrail } from '../test-records.ts'

/** `commit`, `touch` and `destroy` of one session. */
export const writingCases: readonly EngineCase[] = [
  {
    title: 'commit replaces the record and sets a new lifetime, longer or shorter',
    async run({ engine, second, advance }) {
      const [id, one, two, three] = [testId(), testRecord(1), testRecord(2, 'two'), testRecord(3)]
      await engine.create(id, one, 10 * MINUTE)
      await advance(5 * MINUTE)
      assertDone(await engine.commit(id, stampOf(one), two, 30 * MINUTE))
      await assertStored(second, id, two, 30 * MINUTE)
      await advance(20 * MINUTE)
      assertDone(await second.commit(id, stampOf(two), three, MINUTE))
      await assertStored(engine, id, three, MINUTE)
      await advance(MINUTE)
      await assertAbsent(engine, id)
    },
  },
  {
    title: 'commit without a lifetime leaves the one that is there',
    async run({ engine, second, advance }) {
      const [id, one, two] = [testId(), testRecord(1), testRecord(2, 'two')]
      await engine.create(id, one, 30 * MINUTE)
      await advance(10 * MINUTE)
      assertDone(await second.commit(id, stampOf(one), two, undefined))
      await assertStored(engine, id, two, 20 * MINUTE)
      await assertStored(second, id, two, 20 * MINUTE)
      await advance(20 * MINUTE)
      await assertAbsent(engine, id)
      await assertStaysGone(engine, id, stampOf(two), { id: testId(), record: testRecord(3) })
    },
  },
  {
    title: 'commit on a stale stamp writes nothing and answers with what is stored',
    async run({ engine, second }) {
      const [id, one, two] = [testId(), testRecord(1), testRecord(2, 'winner')]
      await engine.create(id, one, HOUR)
      assertDone(await second.commit(id, stampOf(one), two, 10 * MINUTE))
      const late = await engine.commit(id, stampOf(one), testRecord(2, 'loser'), HOUR)
      assertConflict(late, two, 10 * MINUTE)
      await assertStored(engine, id, two, 10 * MINUTE)
    },
  },
  {
    title: 'each byte of the stamp counts, of the revision and of the random half',
    async run({ engine }) {
      const [id, record] = [testId(), testRecord(1)]
      await engine.create(id, record, HOUR)
      for (let i = 0; i < 8; i += 1) {
        const other = stampOf(record).slice()
        other[i] = other[i]! ^ 0x01
        assertConflict(await engine.commit(id, other, testRecord(2), MINUTE), record, HOUR)
        assertConflict(await engine.touch(id, other, MINUTE), record, HOUR)
        assertConflict(await engine.rotate(id, other, testId(), testRecord(2), MINUTE), record)
        assertConflict(await engine.destroy(id, { base: other }), record)
      }
      await assertStored(engine, id, record, HOUR)
    },
  },
  {
    title: 'bytes outside the stamp do not count',
    async run({ engine }) {
      const [id, record, payload] = [testId(), testRecord(1, 'a'), testRecord(1, 'b')]
      payload.set(stampOf(record), 2)
      payload.set([9, 9], 0)
      await engine.create(id, record, HOUR)
      assertDone(await engine.commit(id, stampOf(payload), testRecord(2), HOUR))
    },
  },
  {
    title: 'a stamp that is not whole matches nothing, and brings nothing into being',
    async run({ engine }) {
      const [id, never] = [testId(), testId()]
      // With the first byte of the next record it must not be whole by chance.
      let record = testRecord(1)
      while (stampOf(record).at(-1) === testRecord(2)[0]) record = testRecord(1)
      await engine.create(id, record, HOUR)
      for (const length of [0, 7]) {
        const base = stampOf(record).slice(0, length)
        await assertStaysGone(engine, never, base, { id: testId(), record: testRecord(2) })
        assertConflict(await engine.commit(id, base, testRecord(2), MINUTE), record, HOUR)
        assertConflict(await engine.touch(id, base, MINUTE), record, HOUR)
        assertConflict(await engine.rotate(id, base, testId(), testRecord(2), MINUTE), record)
        assertConflict(await engine.destroy(id, { base }), record, HOUR)
      }
      await assertStored(engine, id, record, HOUR)
    },
  },
  {
    title: 'touch sets the lifetime, longer and shorter, and leaves the record as it is',
    async run({ engine, second, advance }) {
      const [id, record] = [testId(), testRecord(1, 'same')]
      await engine.create(id, record, 10 * MINUTE)
      await advance(9 * MINUTE)
      assertDone(await engine.touch(id, stampOf(record), 20 * MINUTE))
      await assertStored(second, id, record, 20 * MINUTE)
      await advance(15 * MINUTE)
      await assertStored(engine, id, record, 5 * MINUTE)
      assertDone(await second.touch(id, stampOf(record), MINUTE))
      await assertStored(engine, id, record, MINUTE)
      await advance(MINUTE)
      await assertAbsent(engine, id)
    },
  },
  {
    title: 'touch on a stale stamp leaves the lifetime and answers with what is stored',
    async run({ engine }) {
      const [id, one, two] = [testId(), testRecord(1), testRecord(2, 'two')]
      await engine.create(id, one, HOUR)
      await engine.commit(id, stampOf(one), two, 10 * MINUTE)
      assertConflict(await engine.touch(id, stampOf(one), HOUR), two, 10 * MINUTE)
      await assertStored(engine, id, two, 10 * MINUTE)
    },
  },
  {
    title: 'writes to an id that never was answer gone and write nothing',
    async run({ engine }) {
      const never = { id: testId(), record: testRecord(1) }
      await assertStaysGone(engine, never.id, stampOf(never.record), {
        id: testId(),
        record: testRecord(2),
      })
      assertGone(await engine.destroy(testId()))
    },
  },
  {
    title: 'destroy removes the record; no later write brings it back',
    async run({ engine, second }) {
      const [id, record] = [testId(), testRecord(1)]
      await engine.create(id, record, HOUR)
      assertDone(await engine.destroy(id))
      await assertAbsent(second, id)
      assertGone(await engine.destroy(id))
      const fresh = { id: testId(), record: testRecord(2) }
      await assertStaysGone(engine, id, stampOf(record), fresh)
      await assertStaysGone(second, id, stampOf(record), fresh)
    },
  },
  {
    title: 'an expired session stays gone: no later write brings it back',
    async run({ engine, second, advance }) {
      const [id, one, two] = [testId(), testRecord(1), testRecord(2)]
      await engine.create(id, one, HOUR)
      assertDone(await engine.commit(id, stampOf(one), two, MINUTE))
      await advance(MINUTE + SECOND)
      const fresh = { id: testId(), record: testRecord(3) }
      await assertStaysGone(engine, id, stampOf(two), fresh)
      await assertStaysGone(second, id, stampOf(two), fresh)
    },
  },
  {
    title: 'destroy with a stamp ends only that state of the session',
    async run({ engine }) {
      const [id, one, two] = [testId(), testRecord(1), testRecord(2)]
      await engine.create(id, one, HOUR)
      await engine.commit(id, stampOf(one), two, 10 * MINUTE)
      const trail = testTrail(MINUTE)
      assertConflict(await engine.destroy(id, { base: stampOf(one), trail }), two, 10 * MINUTE)
      await assertStored(engine, id, two, 10 * MINUTE)
      assertDone(await engine.destroy(id, { base: stampOf(two) }))
      await assertAbsent(engine, id)
    },
  },
  {
    title: 'destroy with a trail leaves it for its own lifetime; old stamps conflict with it',
    async run({ engine, second, advance }) {
      const [id, to, record, trail] = [testId(), testId(), testRecord(1), testTrail(MINUTE, 'out')]
      await engine.create(id, record, HOUR)
      assertDone(await engine.destroy(id, { trail }))
      await assertStored(second, id, trail.record, MINUTE)
      const base = stampOf(record)
      assertConflict(await second.commit(id, base, testRecord(2), HOUR), trail.record, MINUTE)
      assertConflict(await engine.touch(id, base, HOUR), trail.record, MINUTE)
      assertConflict(await engine.rotate(id, base, to, testRecord(2), HOUR), trail.record, MINUTE)
      await assertAbsent(engine, to)
      await advance(MINUTE)
      await assertStaysGone(engine, id, stampOf(record), { id: to, record: testRecord(2) })
    },
  },
  {
    title: 'destroy that spares trails ends whatever was written, and answers with it',
    async run({ engine, second }) {
      const [id, one, two] = [testId(), testRecord(1), testRecord(2)]
      await engine.create(id, one, HOUR)
      assertDone(await second.commit(id, stampOf(one), two, HOUR))
      const trail = testTrail(MINUTE)
      const result = await engine.destroy(id, { spareTrail: true, trail })
      assert.ok(result.status === 'done' && result.ended !== undefined)
      assertBytes(result.ended, two, 'record that was ended')
      await assertStored(second, id, trail.record, MINUTE)
      assertConflict(await engine.destroy(id, { spareTrail: true }), trail.record, MINUTE)
      await assertStored(second, id, trail.record, MINUTE)
      assertGone(await engine.destroy(testId(), { spareTrail: true, trail }))
    },
  },
  {
    title: 'destroy that spares trails removes the index entry',
    async run({ engine }) {
      const who = testPrincipal()
      const id = who.id()
      await engine.create(id, testRecord(1), HOUR, who.owner(1))
      const result = await engine.destroy(id, { spareTrail: true, ownerTag: who.tag })
      assert.equal(result.status, 'done')
      assert.deepEqual(await engine.list(who.partition, who.tag), [])
      await assertAbsent(engine, id)
    },
  },
  {
    title: 'destroy of nothing leaves no trail',
    async run({ engine, advance }) {
      const [never, expired, record] = [testId(), testId(), testRecord(1)]
      assertGone(await engine.destroy(never, { trail: testTrail(MINUTE) }))
      await assertAbsent(engine, never)
      await engine.create(expired, record, MINUTE)
      await advance(MINUTE + SECOND)
      assertGone(await engine.destroy(expired, { base: stampOf(record), trail: testTrail(MINUTE) }))
      await assertAbsent(engine, expired)
    },
  },
  {
    title: 'a trail is a record: its stamp shortens it, and destroy removes it',
    async run({ engine, advance }) {
      const [id, trail] = [testId(), testTrail(10 * MINUTE)]
      await engine.create(id, testRecord(1), HOUR)
      await engine.destroy(id, { trail })
      assertDone(await engine.touch(id, stampOf(trail.record), MINUTE))
      await assertStored(engine, id, trail.record, MINUTE)
      await advance(SECOND)
      assertDone(await engine.destroy(id))
      await assertAbsent(engine, id)
    },
  },
]
