import { codecs } from './codec.ts'
import { gcmOpen, gcmSeal, hmacSha256, randomBytes, type SecretKey } from './crypto.ts'
import type { SessionId } from './engine.ts'
import { AttributeError } from './errors.ts'
import type { Key, Keyring } from './keyring.ts'
import { PARTITIONS, partitionTag } from './partitions.ts'
import { isWellFormed } from './values.ts'

const LONGEST_PRINCIPAL = 1024

/** How a principal is named in Redis: one-way, so that keys hold no user ids. */
export interface PrincipalName {
  readonly principal: string
  /** 22 characters: base64url of the first 16 bytes of HMAC-SHA-256(pepper, principal). */
  readonly tag: string
  /** From the first two bytes: all of a principal's sessions are in one partition. */
  readonly partition: number
  readonly partitionTag: string
}

/** @throws AttributeError when it is not well-formed text of 1 to 1,024 bytes */
export function namePrincipal(principal: string, pepper: Uint8Array | SecretKey): PrincipalName {
  const bytes = typeof principal === 'string' ? Buffer.from(principal) : undefined
  if (bytes === undefined || bytes.length === 0 || bytes.length > LONGEST_PRINCIPAL) {
    throw new AttributeError('principal', `takes a string of 1 to ${LONGEST_PRINCIPAL} bytes`)
  }
  // Lone surrogates all become the same character in UTF-8: two principals would have one name.
  if (!isWellFormed(principal)) {
    throw new AttributeError('principal', 'text with a lone surrogate cannot be stored')
  }
  const hash = hmacSha256(pepper, bytes)
  const partition = hash.readUInt16BE(0) % PARTITIONS
  const tag = hash.toString('base64url', 0, 16)
  return { principal, tag, partition, partitionTag: partitionTag(partition) }
}

/** What the index says of a session, so that a list of devices opens no records. */
export interface Descriptor {
  readonly createdAt: number
  readonly deadline: number
  readonly idleTimeout: number
  readonly device: string | undefined
  readonly address: string | undefined
}

/*
 * version (1), created (6), key id (2), nonce (12), then AES-256-GCM of a MessagePack payload.
 * The creation time stands clear, because the engine evicts the oldest by it.
 */
const VERSION = 1
const KEY_ID_OFFSET = 7
const NONCE_OFFSET = 9
const SEALED_OFFSET = 21
/** Keeps these keys apart from those of records and forwards. */
const DESCRIPTOR_PURPOSE = 4

export function sealDescriptor(
  keyring: Keyring,
  ownerTag: string,
  id: SessionId,
  descriptor: Descriptor,
): Uint8Array {
  const content = new Map<string, unknown>([
    ['x', descriptor.deadline],
    ['t', descriptor.idleTimeout],
  ])
  if (descriptor.device !== undefined) content.set('d', descriptor.device)
  if (descriptor.address !== undefined) content.set('i', descriptor.address)
  const start = Buffer.alloc(SEALED_OFFSET)
  start[0] = VERSION
  start.writeUIntBE(descriptor.createdAt, 1, 6)
  start.writeUInt16BE(keyring.primary.id, KEY_ID_OFFSET)
  start.set(randomBytes(12), NONCE_OFFSET)
  const nonce = start.subarray(NONCE_OFFSET)
  const plain = codecs.messagepack.encode(content, new Map())
  const key = descriptorKey(keyring.primary, ownerTag)
  return Buffer.concat([start, gcmSeal(key, nonce, additional(start, id), plain)])
}

/** Nothing when it does not open: the session is then listed without its details. */
export function openDescriptor(
  keyring: Keyring,
  ownerTag: string,
  id: SessionId,
  sealed: Uint8Array,
): Descriptor | undefined {
  const bytes = Buffer.from(sealed)
  if (bytes[0] !== VERSION || bytes.length <= SEALED_OFFSET) return undefined
  const start = bytes.subarray(0, SEALED_OFFSET)
  for (const key of keyring.keys) {
    if (key.id !== start.readUInt16BE(KEY_ID_OFFSET)) continue
    const plain = gcmOpen(
      descriptorKey(key, ownerTag),
      start.subarray(NONCE_OFFSET),
      additional(start, id),
      bytes.subarray(SEALED_OFFSET),
    )
    if (plain === undefined) continue
    const content = codecs.messagepack.decode(plain).attributes
    const device = content.get('d')
    const address = content.get('i')
    return {
      createdAt: start.readUIntBE(1, 6),
      deadline: Number(content.get('x')),
      idleTimeout: Number(content.get('t')),
      device: typeof device === 'string' ? device : undefined,
      address: typeof address === 'string' ? address : undefined,
    }
  }
  return undefined
}

function descriptorKey(key: Key, ownerTag: string): Buffer {
  return hmacSha256(key.seal, Uint8Array.of(DESCRIPTOR_PURPOSE), Buffer.from(ownerTag, 'ascii'))
}

function additional(start: Uint8Array, id: SessionId): Buffer {
  return Buffer.concat([start, Buffer.from(id, 'ascii')])
}
