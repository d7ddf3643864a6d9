import type { Denials } from './denials.ts'
import { isTrail, type SessionId } from './engine.ts'
import type { Settings } from './options.ts'
import { openRecord } from './record.ts'
import { migrateData } from './schema.ts'
import { isSessionId } from './token.ts'
import { successorOf } from './trail.ts'

/** Rotations within one grace make a chain of forwards. */
const MOST_STEPS = 64

/**
 * The attributes of a session by its public id, which may be that of before a rotation. Nobody was active: its
 * lifetime stays.
 * @returns nothing where there is none, and where only its token opens it (`seal: 'token'`)
 */
export async function readById(
  { engine, keyring, schema }: Settings,
  denials: Denials,
  asked: string,
): Promise<ReadonlyMap<string, unknown> | undefined> {
  let id: SessionId | undefined = isSessionId(asked) ? asked : undefined
  for (let step = 0; step < MOST_STEPS && id !== undefined; step++) {
    const record: Uint8Array | undefined = (await engine.load(id, { fresh: true }))?.record
    if (record === undefined) return undefined
    if (isTrail(record)) {
      id = successorOf(record)
      continue
    }
    const opened = openRecord(record, { keyring, id, token: undefined })
    if (opened.status === 'rejected' || opened.header.deadline <= engine.now()) return undefined
    if (denials.has(id, opened.header.ownerTag)) return undefined
    return migrateData(schema, opened, opened.header.schema)?.attributes
  }
  return undefined
}
