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
  readonly principal: string
  /** Of client, as the login has named it. */
  readonly kind: string | undefined
  readonly device: string | undefined
  readonly address: string | undefined
}

/*
 * version (1), created (6), idle timeout (6), kind tag (4), key id (2), nonce (12), then AES-256-GCM of
 * a MessagePack payload. What the engine counts and evicts by stands clear (`descriptorHead`).
 */
const VERSION = 1
const IDLE_OFFSET = 7
const KIND_OFFSET = 13
const KIND_BYTES = 4
const KEY_ID_OFFSET = 17
const NONCE_OFFSET = 19
const SEALED_OFFSET = 31
/** Keeps these keys apart from those of records and forwards. */
const DESCRIPTOR_PURPOSE = 4

export function sealDescriptor(
  { keyring, pepper }: { readonly keyring: Keyring; readonly pepper: Uint8Array | SecretKey },
  ownerTag: string,
  id: SessionId,
  descriptor: Descriptor,
): Uint8Array {
  const content = new Map<string, unknown>([
    ['x', descriptor.deadline],
    ['p', descriptor.principal],
  ])
  if (descriptor.kind !== undefined) content.set('c', descriptor.kind)
  if (descriptor.device !== undefined) content.set('d', descriptor.device)
  if (descriptor.address !== undefined) content.set('i', descriptor.address)
  const start = Buffer.alloc(SEALED_OFFSET)
  start[0] = VERSION
  start.writeUIntBE(descriptor.createdAt, 1, 6)
  start.writeUIntBE(descriptor.idleTimeout, IDLE_OFFSET, 6)
  if (descriptor.kind !== undefined) start.set(kindTag(pepper, descriptor.kind), KIND_OFFSET)
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
    const text = (name: string): string | undefined => {
      const value = content.get(name)
      return typeof value === 'string' ? value : undefined
    }
    return {
      createdAt: start.readUIntBE(1, 6),
      deadline: Number(content.get('x')),
      idleTimeout: start.readUIntBE(IDLE_OFFSET, 6),
      principal: String(content.get('p')),
      kind: text('c'),
      device: text('d'),
      address: text('i'),
    }
  }
  return undefined
}

/** Names a kind of client to the engine; one-way, as the principal's name is. */
function kindTag(pepper: Uint8Array | SecretKey, kind: string): Buffer {
  return hmacSha256(pepper, Buffer.from(`kind\0${kind}`)).subarray(0, KIND_BYTES)
}

function descriptorKey(key: Key, ownerTag: string): Buffer {
  return hmacSha256(key.seal, Uint8Array.of(DESCRIPTOR_PURPOSE), Buffer.from(ownerTag, 'ascii'))
}

function additional(start: Uint8Array, id: SessionId): Buffer {
  return Buffer.concat([start, Buffer.from(id, 'ascii')])
}
