import type { RedisSource } from '../../engines/redis/options.ts'
import { evictionsOf } from './evictions.ts'
import { type Facts, type GatherOptions, gather } from './facts.ts'
import {
  docsOf,
  type Finding,
  numberOf,
  type Rule,
  type RuleGroup,
  type Severity,
} from './finding.ts'
import { clientRules } from './rules/clients.ts'
import { clusterRules } from './rules/cluster.ts'
import { keyRules } from './rules/keys.ts'
import { latencyRules } from './rules/latency.ts'
import { machineRules } from './rules/machine.ts'
import { memoryRules } from './rules/memory.ts'
import { persistenceRules } from './rules/persistence.ts'
import { replicationRules } from './rules/replication.ts'
import { securityRules } from './rules/security.ts'
import { topologyRules } from './rules/topology.ts'
import { versionRules } from './rules/versions.ts'
import { writeRules } from './rules/writes.ts'

/** In the order in which they are told. */
export const rules: readonly Rule[] = [
  ...topologyRules,
  ...writeRules,
  ...clusterRules,
  ...memoryRules,
  ...persistenceRules,
  ...replicationRules,
  ...clientRules,
  ...latencyRules,
  ...machineRules,
  ...securityRules,
  ...versionRules,
  ...keyRules,
]

export interface RuleResult {
  readonly id: string
  readonly group: RuleGroup
  /** What is so when nothing is found. */
  readonly well: string
  /** What there is to read of it: a file of the package, and the heading. */
  readonly docs: string
  readonly findings: readonly Finding[]
}

export interface Examination {
  readonly kind: Facts['kind']
  readonly servers: readonly { readonly name: string; readonly role: string }[]
  /** Every rule, also those that found nothing. */
  readonly results: readonly RuleResult[]
  readonly counts: Readonly<Record<Severity, number>>
}

/** @throws as `gather` */
export async function examine(redis: RedisSource, options: GatherOptions): Promise<Examination> {
  const facts = await gather(redis, options)
  const examination = judge(facts)
  for (const server of facts.servers) {
    const used = numberOf(server.info, 'used_memory_dataset')
    if (used === undefined) continue
    const { all, at } = evictionsOf(server, facts)
    options.history?.add(server.name, { at: facts.now, used, evicted: all, evictedAt: at })
  }
  return examination
}

function judge(facts: Facts): Examination {
  const results = rules.map(({ id, group, well, check }) => ({
    ...{ id, group, well, docs: docsOf(id) },
    findings: check(facts),
  }))
  const counts = { error: 0, warn: 0, info: 0, unknown: 0 }
  for (const { findings } of results) for (const { severity } of findings) counts[severity]++
  const servers = facts.servers.map(({ name, role }) => ({ name, role }))
  return { kind: facts.kind, servers, results, counts }
}
