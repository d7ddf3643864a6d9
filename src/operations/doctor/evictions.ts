import type { Facts, ServerFacts } from './facts.ts'
import { grownBy, numberOf } from './finding.ts'
import type { MemoryPoint } from './history.ts'

export const DAY = 86_400_000

export interface Evictions {
  /** Keys, since the server's start; absent where that is not told. */
  readonly all: number | undefined
  /** The look before, and how many have come since. */
  readonly look: MemoryPoint | undefined
  readonly since: number
  /** When it was seen last that there are more of them, now or by a former look; absent: not known. */
  readonly at: number | undefined
}

export function evictionsOf(
  server: ServerFacts,
  { history, now }: Pick<Facts, 'history' | 'now'>,
): Evictions {
  const all = numberOf(server.info, 'evicted_keys')
  const look = history?.of(server.name).findLast(({ evicted }) => evicted !== undefined)
  if (all === undefined || all === 0) return { all, look, since: 0, at: undefined }
  // A counter that is lower has begun anew since.
  const since = all - (look?.evicted !== undefined && look.evicted <= all ? look.evicted : 0)
  if ((grownBy(server, 'evicted_keys') ?? 0) > 0) return { all, look, since, at: now }
  if (look !== undefined) return { all, look, since, at: since > 0 ? now : look.evictedAt }
  const seconds = numberOf(server.info, 'uptime_in_seconds')
  const isLate = seconds !== undefined && seconds * 1_000 <= DAY
  return { all, look, since, at: isLate ? now : undefined }
}
