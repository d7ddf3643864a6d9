import assert from 'node:assert/strict'
import { type Engine, stampOf } from '../../core/engine.ts'
import { isSojournError } from '../../core/errors.ts'
import { assertStored, type EngineCase, HOUR, SECOND } from '../engine-case.ts'
import { testId, testPrincipal, testRecord } from '../test-records.ts'

/** The engine itself: name, time, readiness, end. */
export const servingCases: readonly EngineCase[] = [
  {
    title: 'the engine has a name and becomes ready, as often as it is asked',
    async run({ engine, second }) {
      assert.ok(engine.name.length > 0)
      assert.equal(await engine.ready(), undefined)
      await Promise.all([engine.ready(), second.ready(), engine.ready()])
    },
  },
  {
    title: "the engine's time goes on",
    async run({ engine, advance }) {
      // The store's clock is known from then on.
      await engine.ready()
      const before = engine.now()
      assert.ok(before > Date.UTC(2000, 0, 1), 'milliseconds since the epoch')
      await advance(10 * SECOND)
      const passed = engine.now() - before
      assert.ok(passed >= 10 * SECOND - 1 && passed < 40 * SECOND, `${passed} ms for 10 s`)
    },
  },
  {
    title: 'after close every call rejects with StoreUnavailableError, and nothing was sent',
    async run({ engine }) {
      const [id, record] = [testId(), testRecord(1)]
      await engine.create(id, record, HOUR)
      await engine.close()
      for (const [name, call] of everyCall(engine)) {
        const error = await rejection(call())
        assert.ok(isSojournError(error), `${name}: ${String(error)}`)
        assert.equal(error.code, 'ERR_SOJOURN_STORE_UNAVAILABLE', name)
        assert.equal((error as { indeterminate?: boolean }).indeterminate, false, name)
      }
    },
  },
  {
    title: 'close can be called again, also at the same time',
    async run({ engine }) {
      await engine.ready()
      await Promise.all([engine.close(), engine.close()])
      await engine.close()
    },
  },
  {
    title: 'calls under way when the engine is closed come to an end',
    async run({ engine }) {
      const [id, record] = [testId(), testRecord(1)]
      await engine.create(id, record, HOUR)
      const calls = Array.from({ length: 20 }, () => engine.load(id))
      const [settled] = await Promise.all([Promise.allSettled(calls), engine.close()])
      for (const result of settled) {
        if (result.status === 'fulfilled') continue
        const error: unknown = result.reason
        assert.ok(isSojournError(error), String(error))
        assert.equal(error.code, 'ERR_SOJOURN_STORE_UNAVAILABLE')
      }
    },
  },
  {
    title: 'closing one instance leaves the others serving',
    async run({ engine, second }) {
      if (second === engine) return
      const [id, record] = [testId(), testRecord(1)]
      await engine.create(id, record, HOUR)
      await engine.close()
      await assertStored(second, id, record)
    },
  },
]

function everyCall(engine: Engine): ReadonlyArray<readonly [string, () => Promise<unknown>]> {
  const [who, record, base] = [testPrincipal(), testRecord(1), stampOf(testRecord(1))]
  return [
    ['ready', () => engine.ready()],
    ['load', () => engine.load(who.id())],
    ['create', () => engine.create(who.id(), record, HOUR, who.owner(1))],
    ['commit', () => engine.commit(who.id(), base, record, HOUR)],
    ['touch', () => engine.touch(who.id(), base, HOUR)],
    ['rotate', () => engine.rotate(who.id(), base, who.id(), record, HOUR)],
    ['destroy', () => engine.destroy(who.id())],
    ['list', () => engine.list(who.partition, who.tag)],
    ['revokeAll', () => engine.revokeAll(who.partition, who.tag)],
  ]
}

/** The error itself: a call that throws at once, instead of rejecting, fails the case. */
function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('the call must reject'),
    (error: unknown) => error,
  )
}
