import { expect, it } from 'vitest'
import type { Crowd, MemoryNode } from './nodes/memory-node.ts'
import { child, FULL, server } from './setup.ts'

const MEGABYTE = 1024 * 1024
const PROGRAM = new URL('nodes/memory-node.ts', import.meta.url)

it.each([
  // One that leaks would have grown by 30 MB and more with 100,000. What was written lately is remembered,
  // to be repeated: at most 8 MiB of it.
  ['records', FULL ? 1_000_000 : 100_000, 12],
  // Tokens that have opened a session are known for longer, 100,000 of them at half a kilobyte.
  ['visitors', 15_000, 14],
] as const)(
  'I6 the memory of a node is bounded: %s, %d different ones',
  async (what, count, most) => {
    const redis = await server()
    const nearCache = { maxBytes: 4 * MEGABYTE, maxEntries: 2_000 }
    const start = { redis: redis.url, commandTimeout: 30_000, nearCache } satisfies MemoryNode
    const node = await child(PROGRAM, start, ['--expose-gc'])
    const { heap, entries, bytes, evictions } = await node.ask<Crowd>(what, { count })
    expect(Math.max(...entries)).toBeLessThanOrEqual(2_000)
    expect(Math.max(...bytes)).toBeLessThanOrEqual(4 * MEGABYTE)
    expect(Math.min(...entries.slice(20))).toBeGreaterThan(300)
    expect(evictions).toBeGreaterThan(count / 2)
    // The first of ten measurements is taken when the cache is full already.
    expect((heap.at(-1) ?? 0) - (heap[1] ?? 0)).toBeLessThan(most * MEGABYTE)
  },
  FULL ? 600_000 : 60_000,
)
