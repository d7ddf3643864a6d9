import assert from 'node:assert/strict'
import { stampOf } from '../../core/engine.ts'
import {
  assertAbsent,
  assertBytes,
  assertConflict,
  assertDone,
  assertLifetime,
  assertStaysGone,
  assertStored,
  type EngineCase,
  HOUR,
  MINUTE,
} from '../engine-case.ts'
import {
  testDescriptor,
  testForward,
  testId,
  testPrincipal,
  testRecord,
  testTrail,
} from '../test-records.ts'

/** `rotate`, with and without what it may leave behind. */
export const rotatingCases: readonly EngineCase[] = [
  {
    title: 'rotate moves the session to a new id with a new record and lifetime',
    async run({ engine, second }) {
      const [from, to, one, two] = [testId(), testId(), testRecord(1), testRecord(2, 'moved')]
      await engine.create(from, one, 10 * MINUTE)
      assertDone(await engine.rotate(from, stampOf(one), to, two, 30 * MINUTE))
      await assertStored(second, to, two, 30 * MINUTE)
      await assertAbsent(second, from)
      await assertStaysGone(engine, from, stampOf(one), { id: testId(), record: testRecord(3) })
      assertDone(await second.commit(to, stampOf(two), testRecord(3), HOUR))
    },
  },
  {
    title: 'rotate leaves the trail at the old id, for the lifetime of the trail',
    async run({ engine, second, advance }) {
      const [from, to, one, two] = [testId(), testId(), testRecord(1), testRecord(2)]
      const trail = testTrail(5 * MINUTE, 'forward')
      await engine.create(from, one, HOUR)
      assertDone(await engine.rotate(from, stampOf(one), to, two, HOUR, { trail }))
      await assertStored(second, from, trail.record, 5 * MINUTE)
      assertConflict(await second.commit(from, stampOf(one), testRecord(2), HOUR), trail.record)
      const again = await second.rotate(from, stampOf(one), testId(), testRecord(2), HOUR, {
        trail,
      })
      assertConflict(again, trail.record, 5 * MINUTE)
      await advance(5 * MINUTE)
      await assertStaysGone(engine, from, stampOf(one), { id: testId(), record: testRecord(3) })
      await assertStored(engine, to, two, 55 * MINUTE)
    },
  },
  {
    title: 'settle makes a forward lead on for less time, once, and leaves all else as it is',
    async run({ engine, second, advance }) {
      const until = 1_732_440_000_000
      for (const [asked, expected] of [
        [until - 1, until - 1],
        [until, until],
        [until + 1, until],
      ] as const) {
        const [from, to, one] = [testId(), testId(), testRecord(1)]
        const trail = testForward(5 * MINUTE, to, until)
        await engine.create(from, one, HOUR)
        assertDone(await engine.rotate(from, stampOf(one), to, testRecord(2), HOUR, { trail }))
        await engine.load(from)
        await advance(MINUTE)
        await second.settle(from, asked)
        const settled = Buffer.from(trail.record)
        settled.writeUIntBE(expected, 41, 6)
        settled[47] = 1
        await assertStored(second, from, settled, 4 * MINUTE)
        await engine.settle(from, asked - 1_000)
        await assertStored(engine, from, settled, 4 * MINUTE)
        await advance(4 * MINUTE)
        await assertAbsent(engine, from)
      }
    },
  },
  {
    title: 'settle of anything but a forward changes nothing, and makes nothing',
    async run({ engine }) {
      const [id, record] = [testId(), testRecord(1, 'x'.repeat(90))]
      await engine.settle(id, 1)
      await assertAbsent(engine, id)
      await engine.create(id, record, HOUR)
      await engine.settle(id, 1)
      await assertStored(engine, id, record, HOUR)
      const marker = testTrail(MINUTE)
      await engine.destroy(id, { trail: marker })
      await engine.settle(id, 1)
      await assertStored(engine, id, marker.record, MINUTE)
    },
  },
  {
    title: 'rotate on a stale stamp changes nothing and answers with what is stored',
    async run({ engine }) {
      const who = testPrincipal()
      const [from, to, one, two] = [who.id(), who.id(), testRecord(1), testRecord(2)]
      await engine.create(from, one, HOUR, who.owner(1))
      await engine.commit(from, stampOf(one), two, 10 * MINUTE)
      const options = { trail: testTrail(MINUTE), owner: who.owner(2) }
      const result = await engine.rotate(from, stampOf(one), to, testRecord(2), HOUR, options)
      assertConflict(result, two, 10 * MINUTE)
      await assertStored(engine, from, two, 10 * MINUTE)
      await assertAbsent(engine, to)
      const listed = await engine.list(who.partition, who.tag)
      assert.deepEqual(
        listed.map((entry) => entry.id),
        [from],
      )
      assertBytes(listed[0]!.descriptor, testDescriptor(1), 'descriptor')
    },
  },
  {
    title: 'rotate of nothing makes no record, no trail and no index entry',
    async run({ engine }) {
      const who = testPrincipal()
      const [from, to, record] = [who.id(), who.id(), testRecord(1)]
      const options = { trail: testTrail(MINUTE), owner: who.owner(1) }
      const result = await engine.rotate(from, stampOf(record), to, record, HOUR, options)
      assert.equal(result.status, 'gone')
      await assertAbsent(engine, from)
      await assertAbsent(engine, to)
      assert.deepEqual(await engine.list(who.partition, who.tag), [])
    },
  },
  {
    title: 'rotate to an id that is taken conflicts, and leaves both as they are',
    async run({ engine }) {
      const [from, to, one, other] = [
        testId(),
        testId(),
        testRecord(1, 'one'),
        testRecord(1, 'other'),
      ]
      await engine.create(from, one, HOUR)
      await engine.create(to, other, 10 * MINUTE)
      const options = { trail: testTrail(MINUTE) }
      const result = await engine.rotate(from, stampOf(one), to, testRecord(2), MINUTE, options)
      assertConflict(result, one, HOUR)
      await assertStored(engine, from, one, HOUR)
      await assertStored(engine, to, other, 10 * MINUTE)
    },
  },
  {
    title: 'rotate moves the index entry with its new descriptor; the trail is not listed',
    async run({ engine, second, advance }) {
      const who = testPrincipal()
      const [from, to, one, two] = [who.id(), who.id(), testRecord(1), testRecord(2)]
      await engine.create(from, one, HOUR, who.owner(10))
      const trail = testTrail(5 * MINUTE)
      const owner = { ...who.owner(10), descriptor: testDescriptor(10, { label: 'new label' }) }
      assertDone(await engine.rotate(from, stampOf(one), to, two, 30 * MINUTE, { trail, owner }))
      const listed = await second.list(who.partition, who.tag)
      assert.deepEqual(
        listed.map((entry) => entry.id),
        [to],
      )
      assertBytes(listed[0]!.descriptor, owner.descriptor, 'descriptor')
      assertLifetime(listed[0]!.ttl, 30 * MINUTE)
      // Moved, not copied: a stranger that takes the old id later is not the principal's.
      await advance(5 * MINUTE)
      await engine.create(from, testRecord(1), HOUR)
      assert.deepEqual(
        (await engine.list(who.partition, who.tag)).map((entry) => entry.id),
        [to],
      )
    },
  },
  {
    title: 'rotate makes an index entry that is missing',
    async run({ engine }) {
      const who = testPrincipal()
      const [from, to, one] = [who.id(), who.id(), testRecord(1)]
      await engine.create(from, one, HOUR)
      const owner = who.owner(10)
      assertDone(await engine.rotate(from, stampOf(one), to, testRecord(2), HOUR, { owner }))
      assert.deepEqual(
        (await engine.list(who.partition, who.tag)).map((entry) => entry.id),
        [to],
      )
      assert.deepEqual(await engine.revokeAll(who.partition, who.tag), [to])
      await assertAbsent(engine, to)
    },
  },
  {
    title: "rotate of one session leaves the principal's others listed",
    async run({ engine }) {
      const who = testPrincipal()
      const [a, b, to, one] = [who.id(), who.id(), who.id(), testRecord(1)]
      await engine.create(a, one, HOUR, who.owner(10))
      await engine.create(b, testRecord(1), HOUR, who.owner(20))
      await engine.rotate(a, stampOf(one), to, testRecord(2), HOUR, { owner: who.owner(10) })
      assert.deepEqual(
        (await engine.list(who.partition, who.tag)).map((entry) => entry.id),
        [to, b],
      )
    },
  },
]
