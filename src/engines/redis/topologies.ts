import { Cluster } from './cluster.ts'
import type { RedisPlan } from './options.ts'
import { directRoute } from './route.ts'
import { Sentinels } from './sentinels.ts'
import { Single } from './single.ts'
import type { Topology, TopologyOptions } from './topology.ts'

/** Connects in the background. */
export function topologyOf(plan: RedisPlan, options: TopologyOptions): Topology {
  if (plan.kind === 'cluster') return new Cluster(plan.plan, options)
  if (plan.kind === 'single') return new Single(directRoute(plan.target), options)
  return new Single(new Sentinels({ plan: plan.plan, ...options }), options)
}
