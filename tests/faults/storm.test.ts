import { expect, it } from 'vitest'
import { countersThatLie, total } from '../support/history.ts'
import { seeded } from '../support/random.ts'
import { signIn } from '../support/requests.ts'
import type { EntriesReport, Storm, StormNode, StormReport } from './nodes/storm-node.ts'
import { child, node, server } from './setup.ts'

const NODES = 4
const ACTORS = 16
const KEYS = 20
const PROGRAM = new URL('nodes/storm-node.ts', import.meta.url)

async function setUp(naive: boolean) {
  const redis = await server()
  const sessions = await node<{ n: number }>(redis.url, { commandTimeout: '20s' })
  const tokens = await Promise.all(
    Array.from({ length: KEYS }, () => signIn<{ n: number }>(sessions, { n: 0 })),
  )
  const start = { redis: redis.url, naive } satisfies StormNode
  const nodes = await Promise.all(Array.from({ length: NODES }, () => child(PROGRAM, start)))
  return {
    tokens,
    storm: async (seed: number, lasts: number): Promise<StormReport[]> => {
      const run = (number: number): Storm => ({
        ...{ tokens, actors: ACTORS, lasts },
        seed: seed + number * ACTORS,
      })
      return Promise.all(nodes.map((one, i) => one.ask<StormReport>('storm', run(i))))
    },
    entries: async (): Promise<{ held: number; stale: number }> => {
      const all = await Promise.all(nodes.map((one) => one.ask<EntriesReport>('entries', tokens)))
      return {
        held: all.reduce((sum, { held }) => sum + held, 0),
        stale: all.reduce((sum, { stale }) => sum + stale, 0),
      }
    },
    counters: async (): Promise<Record<string, number>> => {
      const found: Record<string, number> = {}
      for (const token of tokens) {
        found[token] = (await sessions.open(token, { fresh: true })).get('n') ?? 0
      }
      return found
    },
  }
}

it('F07 I3 I4 I5 a write storm leaves no entry stale and loses no increment', async () => {
  const { seed } = seeded('write storm')
  const { storm, entries, counters } = await setUp(false)
  const reports = await storm(seed, 3_000)
  const { held, stale } = await entries()
  const increments = reports.map((report) => report.increments)
  expect(stale).toBe(0)
  expect(held).toBeGreaterThan(0)
  expect(reports.flatMap((report) => report.strange)).toEqual([])
  expect(countersThatLie(increments, await counters())).toEqual([])
  expect(reports.map((report) => report.regressions)).toEqual(reports.map(() => 0))
  // It was a storm: all nodes wrote, and served from memory as well.
  expect(total(increments, 'ok')).toBeGreaterThan(1_000)
  for (const { hits } of reports) expect(hits).toBeGreaterThan(100)
})

it('the storm finds a near cache that keeps answers whatever has come since', async () => {
  const { seed } = seeded('naive write storm')
  const { storm, entries } = await setUp(true)
  let stale = 0
  for (let round = 0; round < 12 && stale === 0; round++) {
    await storm(seed + round * 1_000, 700)
    stale = (await entries()).stale
  }
  expect(stale).toBeGreaterThan(0)
})
