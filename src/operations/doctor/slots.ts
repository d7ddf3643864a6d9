import { StoreRefusedError } from '../../core/errors.ts'
import { fieldsOf } from '../../engines/redis/fields.ts'
import type { FleetServer } from '../../engines/redis/fleet.ts'

/** What its server has done for a slot since it has it. */
export interface BusySlot {
  readonly slot: number
  /** Of the processor. */
  readonly seconds: number
}

export interface FullSlot {
  /** Name of the server. */
  readonly server: string
  readonly slot: number
  readonly keys: number
}

const BUSIEST = 3
/** Slots that are counted at once. */
const PAGE = 250

/** @throws StoreRefusedError where it does not count that: `cluster-slot-stats-enabled` of Redis 8.2 and Valkey 8 */
export async function busySlotsOf(server: FleetServer): Promise<BusySlot[]> {
  const stats = await statsOf(server, 'CPU-USEC', BUSIEST)
  return stats.map(({ slot, value }) => ({ slot, seconds: value / 1_000_000 }))
}

/** By the server's own count; where its release has none, that of each of its slots. @throws StoreRefusedError */
export async function fullestSlotOf(server: FleetServer): Promise<FullSlot | undefined> {
  const stats = await statsOf(server, 'KEY-COUNT', 1).catch((error: unknown) => {
    if (!(error instanceof StoreRefusedError)) throw error
    return undefined
  })
  const [most] = stats ?? [await countedIn(server)]
  if (most === undefined) return undefined
  return { server: server.name, slot: most.slot, keys: most.value }
}

interface SlotCount {
  readonly slot: number
  readonly value: number
}

/** That which has most keys. */
async function countedIn(server: FleetServer): Promise<SlotCount | undefined> {
  let most: SlotCount | undefined
  for (const [first, last] of server.slotRanges ?? []) {
    for (let from = first; from <= last; from += PAGE) {
      const slots = Array.from({ length: Math.min(PAGE, last - from + 1) }, (_, i) => from + i)
      const asked = slots.map((slot) => server.ask(['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]))
      for (const [i, count] of (await Promise.all(asked)).map(Number).entries()) {
        if (count > (most?.value ?? 0)) most = { slot: from + i, value: count }
      }
    }
  }
  return most
}

/** Those with most of it, first (valkey.io/commands/cluster-slot-stats). */
async function statsOf(
  server: FleetServer,
  metric: 'CPU-USEC' | 'KEY-COUNT',
  limit: number,
): Promise<SlotCount[]> {
  const answer = await server.ask([
    ...['CLUSTER', 'SLOT-STATS', 'ORDERBY', metric],
    ...['LIMIT', String(limit), 'DESC'],
  ])
  const lines = Array.isArray(answer) ? answer : []
  return lines.map((line) => {
    const [slot, stats] = Array.isArray(line) ? (line as unknown[]) : []
    return { slot: Number(slot), value: Number(fieldsOf(stats).get(metric.toLowerCase()) ?? 0) }
  })
}
