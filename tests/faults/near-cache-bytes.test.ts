import { expect, it } from 'vitest'
import type { Weighed, Weighing } from './nodes/weighing-node.ts'
import { child, server } from './setup.ts'

const MEGABYTE = 1024 * 1024
const PROGRAM = new URL('nodes/weighing-node.ts', import.meta.url)

async function weighingNode(): Promise<{
  kinds: string[]
  weigh: (what: Weighing) => Promise<Weighed>
}> {
  const redis = await server()
  const node = await child(PROGRAM, { redis: redis.url }, ['--expose-gc'])
  return {
    kinds: await node.ask<string[]>('kinds'),
    weigh: (what: Weighing) => node.ask<Weighed>('weigh', what),
  }
}

it.each([
  { codec: 'messagepack', isWritten: false },
  { codec: 'messagepack', isWritten: true },
  { codec: 'json', isWritten: false },
] as const)(
  'I6 what the near cache claims to hold is what it holds: $codec, written by itself: $isWritten',
  async (how) => {
    const { kinds, weigh } = await weighingNode()
    const wrong: string[] = []
    for (const kind of kinds) {
      // Large beside what the process itself gains and loses: V8 throws away code that was not run lately.
      const bytes = 4 * MEGABYTE
      const { claimed, real } = await weigh({ kind, bytes, maxBytes: 512 * MEGABYTE, ...how })
      const ratio = claimed / real
      if (!(ratio > 0.55 && ratio < 1.5)) wrong.push(`${kind}: ${claimed} of ${real}`)
    }
    expect(wrong).toEqual([])
  },
  60_000,
)

it.each(['empty Maps', 'whole-number keys', 'empty objects'])(
  'I6 the bound on bytes holds for %s',
  async (kind) => {
    const { weigh } = await weighingNode()
    const maxBytes = 6 * MEGABYTE
    const { claimed, real, entries } = await weigh({ kind, bytes: 2 * maxBytes, maxBytes })
    expect(claimed).toBeLessThanOrEqual(maxBytes)
    expect(real).toBeLessThan(maxBytes * 1.1)
    expect(entries).toBeGreaterThan(1)
  },
  30_000,
)
