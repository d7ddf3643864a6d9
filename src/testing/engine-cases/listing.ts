import assert from 'node:assert/strict'
import { type Engine, hasListing, type Listing } from '../../core/engine.ts'
import { isSojournError } from '../../core/errors.ts'
import { type EngineCase, HOUR, MINUTE } from '../engine-case.ts'
import { testId, testRecord, testTrail } from '../test-records.ts'

/** Which sessions there are, of engines that tell. */
export const listingCases: readonly EngineCase[] = [
  whereOffered('all sessions are told of, and nothing that is none', async (world) => {
    const { engine, second, advance } = world
    const made = Array.from({ length: 1_200 }, () => testId())
    await Promise.all(made.map((id) => engine.create(id, testRecord(1), HOUR)))
    const [ended, left, short] = [testId(), testId(), testId()]
    for (const id of [ended, left]) await engine.create(id, testRecord(1), HOUR)
    await engine.create(short, testRecord(1), MINUTE)
    await engine.destroy(ended)
    await engine.destroy(left, { trail: testTrail(HOUR) })
    await advance(MINUTE)
    // The storage may hold what other cases have made.
    const found = new Set<string>()
    for await (const id of second.ids()) found.add(id)
    assert.deepEqual(
      made.filter((id) => !found.has(id)),
      [],
    )
    assert.deepEqual(
      [ended, left, short].filter((id) => found.has(id)),
      [],
    )
  }),
  whereOffered('nothing is told of after the engine was closed', async ({ engine }) => {
    await engine.close()
    await assert.rejects(
      async () => {
        for await (const id of engine.ids()) assert.fail(id)
      },
      (error) => isSojournError(error) && error.code === 'ERR_SOJOURN_STORE_UNAVAILABLE',
    )
  }),
]

interface ListingWorld {
  readonly engine: Engine & Listing
  readonly second: Engine & Listing
  readonly advance: (ms: number) => Promise<void>
}

function whereOffered(title: string, run: (world: ListingWorld) => Promise<void>): EngineCase {
  return {
    title: `listing: ${title}`,
    run: async ({ engine, second, advance }) => {
      if (hasListing(engine) && hasListing(second)) await run({ engine, second, advance })
    },
  }
}
