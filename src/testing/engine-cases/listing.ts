import assert from 'node:assert/strict'
import type { Engine } from '../../core/engine.ts'
import { hasListing, type Listing, type ScannedRecord } from '../../core/engine-abilities.ts'
import { isSojournError } from '../../core/errors.ts'
import { partitionTag } from '../../core/partitions.ts'
import { assertBytes, assertLifetime, type EngineCase, HOUR, MINUTE } from '../engine-case.ts'
import { testId, testPrincipal, testRecord, testTrail } from '../test-records.ts'

/** Going through all sessions, of engines that can. */
export const listingCases: readonly EngineCase[] = [
  whereOffered('a scan finds every session, with its record and lifetime', async (world) => {
    const { engine, second } = world
    const made = new Map<string, Uint8Array>()
    // More than a page, in several partitions.
    for (let i = 0; i < 1_200; i++) {
      const id = i % 2 === 0 ? testId() : testId(partitionTag(513))
      made.set(id, testRecord(1, `session ${i}`))
    }
    await Promise.all([...made].map(([id, record]) => engine.create(id, record, HOUR)))
    const found = await scanned(second)
    for (const [id, record] of made) {
      const stored = found.get(id)
      assert.ok(stored !== undefined, `${id} is missing`)
      assertBytes(stored.record, record, 'scanned record')
      assertLifetime(stored.ttl, HOUR)
    }
  }),
  whereOffered('a scan finds no trails, no indexes, and nothing that has ended', async (world) => {
    const { engine, second, advance } = world
    const [trailed, destroyed, expired] = [testId(), testId(), testId()]
    const ada = testPrincipal()
    const owned = ada.id()
    await engine.create(owned, testRecord(1), HOUR, ada.owner(1))
    await engine.create(trailed, testRecord(1), HOUR)
    await engine.destroy(trailed, { trail: testTrail(HOUR) })
    await engine.create(destroyed, testRecord(1), HOUR)
    await engine.destroy(destroyed)
    await engine.create(expired, testRecord(1), MINUTE)
    await advance(MINUTE)
    const found = await scanned(second)
    const ids = [owned, trailed, destroyed, expired]
    assert.deepEqual(
      ids.map((id) => found.has(id)),
      [true, false, false, false],
    )
    for (const id of found.keys()) assert.match(id, /^[A-Za-z0-9]{3}[A-Za-z0-9_-]{22}$/)
  }),
  whereOffered('sessions that end during a scan do not disturb it', async ({ engine, second }) => {
    const stays = testId()
    await engine.create(stays, testRecord(1), HOUR)
    const going = Array.from({ length: 1_200 }, () => testId())
    await Promise.all(going.map((id) => engine.create(id, testRecord(1), HOUR)))
    const found = new Set<string>()
    let isFirst = true
    for await (const page of second.scan()) {
      for (const { id } of page) found.add(id)
      if (isFirst) await Promise.all(going.map((id) => engine.destroy(id)))
      isFirst = false
    }
    assert.ok(found.has(stays))
    assert.ok((await scanned(second)).has(stays))
  }),
  whereOffered('after close nothing is scanned', async ({ engine }) => {
    await engine.close()
    const error: unknown = await scanned(engine).then(
      () => assert.fail('the scan must reject'),
      (reason: unknown) => reason,
    )
    assert.ok(isSojournError(error) && error.code === 'ERR_SOJOURN_STORE_UNAVAILABLE')
  }),
]

interface World {
  readonly engine: Engine & Listing
  readonly second: Engine & Listing
  readonly advance: (ms: number) => Promise<void>
}

function whereOffered(title: string, run: (world: World) => Promise<void>): EngineCase {
  return {
    title,
    run: async ({ engine, second, advance }) => {
      if (hasListing(engine) && hasListing(second)) await run({ engine, second, advance })
    },
  }
}

async function scanned(engine: Listing): Promise<Map<string, ScannedRecord>> {
  const found = new Map<string, ScannedRecord>()
  for await (const page of engine.scan()) for (const each of page) found.set(each.id, each)
  return found
}
