import type { Denials } from './denials.ts'
import { hasListing, type ScannedRecord, type SessionId } from './engine.ts'
import { OptionError } from './errors.ts'
import { principalOf } from './meta.ts'
import type { Settings } from './options.ts'
import { openRecord } from './record.ts'
import { migrateData } from './schema.ts'

/** A session without its token, as it is found among all. */
export interface ScannedSession {
  readonly id: SessionId
  readonly principal: string | undefined
  /** Of nobody else's. */
  readonly attributes: ReadonlyMap<string, unknown>
  /** When it ends if nobody comes, milliseconds since the epoch. */
  readonly expiresAt: number
}

/** How a record says that only its token opens it. */
const TOKEN_SEALED = 2

/** See `Sessions.scan`. What does not open with these secrets is left out. */
export async function* scanSessions(
  settings: Settings,
  denials: Denials,
): AsyncGenerator<readonly ScannedSession[]> {
  const { engine, record } = settings
  if (!hasListing(engine)) throw new OptionError('engine', 'is one that cannot list its sessions')
  if (record.seal === TOKEN_SEALED) {
    throw new OptionError('seal', "is 'token': without their tokens the sessions do not open")
  }
  const seen = new Set<SessionId>()
  for await (const page of engine.scan()) {
    const sessions: ScannedSession[] = []
    for (const each of page) {
      if (seen.has(each.id)) continue
      seen.add(each.id)
      const session = openScanned(each, settings, denials)
      if (session !== undefined) sessions.push(session)
    }
    yield sessions
  }
}

function openScanned(
  { id, record, ttl }: ScannedRecord,
  { engine, keyring, schema }: Settings,
  denials: Denials,
): ScannedSession | undefined {
  const opened = openRecord(record, { keyring, id, token: undefined })
  if (opened.status === 'rejected') return undefined
  const { header, meta } = opened
  if (header.deadline <= engine.now() || denials.has(id, header.ownerTag)) return undefined
  let migrated: ReturnType<typeof migrateData>
  try {
    migrated = migrateData(schema, opened, header.schema)
  } catch {
    // Whoever comes with its token finds no session there either, and has it reported.
  }
  if (migrated === undefined) return undefined
  const { attributes } = migrated
  return { id, principal: principalOf(meta), attributes, expiresAt: engine.now() + ttl }
}
