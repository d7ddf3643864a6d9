import assert from 'node:assert/strict'
import { type Engine, type Limit, type SessionId, stampOf } from '../../core/engine.ts'
import {
  assertAbsent,
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

/** `create` with a limit, and principals with very many sessions. */
export const limitCases: readonly EngineCase[] = [
  {
    title: 'evict-oldest: one more session ends the oldest by creation time, and names it',
    async run({ engine, second }) {
      const who = testPrincipal()
      // 256 and 255 differ in two bytes, the large ones beyond 32 bits.
      const times = [256, 2 ** 33, 255, 2 ** 32]
      const sessions = await logins(engine, who, times)
      const limit: Limit = { max: 4, policy: 'evict-oldest' }
      const oldestFirst = [2, 0, 3, 1].map((i) => sessions[i]!)
      for (const [i, oldest] of oldestFirst.entries()) {
        const result = await create(engine, who, 2 ** 40 + i, limit)
        assert.deepEqual(result.evicted, [oldest.id])
        await assertStaysGone(second, oldest.id, stampOf(oldest.record), {
          id: who.id(),
          record: testRecord(2),
        })
        assert.equal((await ids(second, who)).length, 4)
        assert.equal((await ids(second, who)).at(-1), result.id)
      }
    },
  },
  {
    title: 'evict-oldest spares the new session, even if its creation time is the oldest',
    async run({ engine }) {
      const who = testPrincipal()
      const [first] = await logins(engine, who, [1_000])
      const { id, evicted } = await create(engine, who, 5, { max: 1, policy: 'evict-oldest' })
      assert.deepEqual(evicted, [first!.id])
      assert.deepEqual(await ids(engine, who), [id])
    },
  },
  {
    title: 'evict-oldest: a limit that was lowered takes effect at the next session',
    async run({ engine }) {
      const who = testPrincipal()
      const sessions = await logins(engine, who, [1, 2, 3, 4, 5, 6])
      const { id, evicted } = await create(engine, who, 7, { max: 3, policy: 'evict-oldest' })
      assert.deepEqual(
        [...evicted].sort(),
        sessions
          .slice(0, 4)
          .map((s) => s.id)
          .sort(),
      )
      assert.deepEqual(await ids(engine, who), [sessions[4]!.id, sessions[5]!.id, id])
    },
  },
  {
    title: 'reject: nothing is written when the limit is reached',
    async run({ engine, second }) {
      const who = testPrincipal()
      const sessions = await logins(engine, who, [1, 2])
      const refused = who.id()
      const limit: Limit = { max: 2, policy: 'reject' }
      const result = await engine.create(refused, testRecord(1), HOUR, who.owner(3), limit)
      assert.deepEqual(result, { status: 'rejected', limit: 'all' })
      await assertAbsent(second, refused)
      for (const { id, record } of sessions) await assertStored(second, id, record, HOUR)
      assert.deepEqual(
        await ids(second, who),
        sessions.map((session) => session.id),
      )
    },
  },
  {
    title: 'below the limit nobody is evicted or rejected',
    async run({ engine }) {
      const who = testPrincipal()
      for (const policy of ['reject', 'evict-oldest', 'reject'] as const) {
        const { evicted } = await create(engine, who, 1, { max: 3, policy })
        assert.deepEqual(evicted, [])
      }
      assert.equal((await ids(engine, who)).length, 3)
    },
  },
  {
    title: 'only live sessions count: not those that expired, ended, were rotated or left a trail',
    async run({ engine, advance }) {
      for (const policy of ['reject', 'evict-oldest'] as const) {
        const who = testPrincipal()
        const [expired, destroyed, left, rotated] = await logins(engine, who, [1, 2, 3, 4])
        await engine.touch(expired!.id, stampOf(expired!.record), MINUTE)
        await engine.destroy(destroyed!.id)
        await engine.destroy(left!.id, { ownerTag: who.tag, trail: testTrail(HOUR) })
        const [to, base] = [who.id(), stampOf(rotated!.record)]
        const options = { owner: who.owner(4), trail: testTrail(HOUR) }
        await engine.rotate(rotated!.id, base, to, testRecord(2), HOUR, options)
        await advance(MINUTE + SECOND)
        const { id, evicted } = await create(engine, who, 5, { max: 2, policy })
        assert.deepEqual(evicted, [])
        assert.deepEqual(await ids(engine, who), [to, id])
      }
    },
  },
  {
    title: 'evict-idle: one more session ends the longest unused, whenever it was created',
    async run({ engine, second, advance }) {
      const who = testPrincipal()
      // Unused for 50 minutes, then for 20: of the shorter idle timeout less is left.
      const long = { id: who.id(), record: testRecord(1) }
      const short = { id: who.id(), record: testRecord(1) }
      const used = { id: who.id(), record: testRecord(1) }
      const day = { idleTimeout: 24 * HOUR }
      await engine.create(used.id, used.record, HOUR, who.owner(1))
      await engine.create(long.id, long.record, 24 * HOUR, who.owner(2, 48 * HOUR, day))
      await advance(30 * MINUTE)
      const half = { idleTimeout: 30 * MINUTE }
      await engine.create(short.id, short.record, 30 * MINUTE, who.owner(3, 48 * HOUR, half))
      await advance(20 * MINUTE)
      await engine.touch(used.id, stampOf(used.record), HOUR)
      await advance(MINUTE)
      const limit: Limit = { max: 3, policy: 'evict-idle' }
      for (const idle of [long, short, used]) {
        const { id, evicted } = await create(engine, who, 4, limit)
        assert.deepEqual(evicted, [idle.id])
        await assertAbsent(second, idle.id)
        assert.ok((await ids(second, who)).includes(id))
        await advance(MINUTE)
      }
    },
  },
  {
    title: 'a limit of the kind counts and evicts that kind only',
    async run({ engine }) {
      const who = testPrincipal()
      const [web, phone] = [0x01020304, 0xfffefdfc]
      const old = await sessionOf(engine, who, 1, 0)
      const phones = [
        await sessionOf(engine, who, 2, phone),
        await sessionOf(engine, who, 3, phone),
      ]
      const browser = await sessionOf(engine, who, 4, web)
      const limit: Limit = { max: 10, maxOfKind: 2, policy: 'evict-oldest' }
      const third = await createOf(engine, who, 5, phone, limit)
      assert.deepEqual(third.evicted, [phones[0]])
      const second = await createOf(engine, who, 6, web, limit)
      assert.deepEqual(second.evicted, [])
      assert.deepEqual(await ids(engine, who), [old, phones[1], browser, third.id, second.id])
    },
  },
  {
    title: 'a limit of the kind and that of all: what the kind gives up counts for both',
    async run({ engine }) {
      const who = testPrincipal()
      const kinds = [1, 2, 2, 1, 1]
      const sessions: SessionId[] = []
      for (const [i, kind] of kinds.entries()) {
        sessions.push(await sessionOf(engine, who, i + 1, kind))
      }
      const limit: Limit = { max: 4, maxOfKind: 2, policy: 'evict-oldest' }
      const { id, evicted } = await createOf(engine, who, 9, 2, limit)
      // The oldest of kind 2, and for the limit of all the oldest whatever its kind.
      assert.deepEqual([...evicted].sort(), sessions.slice(0, 2).sort())
      assert.deepEqual(await ids(engine, who), [...sessions.slice(2), id])
    },
  },
  {
    title: 'reject says which limit is reached',
    async run({ engine }) {
      const who = testPrincipal()
      await sessionOf(engine, who, 1, 1)
      await sessionOf(engine, who, 2, 2)
      const attempt = (kind: number, max: number): Promise<unknown> => {
        const limit: Limit = { max, maxOfKind: 1, policy: 'reject' }
        const owner = who.owner(3, HOUR, { kind })
        return engine.create(who.id(), testRecord(1), HOUR, owner, limit)
      }
      assert.deepEqual(await attempt(1, 5), { status: 'rejected', limit: 'kind' })
      assert.deepEqual(await attempt(3, 2), { status: 'rejected', limit: 'all' })
      assert.deepEqual(await attempt(3, 3), { status: 'created', evicted: [] })
    },
  },
  {
    title: 'the session that is replaced neither counts nor makes room, wherever it has moved',
    async run({ engine }) {
      for (const hops of [0, 2, 20]) {
        const who = testPrincipal()
        const [replaced, other] = await logins(engine, who, [1, 2])
        let leaving = replaced!.id
        for (let hop = 0; hop < hops; hop += 1) {
          const [to, base] = [who.id(), stampOf(replaced!.record)]
          const options = { owner: who.owner(1), trail: testForward(HOUR, to) }
          await engine.rotate(leaving, base, to, replaced!.record, HOUR, options)
          leaving = to
        }
        const limit: Limit = { max: 2, policy: 'reject', replaces: replaced!.id }
        const next = await create(engine, who, 3, limit)
        const evicting: Limit = { ...limit, policy: 'evict-oldest' }
        const { id, evicted } = await create(engine, who, 4, evicting)
        assert.deepEqual(evicted, [other!.id])
        assert.deepEqual(await ids(engine, who), [leaving, next.id, id])
      }
    },
  },
  {
    title: "a replaced session that is not the principal's is no exception",
    async run({ engine }) {
      const [who, neighbour] = [testPrincipal(), testPrincipal()]
      const [mine] = await logins(engine, who, [1])
      const [theirs] = await logins(engine, neighbour, [1])
      const limits = [theirs!.id, `AAB${mine!.id.slice(3)}`, who.id()].map((replaces): Limit => {
        return { max: 1, policy: 'reject', replaces }
      })
      for (const limit of limits) {
        const owner = who.owner(2)
        const result = await engine.create(who.id(), testRecord(1), HOUR, owner, limit)
        assert.equal(result.status, 'rejected')
      }
    },
  },
  {
    title: "a limit counts one principal's sessions, not its neighbours'",
    async run({ engine }) {
      const [who, neighbour] = [testPrincipal(), testPrincipal()]
      const others = await logins(engine, neighbour, [1, 2, 3])
      await create(engine, who, 4, { max: 1, policy: 'reject' })
      await create(engine, who, 5, { max: 1, policy: 'evict-oldest' })
      assert.deepEqual(
        await ids(engine, neighbour),
        others.map((session) => session.id),
      )
    },
  },
  {
    title: 'a principal with 9,000 sessions: the limit ends all that are too many',
    async run({ engine, second }) {
      const who = testPrincipal()
      const all = await crowd(engine, who)
      assert.deepEqual(await ids(second, who), all)
      const { id, evicted } = await create(engine, who, 2 ** 40, { max: 2, policy: 'evict-oldest' })
      assert.deepEqual([...evicted].sort(), all.slice(0, -1).sort())
      assert.deepEqual(await ids(second, who), [all.at(-1), id])
      await assertAbsent(engine, all[0]!)
    },
  },
  {
    title: 'a principal with 9,000 sessions: reject counts them all, also where most are dead',
    async run({ engine, advance }) {
      const who = testPrincipal()
      const limit: Limit = { max: 3, policy: 'reject' }
      await crowd(engine, who)
      const refused = await engine.create(who.id(), testRecord(1), HOUR, who.owner(1), limit)
      assert.deepEqual(refused, { status: 'rejected', limit: 'all' })
      await advance(HOUR + SECOND)
      const { id, evicted } = await create(engine, who, 2, limit)
      assert.deepEqual(evicted, [])
      assert.deepEqual(await ids(engine, who), [id])
    },
  },
  {
    title: 'a principal with 9,000 sessions: revokeAll ends all but one',
    async run({ engine, second }) {
      const who = testPrincipal()
      const [spared, ...others] = await crowd(engine, who)
      const ended = await second.revokeAll(who.partition, who.tag, { except: spared })
      assert.deepEqual(ended.sort(), others.sort())
      assert.deepEqual(await ids(engine, who), [spared])
      await assertAbsent(engine, others[0]!)
    },
  },
]

interface Live {
  readonly id: SessionId
  readonly record: Uint8Array
}

/** One session for each creation time. */
function logins(engine: Engine, who: TestPrincipal, times: readonly number[]): Promise<Live[]> {
  return Promise.all(
    times.map(async (created) => {
      const session = { id: who.id(), record: testRecord(1) }
      await engine.create(session.id, session.record, HOUR, who.owner(created))
      return session
    }),
  )
}

/** More sessions than the stack of a Lua script has places, for engines that are made of such. */
async function crowd(engine: Engine, who: TestPrincipal): Promise<SessionId[]> {
  const all: SessionId[] = []
  while (all.length < 9_000) {
    const times = Array.from({ length: 500 }, (_, i) => all.length + i + 1)
    all.push(...(await logins(engine, who, times)).map((session) => session.id))
  }
  return all
}

function create(
  engine: Engine,
  who: TestPrincipal,
  created: number,
  limit: Limit,
): Promise<{ readonly id: SessionId; readonly evicted: readonly SessionId[] }> {
  return createOf(engine, who, created, 0, limit)
}

async function createOf(
  engine: Engine,
  who: TestPrincipal,
  created: number,
  kind: number,
  limit: Limit,
): Promise<{ readonly id: SessionId; readonly evicted: readonly SessionId[] }> {
  const id = who.id()
  const owner = who.owner(created, 24 * HOUR, { kind })
  const result = await engine.create(id, testRecord(1), HOUR, owner, limit)
  assert.equal(result.status, 'created')
  assert.ok(result.status === 'created')
  return { id, evicted: result.evicted }
}

/** A session of a kind, without a limit. */
async function sessionOf(
  engine: Engine,
  who: TestPrincipal,
  created: number,
  kind: number,
): Promise<SessionId> {
  const id = who.id()
  await engine.create(id, testRecord(1), HOUR, who.owner(created, HOUR, { kind }))
  return id
}

async function ids(engine: Engine, who: TestPrincipal): Promise<SessionId[]> {
  return (await engine.list(who.partition, who.tag)).map((entry) => entry.id)
}
