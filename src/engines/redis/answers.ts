import type { CreateResult, ListedSession, SessionId, WriteResult } from '../../core/engine.ts'

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
  /** `create`: the owner's session limit is reached. */
  rejected: 5,
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

export function createResult(answer: unknown, partition: string): CreateResult {
  const [code, , evicted] = answer as [number, number, Buffer[]]
  switch (code) {
    case Answer.done:
      return { status: 'created', evicted: evicted.map((id) => idOf(partition, id)) }
    case Answer.exists:
      return { status: 'exists' }
    case Answer.rejected:
      return { status: 'rejected' }
    default:
      throw new Error('unknown answer of a script')
  }
}

/** Oldest first. Sorted here, because the server's time is dearer than ours. */
export function listedSessions(answer: unknown, partition: string): ListedSession[] {
  const flat = answer as Array<Buffer & number>
  const found: Array<{ readonly session: ListedSession; readonly created: number }> = []
  for (let i = 0; i + 2 < flat.length; i += 3) {
    const [id, descriptor, ttl] = flat.slice(i, i + 3) as unknown as [Buffer, Buffer, number]
    found.push({
      session: { id: idOf(partition, id), descriptor, ttl: lifetime(ttl) },
      created: descriptor.length < 7 ? 0 : descriptor.readUIntBE(1, 6),
    })
  }
  return found.sort((a, b) => a.created - b.created).map(({ session }) => session)
}

export function idOf(partition: string, id: Buffer): SessionId {
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
