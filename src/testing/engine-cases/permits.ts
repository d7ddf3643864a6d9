import assert from 'node:assert/strict'
import type { Engine } from '../../core/engine.ts'
import { hasPermits, type Permits } from '../../core/engine-abilities.ts'
import { partitionTag } from '../../core/partitions.ts'
import { type EngineCase, HOUR, MINUTE } from '../engine-case.ts'
import { testId } from '../test-records.ts'

/** What a client may do only so often, of engines that count it. */
export const permitCases: readonly EngineCase[] = [
  whereOffered(
    'permits are as many as allowed, whoever asks, and then it is said for how long not',
    async (world) => {
      const { engine, second } = world
      const name = testId().slice(3)
      for (const each of [engine, second, engine]) {
        assert.equal(await each.permit(partitionTag(3), name, 3, HOUR), 0)
      }
      const wait = await second.permit(partitionTag(3), name, 3, HOUR)
      assert.ok(wait > HOUR - MINUTE && wait <= HOUR, `${wait} ms`)
      assert.equal(
        await engine.permit(partitionTag(3), testId().slice(3), 3, HOUR),
        0,
        'of another name',
      )
      assert.equal(await engine.permit(partitionTag(3), name, 4, HOUR), 0, 'of a higher limit')
      assert.ok((await engine.permit(partitionTag(3), name, 2, HOUR)) > 0, 'of a lower limit')
    },
  ),
  whereOffered('permits of many who ask at once are exactly as many as allowed', async (world) => {
    const { engine, second } = world
    const name = testId().slice(3)
    const waits = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        (i % 2 === 0 ? engine : second).permit(partitionTag(9), name, 10, HOUR),
      ),
    )
    assert.equal(waits.filter((wait) => wait === 0).length, 10)
  }),
  whereOffered('permits come back when their time is over', async ({ engine, advance }) => {
    const name = testId().slice(3)
    for (let i = 0; i < 2; i++) await engine.permit(partitionTag(3), name, 2, HOUR)
    assert.ok((await engine.permit(partitionTag(3), name, 2, HOUR)) > 0)
    await advance(HOUR)
    assert.equal(await engine.permit(partitionTag(3), name, 2, HOUR), 0)
  }),
  // With windows that begin anew both would be free at once, or be so for another time.
  whereOffered('each permit comes back when its own time is over', async ({ engine, advance }) => {
    const name = testId().slice(3)
    const ask = (): Promise<number> => engine.permit(partitionTag(3), name, 2, HOUR)
    const isAbout = (wait: number, minutes: number): void => {
      assert.ok(wait > (minutes - 1) * MINUTE && wait <= minutes * MINUTE, `${wait} ms`)
    }
    assert.equal(await ask(), 0)
    await advance(40 * MINUTE)
    assert.equal(await ask(), 0)
    isAbout(await ask(), 20)
    await advance(30 * MINUTE)
    assert.equal(await ask(), 0, 'the first is over')
    isAbout(await ask(), 30)
  }),
]

interface World {
  readonly engine: Engine & Permits
  readonly second: Engine & Permits
  readonly advance: (ms: number) => Promise<void>
}

function whereOffered(title: string, run: (world: World) => Promise<void>): EngineCase {
  return {
    title,
    run: async ({ engine, second, advance }) => {
      if (hasPermits(engine) && hasPermits(second)) await run({ engine, second, advance })
    },
  }
}
