import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type Codec, codecs } from './codec.ts'
import {
  equalBytes,
  fillRandom,
  GCM_TAG_BYTES,
  gcmOpen,
  gcmSealInto,
  hmacSha256,
} from './crypto.ts'
import { deflateFixed, LARGEST_FOR_FIXED } from './deflate.ts'
import { publishMeasure } from './diagnostics.ts'
import type { SessionId } from './engine.ts'
import { SessionTooLargeError } from './errors.ts'
import type { Key, Keyring } from './keyring.ts'
import type { Token } from './token.ts'

/*
 * A record, version 1 (protocol/README.md). Numbers are unsigned and big endian.
 *
 *   0   1  format version
 *   1   1  flags: bits 0-1 codec, bit 2 compressed, bits 3-4 sealing, bit 5 owner, bit 7 trail
 *   2   4  revision
 *   6   8  random; with the revision it is the nonce of 12 bytes
 *  14   2  key id
 *  16   6  created, ms since the epoch
 *  22   6  absolute deadline, ms since the epoch
 *  28   6  idle timeout, ms
 *  34   2  version of the application's schema
 *  36  16  owner tag, when flag bit 5 is set
 *          payload
 *      16  authentication tag
 */
export const RECORD_VERSION = 1
export const TRAIL_FLAG = 0x80
const COMPRESSED = 0x04
const SEAL_SHIFT = 3
const OWNED = 0x20
const UNKNOWN_FLAGS = 0x40
export const NONCE_OFFSET = 2
export const NONCE_END = 14
const FIXED_BYTES = 36
const OWNER_BYTES = 16
const HIGHEST_REVISION = 0xffff_fffe

/** 0: readable by whoever can read Redis, still authenticated. 1: sealed. 2: needs the token too. */
export type SealMode = 0 | 1 | 2

/** By the id in the flags. */
const CODECS: readonly Codec[] = [codecs.messagepack, codecs.json]
/** Inflating stops here: a small record must not become a large allocation. */
const MOST_INFLATED_BYTES = 16 * 1024 * 1024

export interface RecordHeader {
  readonly revision: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** Absolute deadline, milliseconds since the epoch. */
  readonly deadline: number
  /** Milliseconds. */
  readonly idleTimeout: number
  /** Version of the application's schema, 0 to 65,535. */
  readonly schema: number
  /** One-way name of the principal, 22 characters; absent before login. */
  readonly ownerTag: string | undefined
}

export interface RecordContent {
  readonly attributes: ReadonlyMap<string, unknown>
  /** What Sojourn itself keeps with a session; see `meta.ts`. */
  readonly meta: ReadonlyMap<string, unknown>
}

export interface SealingContext {
  readonly keyring: Keyring
  readonly id: SessionId
  /** Needed for token-sealed records; for all it remembers the derived key. */
  readonly token: Pick<Token, 'secret' | 'recordKey'> | undefined
}

export interface RecordSettings {
  readonly codec: Codec
  readonly seal: SealMode
  /** Payloads of at least so many bytes are compressed, if that makes them smaller. */
  readonly compressAbove: number
  readonly maxBytes: number
}

/** The next revision; after the highest it starts anew, with the random half keeping stamps apart. */
export function nextRevision(revision: number): number {
  return revision >= HIGHEST_REVISION ? 1 : revision + 1
}

/**
 * @param key that it is sealed with: that of the record before, so that by a record is seen which secret its client's
 * token may be signed with; the first for a token that is new
 * @throws AttributeError when a value cannot be encoded
 * @throws SessionTooLargeError when the payload has more than `maxBytes`, before compression
 */
