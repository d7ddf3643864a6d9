import { StoreRefusedError } from '../../core/errors.ts'
import { slotOf } from '../../core/partitions.ts'
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

/** @throws StoreRefusedError where it does not count that: `cluster-slot-stats-enabled` of Redis 8.2 and Valkey 8 */
export async function busySlotsOf(server: FleetServer): Promise<BusySlot[]> {
  const stats = await statsOf(server, 'CPU-USEC', BUSIEST)
  return stats.map(({ slot, value }) => ({ slot, seconds: value / 1_000_000 }))
}

/**
 * By the server's own count; where its release has none, that of the tag which is most frequent in a sample.
 * @param sampled how many of the keys that were looked at had which hash tag
 * @throws StoreRefusedError
 */
export async function fullestSlotOf(
  server: FleetServer,
  sampled: ReadonlyMap<string, number>,
): Promise<FullSlot | undefined> {
  const [known] = await statsOf(server, 'KEY-COUNT', 1).catch((error: unknown) => {
    if (error instanceof StoreRefusedError) return []
    throw error
  })
  if (known !== undefined) return { server: server.name, slot: known.slot, keys: known.value }
  const [most] = [...sampled].sort(([, one], [, other]) => other - one)
  if (most === undefined) return undefined
  const slot = slotOf(most[0])
  const keys = Number(await server.ask(['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]))
  return { server: server.name, slot, keys }
}

/** Those with most of it, first (valkey.io/commands/cluster-slot-stats). */
async function statsOf(
  server: FleetServer,
  metric: 'CPU-USEC' | 'KEY-COUNT',
  limit: number,
): Promise<{ readonly slot: number; readonly value: number }[]> {
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
