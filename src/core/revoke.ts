import { type Engine, type SessionId, stampOf } from './engine.ts'
import { isTrail, readHeader } from './record.ts'
import { isSessionId } from './token.ts'
import { successorOf } from './trail.ts'

/** Rotations within one grace make a chain of forwards; commits may come between as well. */
const MOST_STEPS = 64

/**
 * Ends a session by its public id, which may be that of before a rotation: a revocation that reaches
 * only the forward would leave the session alive at its successor.
 * @param ownerTag only if the session is this principal's
 * @returns the id under which the session was ended, or nothing when there is none
 */
export async function revokeById(
  engine: Engine,
  asked: SessionId,
  ownerTag?: string,
): Promise<SessionId | undefined> {
  let id = asked
  if (!isSessionId(id)) return undefined
  let stored = await engine.load(id)
  for (let step = 0; step < MOST_STEPS && stored !== undefined; step++) {
    const { record } = stored
    if (isTrail(record)) {
      const successor = successorOf(record)
      if (successor === undefined) return undefined
      id = successor
      stored = await engine.load(id)
      continue
    }
    const owner = readHeader(record)?.ownerTag
    if (ownerTag !== undefined && owner !== ownerTag) return undefined
    // By its stamp: what has been rotated or changed since is looked at again.
    const base = stampOf(record)
    const result = await engine.destroy(
      id,
      owner === undefined ? { base } : { base, ownerTag: owner },
    )
    if (result.status === 'done') return id
    stored = result.status === 'conflict' ? result.stored : undefined
  }
  return undefined
}
