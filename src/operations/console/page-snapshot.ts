import { hitRate } from '../observe/hit-rate.ts'
import type { NodeState, Snapshot } from '../observe/snapshot.ts'

/** What pages get each second: of nodes only what they show, as there may be hundreds. */
export interface PageSnapshot extends Omit<Snapshot, 'nodes'> {
  readonly nodes: readonly PageNode[]
}

export interface PageNode extends Omit<NodeState, 'state'> {
  /** Of all operations together. */
  readonly perSecond: number
  /** Of the slowest, milliseconds. */
  readonly p99: number | undefined
  /** 0 to 1. */
  readonly hitRate: number | undefined
  readonly errorsPerSecond: number
}

export const pageSnapshot = (snapshot: Snapshot): PageSnapshot => ({
  ...snapshot,
  nodes: snapshot.nodes.map(pageNode),
})

function pageNode({ state, ...node }: NodeState): PageNode {
  const { operations, cache, errorsPerSecond } = state
  const times = operations.flatMap(({ p99 }) => p99 ?? [])
  return {
    ...node,
    perSecond: operations.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p99: times.length === 0 ? undefined : Math.max(...times),
    hitRate: hitRate(cache),
    errorsPerSecond,
  }
}
