import type { Denials } from './denials.ts'
import type { Engine, SessionId } from './engine.ts'
import { hasListing, type ScannedRecord } from './engine-abilities.ts'
import { OptionError } from './errors.ts'
import { noteOf, principalOf } from './meta.ts'
import type { Settings } from './options.ts'
import { withoutPrivate } from './private-names.ts'
import { openRecord } from './record.ts'
import { migrateData } from './schema.ts'
import type { StoredSession } from './stored-session.ts'

/** A session without its token, as it is found among all. */
export interface ScannedSession extends StoredSession {
  readonly principal: string | undefined
}

/** How a record says that only its token opens it. */
const TOKEN_SEALED = 2

/**
 * All records that there are, each once; of those that come or go meanwhile some.
 * @throws OptionError for an engine that cannot list them, StoreUnavailableError, StoreRefusedError
 */
export async function* recordPages(engine: Engine): AsyncGenerator<readonly ScannedRecord[]> {
  if (!hasListing(engine)) throw new OptionError('engine', 'is one that cannot list its sessions')
  const seen = new Set<SessionId>()
  for await (const page of engine.scan()) {
    const records: ScannedRecord[] = []
    for (const record of page) {
      if (seen.has(record.id)) continue
      seen.add(record.id)
      records.push(record)
    }
    yield records
  }
}

/** See `Sessions.scan`. What does not open with these secrets is left out. */
export async function* scanSessions(
  settings: Settings,
  denials: Denials,
): AsyncGenerator<readonly ScannedSession[]> {
  const { engine, record } = settings
  if (record.seal === TOKEN_SEALED) {
    throw new OptionError('seal', "is 'token': without their tokens the sessions do not open")
  }
  for await (const page of recordPages(engine)) {
    yield page.flatMap((each) => openScanned(each, settings, denials) ?? [])
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
  const attributes = withoutPrivate(migrated.attributes)
  const { idleTimeout } = header
  const expiresAt = engine.now() + ttl
  return {
    id,
    principal: principalOf(meta),
    attributes,
    note: noteOf(meta),
    idleTimeout,
    expiresAt,
  }
}
