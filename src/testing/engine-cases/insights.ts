import assert from 'node:assert/strict'
import type { Engine } from '../../core/engine.ts'
import { hasInsights, type Insights } from '../../core/engine-abilities.ts'
import { isSojournError } from '../../core/errors.ts'
import { assertLifetime, type EngineCase, HOUR, MINUTE } from '../engine-case.ts'
import { testId, testRecord, testTrail } from '../test-records.ts'

const DAY = 24 * HOUR

/** Counters and samples, of engines that have them. */
export const insightCases: readonly EngineCase[] = [
  whereOffered('gaps that several instances add on several days are summed', async (world) => {
    const { engine, second, advance } = world
    const before = await engine.gaps(14)
    await engine.addGaps(new Map([[7, 2]]))
    await advance(2 * DAY)
    await Promise.all([
      engine.addGaps(new Map([[7, 40]])),
      second.addGaps(
        new Map([
          [7, 100],
          [207, 1],
        ]),
      ),
    ])
    assert.equal(added(before, await engine.gaps(14), 7), 142)
    assert.equal(added(before, await second.gaps(14), 207), 1)
    assert.equal(added(before, await second.gaps(2), 7), 140, 'of today and yesterday')
  }),
  whereOffered('gaps are forgotten after 14 days', async ({ engine, advance }) => {
    await engine.addGaps(new Map([[9, 1_000_000]]))
    await advance(13 * DAY)
    assert.ok(((await engine.gaps(14)).get(9) ?? 0) >= 1_000_000)
    await advance(DAY)
    assert.ok(((await engine.gaps(14)).get(9) ?? 0) < 1_000_000)
  }),
  whereOffered('a sample holds the lifetimes of sessions, and of nothing else', async (world) => {
    const { engine, second, advance } = world
    for (const ttl of [HOUR, 2 * HOUR]) await engine.create(testId(), testRecord(1), ttl)
    const left = testId()
    await engine.create(left, testRecord(1), HOUR)
    await engine.destroy(left, { trail: testTrail(50 * DAY) })
    await engine.create(testId(), testRecord(1), MINUTE)
    await engine.addGaps(new Map([[0, 1]]))
    await advance(MINUTE)
    const { ttls, complete } = await second.sampleTtls(100_000)
    assert.equal(complete, true)
    const [longest = 0, next = 0] = ttls.toSorted((a, b) => b - a)
    assertLifetime(longest, 2 * HOUR - MINUTE)
    assertLifetime(next, HOUR - MINUTE)
  }),
  whereOffered('a sample is no larger than asked for', async ({ engine }) => {
    for (let i = 0; i < 30; i++) await engine.create(testId(), testRecord(1), HOUR)
    const { ttls, complete } = await engine.sampleTtls(20)
    assert.deepEqual([ttls.length, complete], [20, false])
    assert.deepEqual(await engine.sampleTtls(0), { ttls: [], complete: false })
  }),
  whereOffered('after close nothing is counted and nothing sampled', async ({ engine }) => {
    await engine.close()
    for (const call of [
      () => engine.addGaps(new Map([[0, 1]])),
      () => engine.gaps(14),
      () => engine.sampleTtls(10),
    ]) {
      const error: unknown = await call().then(
        () => assert.fail('the call must reject'),
        (reason: unknown) => reason,
      )
      assert.ok(isSojournError(error) && error.code === 'ERR_SOJOURN_STORE_UNAVAILABLE')
    }
  }),
]

interface World {
  readonly engine: Engine & Insights
  readonly second: Engine & Insights
  readonly advance: (ms: number) => Promise<void>
}

function whereOffered(title: string, run: (world: World) => Promise<void>): EngineCase {
  return {
    title,
    run: async ({ engine, second, advance }) => {
      if (hasInsights(engine) && hasInsights(second)) await run({ engine, second, advance })
    },
  }
}

function added(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  bucket: number,
): number {
  return (after.get(bucket) ?? 0) - (before.get(bucket) ?? 0)
}
