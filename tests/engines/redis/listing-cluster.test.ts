import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ScannedRecord } from '../../../src/core/engine-abilities.ts'
import { PARTITIONS, partitionOf, partitionTag } from '../../../src/core/partitions.ts'
import type { ListingPlace } from '../../../src/engines/redis/listing.ts'
import { type RedisEngine, redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { testId, testRecord } from '../../../src/testing/index.ts'
import { type ClusterNode, type RedisCluster, startCluster } from '../../support/cluster.ts'

let cluster: RedisCluster
let engine: RedisEngine
let ids: ReadonlySet<string>

beforeAll(async () => {
  cluster = await startCluster()
}, 60_000)

afterAll(() => cluster.stop())

beforeEach(async () => {
  engine = redisEngine({
    redis: { cluster: cluster.addresses },
    commandTimeout: 5_000,
    nearCache: false,
  })
  const made = Array.from({ length: 3_000 }, (_, i) => testId(partitionTag(i % PARTITIONS)))
  await Promise.all(made.map((id) => engine.create(id, testRecord(1), 600_000)))
  ids = new Set(made)
})

afterEach(async () => {
  await engine.close()
  for (const node of cluster.nodes) await node.cli('FLUSHALL')
})

const slotOf = (id: string): number => (partitionOf(id.slice(0, 3)) ?? PARTITIONS) * 16

async function ownerOf(page: readonly ScannedRecord[]): Promise<ClusterNode> {
  return cluster.masterOf(slotOf(page[0]?.id ?? ''))
}

/** A slot, of those with several sessions, of a server that has not been gone through. */
async function slotsOf(node: ClusterNode, count: number): Promise<number[]> {
  const perSlot = new Map<number, number>()
  for (const id of ids) perSlot.set(slotOf(id), (perSlot.get(slotOf(id)) ?? 0) + 1)
  const found: number[] = []
  for (const [slot, sessions] of perSlot) {
    if (found.length === count) break
    if (sessions > 1 && (await cluster.masterOf(slot)) === node) found.push(slot)
  }
  return found
}

/** Goes on until the second server is come upon. */
async function firstAndLast(
  next: () => Promise<readonly ScannedRecord[]>,
): Promise<{ first: ClusterNode; last: ClusterNode }> {
  const first = await ownerOf(await next())
  let second = first
  while (second === first) {
    const page = await next()
    if (page.length > 0) second = await ownerOf(page)
  }
  const last = cluster.nodes.find((node) => node !== first && node !== second) as ClusterNode
  return { first, last }
}

describe('all records of a Cluster', () => {
  let seen: Set<string>
  let next: () => Promise<readonly ScannedRecord[]>
  let drain: () => Promise<void>

  function byScan(): void {
    const pages = engine.scan()[Symbol.asyncIterator]()
    let isDone = false
    next = async () => {
      const { done, value } = await pages.next()
      isDone = done === true
      return value ?? []
    }
    drainBy(() => isDone)
  }

  function byPieces(): void {
    let place: ListingPlace | undefined
    let isDone = false
    next = async () => {
      const piece = await engine.listing.piece(place)
      place = piece.next
      isDone = place === undefined
      return piece.records
    }
    drainBy(() => isDone)
  }

  function drainBy(isDone: () => boolean): void {
    const one = next
    seen = new Set()
    next = async () => {
      const page = await one()
      for (const { id } of page) seen.add(id)
      return page
    }
    drain = async () => {
      while (!isDone()) await next()
    }
  }

  it.each([
    ['a scan', byScan],
    ['pieces', byPieces],
  ])(
    'are found by %s, also where slots have gone to a server that was gone through',
    async (_, by) => {
      by()
      const { first, last } = await firstAndLast(next)
      for (const slot of await slotsOf(last, 5)) await cluster.moveSlot(slot, first)
      await drain()
      expect([...ids].filter((id) => !seen.has(id))).toEqual([])
    },
    60_000,
  )

  it.each([
    ['a scan', byScan],
    ['pieces', byPieces],
  ])(
    'are found by %s while a slot is on the way, some of its keys here and some there',
    async (_, by) => {
      by()
      const { first, last } = await firstAndLast(next)
      const [slot = -1] = await slotsOf(last, 1)
      await cluster.moveSlot(slot, first, { midway: () => drain(), first: /:s:/ })
      expect([...ids].filter((id) => !seen.has(id))).toEqual([])
    },
    60_000,
  )

  it('come once where nothing moves', async () => {
    await cluster.settled()
    let count = 0
    for await (const page of engine.scan()) count += page.length
    expect(count).toBe(ids.size)
  }, 60_000)
})
