import { hitRate } from '../observe/hit-rate.ts'
import type { Snapshot } from '../observe/snapshot.ts'
import type { HistoryPoint } from './api.ts'

/** Milliseconds. */
const KEPT = 15 * 60_000
/** One a second. */
const MOST = 900

/** What was seen lately. */
export class SeenHistory {
  #points: HistoryPoint[] = []

  get points(): readonly HistoryPoint[] {
    return this.#points
  }

  add(snapshot: Snapshot): void {
    this.#points.push(pointOf(snapshot))
    const oldest = snapshot.at - KEPT
    const first = this.#points.findIndex(({ at }) => at > oldest)
    this.#points.splice(0, Math.max(first, this.#points.length - MOST))
  }
}

/** Also by the page, which goes on where the history ends. */
export function pointOf({
  at,
  sessions,
  application,
  servers,
}: Omit<Snapshot, 'nodes'>): HistoryPoint {
  const primaries = servers.filter(({ role }) => role === 'primary')
  const load = application?.operations.find(({ name }) => name === 'load')
  return {
    at,
    active: sessions.active,
    createdPerSecond: application && sum(Object.values(application.created)),
    endedPerSecond: application && sum(Object.values(application.ended)),
    rejectedPerSecond: application && sum(Object.values(application.rejected)),
    hitRate: hitRate(application?.cache),
    p99: load?.p99,
    usedMemory: known(primaries.map(({ usedMemory }) => usedMemory)),
    opsPerSecond: known(primaries.map(({ opsPerSecond }) => opsPerSecond)),
  }
}

/** Of those that tell; none does: undefined. */
function known(numbers: readonly (number | undefined)[]): number | undefined {
  const told = numbers.filter((each) => each !== undefined)
  return told.length === 0 ? undefined : sum(told)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)
