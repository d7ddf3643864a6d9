import { descriptorHead, type Limit, type ListedSession, type SessionId } from '../core/engine.ts'

/** What a limit says of the sessions that are there. */
export interface Excess {
  /** The limit that is passed; that of the kind, where both are. */
  readonly limit: 'kind' | 'all' | undefined
  /** Those that have to make room, by the limit's policy. */
  readonly surplus: readonly SessionId[]
}

/**
 * @param sessions oldest first, without the one that is replaced
 * @param kind of the new session
 * @param added how many of that kind are to be added
 */
export function excess(
  sessions: readonly ListedSession[],
  limit: Limit,
  kind: number,
  added: number,
): Excess {
  const found = sessions.map(({ id, descriptor, ttl }) => {
    const head = descriptorHead(descriptor)
    // Since its last use a session has lost what its lifetime lacks to the idle timeout.
    const rank = limit.policy === 'evict-idle' ? ttl - head.idleTimeout : head.createdAt
    return { id, rank, isOfKind: head.kind === kind }
  })
  found.sort((a, b) => a.rank - b.rank)
  const ofKind = found.filter(({ isOfKind }) => isOfKind)
  const { max, maxOfKind = Number.POSITIVE_INFINITY } = limit
  const kindSurplus = Math.max(0, ofKind.length + added - maxOfKind)
  const surplus = new Set(ofKind.slice(0, kindSurplus).map(({ id }) => id))
  const needed = found.length + added - max
  for (const { id } of found) {
    if (surplus.size >= needed) break
    surplus.add(id)
  }
  const passed = needed > 0 ? 'all' : undefined
  return { limit: kindSurplus > 0 ? 'kind' : passed, surplus: [...surplus] }
}
