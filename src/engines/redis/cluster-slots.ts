import { PARTITIONS } from '../../core/partitions.ts'
import type { HostAddress } from './options.ts'

export type Address = Required<HostAddress>

/** A partition's tag has the slot 16 × its number: src/core/partitions.ts. */
const SLOTS_BETWEEN = 16

/**
 * Reads the answer of `CLUSTER SLOTS`: lists of first slot, last slot, master, replicas.
 * @param asked where a node is that does not know its own address
 * @returns the master of each partition by its number; nothing where nobody serves it
 */
export function mastersOf(answer: unknown, asked: Address): (Address | undefined)[] {
  const masters = new Array<Address | undefined>(PARTITIONS).fill(undefined)
  for (const [first, last, node] of answer as [number, number, [string | null, number]][]) {
    const [host, port] = node
    const address = { host: host === null || host === '' ? asked.host : host, port }
    const from = Math.ceil(first / SLOTS_BETWEEN)
    for (let i = from; i * SLOTS_BETWEEN <= last; i++) masters[i] = address
  }
  return masters
}
