import assert from 'node:assert/strict'
import { stampOf } from '../../core/engine.ts'
import {
  assertAbsent,
  assertBytes,
  assertConflict,
  assertDone,
  assertGone,
  assertLifetime,
  assertStored,
  type EngineCase,
  HOUR,
  MINUTE,
  SECOND,
} from '../engine-case.ts'
import { testDescriptor, testId, testPrincipal, testRecord, testTrail } from '../test-records.ts'

/** `create` and `load`, and what happens to bytes on the way. */
export const storingCases: readonly EngineCase[] = [
  {
    title: 'load of an unknown id answers nothing',
    async run({ engine }) {
      await assertAbsent(engine, testId())
    },
  },
  {
    title: 'create stores the record with its lifetime, for every instance',
    async run({ engine, second }) {
      const [id, record] = [testId(), testRecord(1, 'payload')]
      const result = await engine.create(id, record, 30 * MINUTE)
      assert.deepEqual(result, { status: 'created', evicted: [] })
      await assertStored(engine, id, record, 30 * MINUTE)
      await assertStored(second, id, record, 30 * MINUTE)
    },
  },
  {
    title: 'create on an id that is taken answers exists and changes nothing',
    async run({ engine }) {
      const [id, first, owner] = [testId(), testRecord(1, 'first'), testPrincipal()]
      await engine.create(id, first, MINUTE)
      const result = await engine.create(id, testRecord(1, 'second'), HOUR, owner.owner(1))
      assert.deepEqual(result, { status: 'exists' })
      await assertStored(engine, id, first, MINUTE)
      assert.deepEqual(await engine.list(owner.partition, owner.tag), [])
    },
  },
  {
    title: 'a trail takes its id too: create answers exists',
    async run({ engine }) {
      const [id, trail] = [testId(), testTrail(MINUTE)]
      await engine.create(id, testRecord(1), HOUR)
      await engine.destroy(id, { trail })
      assert.deepEqual(await engine.create(id, testRecord(1), HOUR), { status: 'exists' })
      await assertStored(engine, id, trail.record, MINUTE)
    },
  },
  {
    title: 'the reported lifetime runs down, and ends with the record',
    async run({ engine, second, advance }) {
      const [id, record] = [testId(), testRecord(1)]
      await engine.create(id, record, 10 * MINUTE)
      await advance(4 * MINUTE)
      await assertStored(engine, id, record, 6 * MINUTE)
      await advance(5 * MINUTE)
      await assertStored(engine, id, record, MINUTE)
      await advance(MINUTE)
      await assertAbsent(engine, id)
      await assertAbsent(second, id)
    },
  },
  {
    title: 'of many sessions that expired together none is served, however late it is cleared away',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const ids = Array.from({ length: 60 }, () => who.id())
      const record = testRecord(1)
      for (const [i, id] of ids.entries()) {
        await engine.create(id, record, MINUTE + i, who.owner(i))
      }
      await advance(2 * MINUTE)
      // The last to expire first: whoever clears away in that order has not come to it yet.
      await assertAbsent(engine, ids[59]!)
      const base = stampOf(record)
      assertGone(await engine.commit(ids[58]!, base, testRecord(2), HOUR))
      assertGone(await engine.touch(ids[57]!, base, HOUR))
      assertGone(await engine.rotate(ids[56]!, base, testId(), testRecord(2), HOUR))
      assertGone(await engine.destroy(ids[55]!))
      assert.equal((await engine.create(ids[54]!, record, HOUR)).status, 'created')
      const [other, limit] = [who.id(), { max: 2, policy: 'reject' } as const]
      const login = await engine.create(other, record, HOUR, who.owner(100), limit)
      assert.equal(login.status, 'created')
    },
  },
  {
    title: 'an id whose record has expired is free again',
    async run({ engine, advance }) {
      const [id, next] = [testId(), testRecord(1, 'next')]
      await engine.create(id, testRecord(1, 'first'), MINUTE)
      await advance(MINUTE + SECOND)
      assert.equal((await engine.create(id, next, HOUR)).status, 'created')
      await assertStored(engine, id, next, HOUR)
    },
  },
  {
    title: 'sessions do not touch one another',
    async run({ engine, advance }) {
      const ids = Array.from({ length: 20 }, () => testId())
      const records = ids.map((_, i) => testRecord(i, `session ${i}`))
      await Promise.all(ids.map((id, i) => engine.create(id, records[i]!, (i + 1) * MINUTE)))
      await advance(10 * MINUTE + SECOND / 2)
      for (const [i, id] of ids.entries()) {
        if (i < 10) await assertAbsent(engine, id)
        else await assertStored(engine, id, records[i]!)
      }
    },
  },
  {
    title:
      'every byte survives: zeros, line ends, invalid UTF-8, in records, stamps and descriptors',
    async run({ engine, second }) {
      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      const who = testPrincipal()
      for (const filler of [0x00, 0x0a, 0x0d, 0x22, 0x5c, 0x7f, 0x80, 0xc3, 0xff]) {
        const id = who.id()
        const record = testRecord(1, all).fill(filler, 2, 14)
        const descriptor = testDescriptor(filler, { label: all })
        await engine.create(id, record, HOUR, { tag: who.tag, descriptor, ttl: HOUR })
        await assertStored(second, id, record)
        const listed = (await second.list(who.partition, who.tag)).find((entry) => entry.id === id)
        assert.ok(listed !== undefined)
        assertBytes(listed.descriptor, descriptor, 'descriptor')
        assertDone(await engine.touch(id, stampOf(record), HOUR))
        const next = testRecord(2, all)
        assertDone(await engine.commit(id, stampOf(record), next, HOUR))
        await assertStored(second, id, next)
      }
    },
  },
  {
    title: 'a record with nothing behind its stamp can be stored, compared and replaced',
    async run({ engine }) {
      const [id, short] = [testId(), testRecord(7).slice(0, 10)]
      await engine.create(id, short, HOUR)
      await assertStored(engine, id, short)
      assertConflict(await engine.commit(id, stampOf(testRecord(7)), testRecord(8), HOUR), short)
      assertDone(await engine.commit(id, stampOf(short), testRecord(8), HOUR))
    },
  },
  {
    title: 'a record of 1 MiB makes the whole round',
    async run({ engine, second }) {
      const big = Uint8Array.from({ length: 1_048_576 }, (_, i) => (i * 31) & 0xff)
      const [id, to, one, two] = [testId(), testId(), testRecord(1, big), testRecord(2, big)]
      await engine.create(id, one, HOUR)
      await assertStored(second, id, one)
      assertDone(await second.commit(id, stampOf(one), two, HOUR))
      assertConflict(await engine.commit(id, stampOf(one), one, HOUR), two)
      const three = testRecord(3, big)
      assertDone(await engine.rotate(id, stampOf(two), to, three, HOUR))
      await assertStored(second, to, three)
    },
  },
  {
    title: 'the engine keeps its own copy: buffers that went in or came out may be changed',
    async run({ engine, second }) {
      const who = testPrincipal()
      const [id, record, owner] = [who.id(), testRecord(1, 'untouched'), who.owner(5)]
      const [original, descriptor] = [record.slice(), owner.descriptor.slice()]
      await engine.create(id, record, HOUR, owner)
      record.fill(0xee)
      owner.descriptor.fill(0xee)
      const loaded = await assertStored(engine, id, original)
      loaded.record.fill(0xdd)
      const refused = await engine.commit(id, stampOf(record), testRecord(2), HOUR)
      assertConflict(refused, original)
      if (refused.status === 'conflict') refused.stored.record.fill(0xcc)
      const listed = await engine.list(who.partition, who.tag)
      assertBytes(listed[0]!.descriptor, descriptor, 'descriptor')
      listed[0]!.descriptor.fill(0xbb)
      await assertStored(engine, id, original)
      await assertStored(second, id, original)
      assertBytes(
        (await engine.list(who.partition, who.tag))[0]!.descriptor,
        descriptor,
        'descriptor',
      )
    },
  },
  {
    title: 'records that commit, rotate and destroy were given may be changed afterwards',
    async run({ engine }) {
      const [id, to, first] = [testId(), testId(), testRecord(1)]
      await engine.create(id, first, HOUR)
      const [second, third] = [testRecord(2, 'second'), testRecord(3, 'third')]
      const [left, end] = [testTrail(MINUTE, 'left'), testTrail(MINUTE, 'end')]
      const copies = [second, third, left.record, end.record].map((bytes) => bytes.slice())
      assertDone(await engine.commit(id, stampOf(first), second, HOUR))
      second.fill(0xee)
      await assertStored(engine, id, copies[0]!)
      assertDone(await engine.rotate(id, stampOf(copies[0]!), to, third, HOUR, { trail: left }))
      third.fill(0xee)
      left.record.fill(0xee)
      await assertStored(engine, to, copies[1]!)
      await assertStored(engine, id, copies[2]!)
      assertDone(await engine.destroy(to, { trail: end }))
      end.record.fill(0xee)
      await assertStored(engine, to, copies[3]!)
    },
  },
  {
    title: 'a buffer that is a window on a larger one is stored as the window',
    async run({ engine }) {
      const [id, record] = [testId(), testRecord(1, 'window')]
      const pool = new Uint8Array(record.length + 20)
      pool.set(record, 10)
      await engine.create(id, pool.subarray(10, 10 + record.length), HOUR)
      await assertStored(engine, id, record)
      const base = Buffer.from(pool.buffer, 12, 8)
      assertDone(await engine.touch(id, base, MINUTE))
      assertLifetime((await assertStored(engine, id, record)).ttl, MINUTE)
    },
  },
]
