import {
  type CreateResult,
  descriptorHead,
  type ListedSession,
  type SessionId,
  type WriteResult,
} from '../../core/engine.ts'

/** First item of a script's answer; the call sheet at the top of each `protocol/scripts/*.lua`. */
export const Answer = {
  /** Written; of `create`: created. Followed by the record's PTTL. */
  done: 1,
  /** Another stamp is stored. Followed by the stored record and its PTTL. */
  conflict: 2,
  /** No record under that id. */
  gone: 3,
  /** `create`: a record stands under that id already. */
  exists: 4,
  /** `create`: a session limit of the owner is reached. Followed by 1 where it is that of the kind. `permit`: by milliseconds. */
  rejected: 5,
  /** `create`: the owner's index is too large to be looked through in one step. */
  crowded: 6,
} as const

/** The lifetime behind `done`, milliseconds. */
export function writtenLifetime(answer: unknown): number {
  return lifetime((answer as [number, number])[1])
}

/** PTTL of a key that is not there. */
export const GONE = -2

/** Of commit, touch, rotate and destroy. */
export function writeResult(answer: unknown): WriteResult {
  const [code, record, ttl] = answer as [number, Buffer, number]
  switch (code) {
    case Answer.done:
      return { status: 'done' }
    case Answer.conflict:
      return { status: 'conflict', stored: { record, ttl: lifetime(ttl) } }
    case Answer.gone:
      return { status: 'gone' }
    default:
      throw new Error('unknown answer of a script')
  }
}

/** The record that `destroy` has ended, where it was to spare trails. */
export function endedRecord(answer: unknown): Uint8Array | undefined {
  return (answer as [number, number, Buffer?])[2]
}

/** Nothing where the index is crowded. */
export function createResult(answer: unknown, partition: string): CreateResult | undefined {
  const [code, second, evicted] = answer as [number, number, Buffer[]]
  switch (code) {
    case Answer.done:
      return { status: 'created', evicted: idsOf(evicted, partition) }
    case Answer.exists:
      return { status: 'exists' }
    case Answer.rejected:
      return { status: 'rejected', limit: second === 1 ? 'kind' : 'all' }
    case Answer.crowded:
      return undefined
    default:
      throw new Error('unknown answer of a script')
  }
}

/** Of `list`: where the next page begins, and this page's sessions. */
export function listedPage(
  answer: unknown,
  partition: string,
): { readonly cursor: string; readonly sessions: ListedSession[] } {
  const [cursor, flat] = answer as [Buffer, Array<Buffer & number>]
  const sessions: ListedSession[] = []
  for (let i = 0; i + 2 < flat.length; i += 3) {
    const [id, descriptor, ttl] = flat.slice(i, i + 3) as unknown as [Buffer, Buffer, number]
    sessions.push({ id: idOf(partition, id), descriptor, ttl: lifetime(ttl) })
  }
  return { cursor: cursor.toString('latin1'), sessions }
}

/** Sorted here, because the server's time is dearer than ours. */
export function oldestFirst(sessions: Iterable<ListedSession>): ListedSession[] {
  const found = Array.from(sessions, (session) => {
    return { session, created: descriptorHead(session.descriptor).createdAt }
  })
  return found.sort((a, b) => a.created - b.created).map(({ session }) => session)
}

/** Of `revoke-all`: whether it has to be called again, and whom this call has ended. */
export function revokedStep(
  answer: unknown,
  partition: string,
): { readonly isLast: boolean; readonly ended: SessionId[] } {
  const [left, ids] = answer as [number, Buffer[]]
  return { isLast: left === 0, ended: idsOf(ids, partition) }
}

export function idsOf(answer: unknown, partition: string): SessionId[] {
  return (answer as Buffer[]).map((id) => idOf(partition, id))
}

function idOf(partition: string, id: Buffer): SessionId {
  return partition + id.toString('latin1')
}

/**
 * PTTL as a lifetime. 0 is the last fraction of a millisecond. -1, no lifetime, is the work of
 * somebody's PERSIST: the record's own absolute deadline ends it.
 */
export function lifetime(pttl: unknown): number {
  const ttl = Number(pttl)
  return ttl === -1 ? Number.MAX_SAFE_INTEGER : Math.max(ttl, 1)
}
