import {
  type CreateResult,
  descriptorHead,
  type Limit,
  type ListedSession,
  type Owner,
  type SessionId,
} from '../../core/engine.ts'
import { excess } from '../limits.ts'

const EVICTED_AT_ONCE = 500

/**
 * Brings an index that is too large to be looked through in one step down to the limit: those go that
 * are too many already, whoever else logs in.
 * @param sessions all of the owner's, oldest first
 * @param evict ends at most 500, and answers which of them were live
 */
export async function makeRoom(
  sessions: readonly ListedSession[],
  owner: Owner,
  limit: Limit,
  evict: (ids: readonly SessionId[]) => Promise<SessionId[]>,
): Promise<Extract<CreateResult, { status: 'created' | 'rejected' }>> {
  const others = sessions.filter(({ id }) => id !== limit.replaces)
  const { kind } = descriptorHead(owner.descriptor)
  if (limit.policy === 'reject') {
    const passed = excess(others, limit, kind, 1).limit
    if (passed !== undefined) return { status: 'rejected', limit: passed }
    return { status: 'created', evicted: [] }
  }
  const evicted: SessionId[] = []
  const { surplus } = excess(others, limit, kind, 0)
  for (let i = 0; i < surplus.length; i += EVICTED_AT_ONCE) {
    evicted.push(...(await evict(surplus.slice(i, i + EVICTED_AT_ONCE))))
  }
  return { status: 'created', evicted }
}