export function encodeRecord(
  header: RecordHeader,
  content: RecordContent,
  context: SealingContext,
  settings: RecordSettings,
  key: Key = context.keyring.primary,
): Uint8Array {
  let payload = settings.codec.encode(content.attributes, content.meta)
  if (payload.length > settings.maxBytes) throw tooLarge(payload.length, content, settings)
  let flags: number = settings.codec.id | (settings.seal << SEAL_SHIFT)
  if (payload.length >= settings.compressAbove) {
    const smaller = compress(payload)
    if (smaller !== undefined) {
      payload = smaller
      flags |= COMPRESSED
    }
  }
  // It may have been taken out since the session was read.
  const { keyring } = context
  const sealing = keyring.keys.includes(key) ? key : keyring.primary
  const headLength = FIXED_BYTES + (header.ownerTag === undefined ? 0 : OWNER_BYTES)
  // Not from the shared pool: a record may be kept, and would keep a page of the pool with it.
  const record = Buffer.allocUnsafeSlow(headLength + payload.length + GCM_TAG_BYTES)
  const head = record.subarray(0, headLength)
  if (header.ownerTag !== undefined) {
    flags |= OWNED
    head.write(header.ownerTag, FIXED_BYTES, OWNER_BYTES, 'base64url')
  }
  head[0] = RECORD_VERSION
  head[1] = flags
  head.writeUInt32BE(header.revision, 2)
  fillRandom(head, 6, 8)
  head.writeUInt16BE(sealing.id, 14)
  head.writeUIntBE(header.createdAt, 16, 6)
  head.writeUIntBE(header.deadline, 22, 6)
  head.writeUIntBE(header.idleTimeout, 28, 6)
  head.writeUInt16BE(header.schema, 34)
  const recordKey = sessionKey(sealing, settings.seal, context)
  if (recordKey === undefined) throw new TypeError('a token-sealed record needs its token')
  const additional = additionalData(head, context.id)
  if (settings.seal === 0) {
    record.set(payload, headLength)
    record.set(authenticate(recordKey, additional, payload), headLength + payload.length)
  } else {
    const nonce = head.subarray(NONCE_OFFSET, NONCE_END)
    gcmSealInto(record, headLength, recordKey, nonce, additional, payload)
  }
  publishMeasure('record.size', record.length)
  return record
}

/** Nothing when it is not smaller. */
function compress(payload: Uint8Array): Uint8Array | undefined {
  if (payload.length <= LARGEST_FOR_FIXED) return deflateFixed(payload)
  const compressed = deflateRawSync(payload, { level: 3 })
  return compressed.length < payload.length ? compressed : undefined
}

/** Why a record was not opened; shown to operators only, never to clients. */
export type RejectReason =
  /** Not a record of a version that this library knows. */
  | 'format'
  /** Made with a secret that is not in the keyring. */
  | 'key'
  /** Sealed with the token, which was not at hand. */
  | 'token-needed'
  /** Changed, cut off, or copied from another session. */
  | 'damaged'
  /** Authentic, but the payload is not what the codec makes. */
  | 'payload'
  /** Authentic, but no migration leads from its schema version to the present one. */
  | 'schema'

export type Opened =
  | {
      readonly status: 'open'
      readonly header: RecordHeader
      readonly attributes: Map<string, unknown>
      readonly meta: Map<string, unknown>
      /** What both take in memory, estimated. */
      readonly heapBytes: number
      /** That has opened it. */
      readonly key: Key
    }
  | { readonly status: 'rejected'; readonly reason: RejectReason }

/** Names the secret that a record is sealed with. @param record with a header that can be read */
export function keyIdOf(record: Uint8Array): number {
  return asBuffer(record).readUInt16BE(14)
}

/** As what it is stored, for who writes the same again. @param record that has been opened */
export function settingsOf(record: Uint8Array): RecordSettings {
  const flags = record[1] ?? 0
  return {
    codec: CODECS[flags & 3] as Codec,
    seal: ((flags >> SEAL_SHIFT) & 3) as SealMode,
    compressAbove: (flags & COMPRESSED) === 0 ? Number.POSITIVE_INFINITY : 0,
    maxBytes: Number.POSITIVE_INFINITY,
  }
}

/** Reads the clear header without opening the record: it is not authenticated then. */
export function readHeader(record: Uint8Array): RecordHeader | undefined {
  const flags = record[1] ?? 0
  if (record[0] !== RECORD_VERSION || (flags & (TRAIL_FLAG | UNKNOWN_FLAGS)) !== 0) return undefined
  if (record.length < headerBytes(flags) + GCM_TAG_BYTES) return undefined
  const bytes = asBuffer(record)
  return {
    revision: bytes.readUInt32BE(2),
    createdAt: bytes.readUIntBE(16, 6),
    deadline: bytes.readUIntBE(22, 6),
    idleTimeout: bytes.readUIntBE(28, 6),
    schema: bytes.readUInt16BE(34),
    ownerTag:
      (flags & OWNED) === 0
        ? undefined
        : bytes.toString('base64url', FIXED_BYTES, FIXED_BYTES + OWNER_BYTES),
  }
}

