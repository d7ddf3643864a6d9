import { percentile } from './histogram.ts'
import { latencyBetween, latencyHistogram } from './latency.ts'
import type { ServerWatch } from './server-watch.ts'
import type { CommandState } from './snapshot.ts'

interface Sum {
  perSecond: number
  failedPerSecond: number
  readonly latencies: Map<number, number>
}

/** Of all these servers together, the most frequent first. */
export function commandsOf(servers: readonly ServerWatch[]): CommandState[] {
  const sums = new Map<string, Sum>()
  for (const server of servers) {
    const { seconds } = server
    if (seconds === undefined) continue
    for (const { name, calls, failed } of server.commands()) {
      const sum = sums.get(name) ?? { perSecond: 0, failedPerSecond: 0, latencies: new Map() }
      sums.set(name, sum)
      sum.perSecond += calls / seconds
      sum.failedPerSecond += failed / seconds
      const told = server.latency(name)
      const between = told && latencyBetween(told.before, told.now)
      for (const [bound, count] of between ?? []) {
        sum.latencies.set(bound, (sum.latencies.get(bound) ?? 0) + count)
      }
    }
  }
  return [...sums]
    .map(([name, { perSecond, failedPerSecond, latencies }]): CommandState => {
      const histogram = latencyHistogram(latencies)
      return {
        ...{ name, perSecond },
        p50: percentile(histogram, 0.5),
        p99: percentile(histogram, 0.99),
        failed: perSecond === 0 ? 0 : failedPerSecond / perSecond,
      }
    })
    .sort((one, other) => other.perSecond - one.perSecond)
}
