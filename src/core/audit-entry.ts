import type { AuditRecord, StoredAuditRecord } from './audit-log.ts'
import { codecs } from './codec.ts'
import { gcmOpen, gcmSeal, hmacSha256, randomBytes } from './crypto.ts'
import type { SessionEventName, SessionEvents } from './events.ts'
import type { Key, Keyring } from './keyring.ts'
import { NO_META } from './meta.ts'

/** An `error` is no act of a session, and holds what cannot be stored. */
export type AuditedEvent = Exclude<SessionEventName, 'error'>

interface EntryBase {
  /** Names the entry and its place in the audit, `<milliseconds>-<number>`. */
  readonly position: string
  /** When it happened, milliseconds since the epoch. */
  readonly at: number
}

export interface ReadableEntry<Name extends AuditedEvent> extends EntryBase {
  readonly event: Name
  readonly unreadable: false
  /** What listeners of the event are told. */
  readonly details: SessionEvents[Name]
}

/** Sealed with secrets that are not among ours, or damaged. */
export interface UnreadableEntry extends EntryBase {
  readonly event: string
  readonly unreadable: true
}

export type AuditEntry =
  | { [Name in AuditedEvent]: ReadableEntry<Name> }[AuditedEvent]
  | UnreadableEntry

/** As a reading hands it out. */
export type HandedAuditEntry = AuditEntry & {
  /** How often it has been handed out to the group, this time included: 1, unless a handler has failed or died. */
  readonly attempts: number
}

/*
 * version (1), key id (2), nonce (12), then AES-256-GCM of a MessagePack payload and its tag.
 */
const VERSION = 1
const KEY_ID_OFFSET = 1
const NONCE_OFFSET = 3
const SEALED_OFFSET = 15
/** Keeps these keys apart from those of records, forwards and descriptors. */
const AUDIT_PURPOSE = 5
const LATEST = 2 ** 48 - 1

export function sealEntry(
  keyring: Keyring,
  event: string,
  at: number,
  details: object,
): AuditRecord {
  const content = new Map<string, unknown>(Object.entries(details))
  for (const [name, value] of content) if (value === undefined) content.delete(name)
  const start = Buffer.alloc(SEALED_OFFSET)
  start[0] = VERSION
  start.writeUInt16BE(keyring.primary.id, KEY_ID_OFFSET)
  start.set(randomBytes(12), NONCE_OFFSET)
  const sealed = gcmSeal(
    entryKey(keyring.primary, at),
    start.subarray(NONCE_OFFSET),
    additional(start, event),
    codecs.messagepack.encode(content, NO_META),
  )
  return { event, at, details: Buffer.concat([start, sealed]) }
}

export function openEntry(keyring: Keyring, record: StoredAuditRecord): AuditEntry {
  const { position, at, event } = record
  const bytes = Buffer.from(record.details)
  const start = bytes.subarray(0, SEALED_OFFSET)
  const isKnown = bytes.length > SEALED_OFFSET && bytes[0] === VERSION && at >= 0 && at <= LATEST
  for (const key of isKnown ? keyring.keys : []) {
    if (key.id !== start.readUInt16BE(KEY_ID_OFFSET)) continue
    const plain = gcmOpen(
      entryKey(key, at),
      start.subarray(NONCE_OFFSET),
      additional(start, event),
      bytes.subarray(SEALED_OFFSET),
    )
    if (plain === undefined) continue
    const details = Object.fromEntries(codecs.messagepack.decode(plain).attributes)
    // Sealed by a node of ours under this very event's name.
    return { position, at, event, unreadable: false, details } as unknown as AuditEntry
  }
  return { position, at, event, unreadable: true }
}

/** One key a millisecond: random nonces need to be unique within that only. Binds the time, too. */
function entryKey(key: Key, at: number): Buffer {
  const purpose = Buffer.alloc(7)
  purpose[0] = AUDIT_PURPOSE
  purpose.writeUIntBE(at, 1, 6)
  return hmacSha256(key.seal, purpose)
}

function additional(start: Uint8Array, event: string): Buffer {
  return Buffer.concat([start, Buffer.from(event)])
}