/** Never throws: whatever stands in Redis is either a record of ours or a reason why not. */
export function openRecord(record: Uint8Array, context: SealingContext): Opened {
  const header = readHeader(record)
  const flags = record[1] ?? 0
  const codec: Codec | undefined = CODECS[flags & 3]
  const seal = (flags >> SEAL_SHIFT) & 3
  if (header === undefined || codec === undefined || seal === 3) return rejected('format')
  const bytes = asBuffer(record)
  const head = bytes.subarray(0, headerBytes(flags))
  const body = bytes.subarray(head.length)
  const keyId = keyIdOf(record)
  const additional = additionalData(head, context.id)
  let reason: RejectReason = 'key'
  for (const key of context.keyring.keys) {
    if (key.id !== keyId) continue
    const recordKey = sessionKey(key, seal as SealMode, context)
    if (recordKey === undefined) return rejected('token-needed')
    const plain =
      seal === 0
        ? verify(recordKey, additional, body)
        : gcmOpen(recordKey, head.subarray(NONCE_OFFSET, NONCE_END), additional, body)
    if (plain === undefined) {
      reason = 'damaged'
      continue
    }
    try {
      const payload =
        (flags & COMPRESSED) === 0
          ? plain
          : inflateRawSync(plain, { maxOutputLength: MOST_INFLATED_BYTES })
      return { status: 'open', header, key, ...codec.decode(payload) }
    } catch {
      return rejected('payload')
    }
  }
  return rejected(reason)
}

function rejected(reason: RejectReason): Opened {
  return { status: 'rejected', reason }
}

function headerBytes(flags: number): number {
  return FIXED_BYTES + ((flags & OWNED) === 0 ? 0 : OWNER_BYTES)
}

/** One key a session, by one HMAC: random nonces then have to be unique within one session only. */
function sessionKey(key: Key, seal: SealMode, context: SealingContext): Uint8Array | undefined {
  const { token } = context
  const known = token?.recordKey
  if (known !== undefined && known.root === key.seal && known.purpose === seal) return known.key
  if (seal === 2 && token === undefined) return undefined
  const id = Buffer.from(context.id, 'ascii')
  const parts = seal === 2 && token !== undefined ? [id, token.secret] : [id]
  const derived = hmacSha256(key.seal, Uint8Array.of(seal), ...parts)
  if (token !== undefined) token.recordKey = { root: key.seal, purpose: seal, key: derived }
  return derived
}

const additionalScratch: Buffer = Buffer.alloc(FIXED_BYTES + OWNER_BYTES + 25)

/**
 * Binds the record to its header and to its session: edited or copied elsewhere it does not open.
 * @returns a view that is good until the next call
 */
function additionalData(head: Uint8Array, id: SessionId): Buffer {
  additionalScratch.set(head)
  const length = head.length + additionalScratch.write(id, head.length, 'latin1')
  return additionalScratch.subarray(0, length)
}

function authenticate(key: Uint8Array, additional: Uint8Array, payload: Uint8Array): Buffer {
  return hmacSha256(key, additional, payload).subarray(0, GCM_TAG_BYTES)
}

function verify(key: Uint8Array, additional: Uint8Array, body: Buffer): Buffer | undefined {
  const payload = body.subarray(0, body.length - GCM_TAG_BYTES)
  const tag = body.subarray(body.length - GCM_TAG_BYTES)
  return equalBytes(tag, authenticate(key, additional, payload)) ? payload : undefined
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function tooLarge(
  bytes: number,
  content: RecordContent,
  settings: RecordSettings,
): SessionTooLargeError {
  const sizes = [...content.attributes].map(([attribute, value]) => ({
    attribute,
    bytes: settings.codec.encodedSize(value),
  }))
  sizes.sort((a, b) => b.bytes - a.bytes)
  return new SessionTooLargeError(bytes, settings.maxBytes, sizes.slice(0, 5))
}
