import { randomBytes } from '../../core/crypto.ts'
import { type Engine, type Owner, type SessionId, stampOf } from '../../core/engine.ts'
import { StoreRefusedError } from '../../core/errors.ts'

/** Whatever happens, nothing of it stays longer. Milliseconds. */
const LIFETIME = 5_000
/** No reason not to start: sessions that are there are served. */
export const PASSING: ReadonlySet<string> = new Set(['OOM', 'MISCONF', 'NOREPLICAS'])

/**
 * Does once with a session of its own what is done with sessions: a user that lacks a permission is found
 * at start, and not at the first login.
 * @returns the ids that it had
 */
export async function probe(engine: Engine, partition: string): Promise<SessionId[]> {
  const [id, next] = [newId(partition), newId(partition)]
  const owner: Owner = { tag: newId(''), descriptor: randomBytes(17), ttl: LIFETIME }
  const { tag } = owner
  const [first, second, third] = [newRecord(1, tag), newRecord(2, tag), newRecord(3, tag)]
  try {
    await engine.create(id, first, LIFETIME, owner)
    await engine.commit(id, stampOf(first), second, LIFETIME)
    await engine.touch(id, stampOf(second), LIFETIME)
    await engine.rotate(id, stampOf(second), next, third, LIFETIME, { owner })
    await engine.list(partition, tag)
    await engine.destroy(next, { ownerTag: tag, base: stampOf(third) })
    await engine.revokeAll(partition, tag)
  } catch (error) {
    // Its own end would be told of as that of somebody's session, where that is told of.
    await Promise.allSettled([
      engine.revokeAll(partition, tag),
      ...[id, next].map((made) => engine.destroy(made)),
    ])
    const isPassing = error instanceof StoreRefusedError && PASSING.has(error.reason)
    if (!isPassing) throw error
  }
  return [id, next]
}

function newId(partition: string): SessionId {
  return partition + randomBytes(16).toString('base64url')
}

/** As far as anybody looks at one without its key: version, flags, revision, nonce, owner. */
function newRecord(revision: number, ownerTag: string): Buffer {
  const record = randomBytes(68)
  record.writeUInt16BE(0x01_20)
  record.writeUInt32BE(revision, 2)
  record.write(ownerTag, 36, 'base64url')
  return record
}
