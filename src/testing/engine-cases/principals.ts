import assert from 'node:assert/strict'
import { type Engine, type SessionId, stampOf } from '../../core/engine.ts'
import { partitionTag } from '../../core/partitions.ts'
import {
  assertAbsent,
  assertBytes,
  assertConflict,
  assertDone,
  assertGone,
  assertLifetime,
  assertStaysGone,
  assertStored,
  type EngineCase,
  HOUR,
  MINUTE,
  SECOND,
} from '../engine-case.ts'
import {
  type TestPrincipal,
  testForward,
  testPrincipal,
  testRecord,
  testTrail,
} from '../test-records.ts'

/** The index of a principal: `list`, `revokeAll`, and what the other calls do to it. */
export const principalCases: readonly EngineCase[] = [
  {
    title: 'list shows id, descriptor and lifetime, oldest first, whatever the order of creation',
    async run({ engine, second, advance }) {
      const who = testPrincipal()
      const sessions = [300, 100, 2 ** 40, 200, 2 ** 47, 255, 256].map((created) => {
        return { id: who.id(), created }
      })
      for (const { id, created } of sessions) {
        await engine.create(id, testRecord(1), HOUR, who.owner(created))
      }
      await advance(10 * MINUTE)
      const listed = await second.list(who.partition, who.tag)
      const expected = sessions.sort((a, b) => a.created - b.created)
      assert.deepEqual(
        listed.map((entry) => entry.id),
        expected.map((session) => session.id),
      )
      for (const [i, entry] of listed.entries()) {
        assertBytes(entry.descriptor, who.owner(expected[i]!.created).descriptor, 'descriptor')
        assertLifetime(entry.ttl, 50 * MINUTE)
      }
    },
  },
  {
    title: 'a principal without sessions: nothing to list, nothing to revoke',
    async run({ engine }) {
      const who = testPrincipal()
      assert.deepEqual(await engine.list(who.partition, who.tag), [])
      assert.deepEqual(await engine.revokeAll(who.partition, who.tag), [])
      assert.deepEqual(await engine.revokeAll(who.partition, who.tag, { except: who.id() }), [])
    },
  },
  {
    title: 'a session without an owner is listed nowhere',
    async run({ engine }) {
      const who = testPrincipal()
      await engine.create(who.id(), testRecord(1), HOUR)
      assert.deepEqual(await engine.list(who.partition, who.tag), [])
    },
  },
  {
    title: 'list shows the lifetime that commit and touch have set',
    async run({ engine }) {
      const who = testPrincipal()
      const [a, b, one, two] = [who.id(), who.id(), testRecord(1), testRecord(2)]
      await engine.create(a, one, HOUR, who.owner(1))
      await engine.create(b, one, HOUR, who.owner(2))
      await engine.commit(a, stampOf(one), two, 10 * MINUTE)
      await engine.touch(b, stampOf(one), 20 * MINUTE)
      const listed = await engine.list(who.partition, who.tag)
      assert.deepEqual(
        listed.map((entry) => entry.id),
        [a, b],
      )
      assertLifetime(listed[0]!.ttl, 10 * MINUTE)
      assertLifetime(listed[1]!.ttl, 20 * MINUTE)
    },
  },
  {
    title: 'sessions that expired or were destroyed are not listed any more',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const [expired, named, unnamed, left, alive] = await fill(engine, who, 5)
      await engine.touch(expired!.id, stampOf(expired!.record), MINUTE)
      assertDone(await engine.destroy(named!.id, { ownerTag: who.tag }))
      assertDone(await engine.destroy(unnamed!.id))
      assertDone(await engine.destroy(left!.id, { ownerTag: who.tag, trail: testTrail(HOUR) }))
      await advance(MINUTE)
      assert.deepEqual(await ids(engine, who), [alive!.id])
    },
  },
  {
    title: 'destroy on a stale stamp leaves the session listed',
    async run({ engine }) {
      const who = testPrincipal()
      const [session] = await fill(engine, who, 1)
      const base = stampOf(testRecord(1))
      const result = await engine.destroy(session!.id, { ownerTag: who.tag, base })
      assertConflict(result, session!.record)
      assert.deepEqual(await ids(engine, who), [session!.id])
    },
  },
  {
    title: 'create removes the entries of dead sessions from the index',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const [expired, destroyed] = await fill(engine, who, 2)
      await engine.touch(expired!.id, stampOf(expired!.record), MINUTE)
      await engine.destroy(destroyed!.id)
      await advance(MINUTE + SECOND)
      const next = who.id()
      await engine.create(next, testRecord(1), HOUR, who.owner(100))
      // Only an entry that is still there could claim these strangers for the principal.
      await engine.create(expired!.id, testRecord(1), HOUR)
      await engine.create(destroyed!.id, testRecord(1), HOUR)
      assert.deepEqual(await ids(engine, who), [next])
    },
  },
  {
    title: 'destroy of a session that is gone still removes its index entry',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const [expired, other] = await fill(engine, who, 2)
      await engine.touch(expired!.id, stampOf(expired!.record), MINUTE)
      await advance(MINUTE + SECOND)
      const base = stampOf(expired!.record)
      assertGone(await engine.destroy(expired!.id, { ownerTag: who.tag, base }))
      await engine.create(expired!.id, testRecord(1), HOUR)
      assert.deepEqual(await ids(engine, who), [other!.id])
    },
  },
  {
    title: 'the index lives as long as the longest owner says, however long sessions are touched',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const [long, short] = [{ id: who.id(), record: testRecord(1) }, who.id()]
      await engine.create(long.id, long.record, 10 * MINUTE, who.owner(1, 10 * HOUR))
      await engine.create(short, testRecord(1), MINUTE, who.owner(2, MINUTE))
      for (let i = 0; i < 20; i += 1) {
        await advance(9 * MINUTE)
        assertDone(await engine.touch(long.id, stampOf(long.record), 10 * MINUTE))
      }
      assert.deepEqual(await ids(engine, who), [long.id])
      assert.deepEqual(await engine.revokeAll(who.partition, who.tag), [long.id])
    },
  },
  {
    title: 'rotate extends the life of the index where the owner asks for it',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const [from, to, record] = [who.id(), who.id(), testRecord(1)]
      await engine.create(from, record, 10 * MINUTE, who.owner(1, 10 * MINUTE))
      const options = { owner: who.owner(1, HOUR) }
      await engine.rotate(from, stampOf(record), to, testRecord(2), 50 * MINUTE, options)
      await advance(40 * MINUTE)
      assert.deepEqual(await ids(engine, who), [to])
    },
  },
  {
    title: 'rotate of one session does not shorten the life of the index for another',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const [long, from, to, record] = [who.id(), who.id(), who.id(), testRecord(1)]
      await engine.create(long, record, 50 * MINUTE, who.owner(1, HOUR))
      await engine.create(from, record, MINUTE, who.owner(2, MINUTE))
      const options = { owner: who.owner(2, MINUTE) }
      await engine.rotate(from, stampOf(record), to, testRecord(2), MINUTE, options)
      await advance(40 * MINUTE)
      assert.deepEqual(await ids(engine, who), [long])
    },
  },
  {
    title: "revokeAll ends all of the principal's sessions for good and names them",
    async run({ engine, second, advance }) {
      const who = testPrincipal()
      const sessions = await fill(engine, who, 5)
      await engine.touch(sessions[0]!.id, stampOf(sessions[0]!.record), MINUTE)
      await engine.destroy(sessions[1]!.id, { ownerTag: who.tag })
      await advance(MINUTE)
      const live = sessions.slice(2).map((session) => session.id)
      assert.deepEqual((await second.revokeAll(who.partition, who.tag)).sort(), live.sort())
      for (const { id, record } of sessions) {
        await assertStaysGone(engine, id, stampOf(record), { id: who.id(), record: testRecord(2) })
      }
      assert.deepEqual(await ids(engine, who), [])
      assert.deepEqual(await engine.revokeAll(who.partition, who.tag), [])
    },
  },
  {
    title: 'revokeAll spares the one it is told to, and leaves it listed',
    async run({ engine }) {
      const who = testPrincipal()
      const sessions = await fill(engine, who, 4)
      const spared = sessions[2]!
      const ended = await engine.revokeAll(who.partition, who.tag, { except: spared.id })
      const others = sessions.filter((session) => session !== spared)
      assert.deepEqual(ended.sort(), others.map((session) => session.id).sort())
      for (const { id } of others) await assertAbsent(engine, id)
      await assertStored(engine, spared.id, spared.record, HOUR)
      assert.deepEqual(await ids(engine, who), [spared.id])
    },
  },
  {
    title: 'S18 revokeAll spares the successor where the one it is told to has been rotated',
    async run({ engine, second }) {
      const who = testPrincipal()
      const [session, other] = await fill(engine, who, 2)
      let last = session!.id
      for (let rotation = 1; rotation <= 20; rotation++) {
        const to = who.id()
        const options = { owner: who.owner(1), trail: testForward(HOUR, to) }
        await engine.rotate(last, stampOf(session!.record), to, session!.record, HOUR, options)
        last = to
      }
      assert.deepEqual(await second.revokeAll(who.partition, who.tag, { except: session!.id }), [
        other!.id,
      ])
      assert.deepEqual(await ids(engine, who), [last])
      await assertStored(second, last, session!.record, HOUR)
    },
  },
  {
    title: "revokeAll with an exception that is not the principal's ends them all, and spares it",
    async run({ engine }) {
      const [who, other] = [testPrincipal(), testPrincipal()]
      const sessions = await fill(engine, who, 3)
      const [stranger] = await fill(engine, other, 1)
      const ended = await engine.revokeAll(who.partition, who.tag, { except: stranger!.id })
      assert.deepEqual(ended.sort(), sessions.map((session) => session.id).sort())
      assert.deepEqual(await ids(engine, who), [])
      await assertStored(engine, stranger!.id, stranger!.record)
      assert.deepEqual(await ids(engine, other), [stranger!.id])
    },
  },
  {
    title: 'revokeAll spares none for an exception in another partition that ends like theirs',
    async run({ engine }) {
      const who = testPrincipal()
      const [session] = await fill(engine, who, 1)
      const ended = await engine.revokeAll(who.partition, who.tag, {
        except: `AAB${session!.id.slice(3)}`,
      })
      assert.deepEqual(ended, [session!.id])
    },
  },
  {
    title:
      'other principals, in the same partition and elsewhere, and anonymous sessions are left alone',
    async run({ engine }) {
      const [who, neighbour, elsewhere] = [
        testPrincipal(),
        testPrincipal(),
        testPrincipal(partitionTag(1)),
      ]
      const anonymous = { id: who.id(), record: testRecord(1) }
      await engine.create(anonymous.id, anonymous.record, HOUR)
      await fill(engine, who, 3)
      const near = await fill(engine, neighbour, 2)
      const far = await fill(engine, elsewhere, 2)
      await engine.create(who.id(), testRecord(1), HOUR, who.owner(9), {
        max: 1,
        policy: 'evict-oldest',
      })
      await engine.revokeAll(who.partition, who.tag)
      assert.deepEqual(
        await ids(engine, neighbour),
        near.map((session) => session.id),
      )
      assert.deepEqual(
        await ids(engine, elsewhere),
        far.map((session) => session.id),
      )
      for (const { id, record } of [anonymous, ...near, ...far]) {
        await assertStored(engine, id, record, HOUR)
      }
    },
  },
  {
    title: 'after revokeAll a principal starts anew',
    async run({ engine }) {
      const who = testPrincipal()
      const [first] = await fill(engine, who, 1)
      await engine.revokeAll(who.partition, who.tag)
      const [second] = await fill(engine, who, 1)
      await assertAbsent(engine, first!.id)
      assert.deepEqual(await ids(engine, who), [second!.id])
    },
  },
]

interface Live {
  readonly id: SessionId
  readonly record: Uint8Array
}

/** Sessions of an hour, the first one the oldest. */
async function fill(engine: Engine, who: TestPrincipal, count: number): Promise<Live[]> {
  const sessions = Array.from({ length: count }, () => ({ id: who.id(), record: testRecord(1) }))
  for (const [i, { id, record }] of sessions.entries()) {
    const result = await engine.create(id, record, HOUR, who.owner(i + 1))
    assert.equal(result.status, 'created')
  }
  return sessions
}

async function ids(engine: Engine, who: TestPrincipal): Promise<SessionId[]> {
  return (await engine.list(who.partition, who.tag)).map((entry) => entry.id)
}
