import { equalBytes, hmacSha256, randomBytes, type SecretKey, sha256 } from './crypto.ts'
import type { SessionId } from './engine.ts'
import type { Key, Keyring } from './keyring.ts'
import { PARTITIONS, partitionOf, partitionTag, REGIONS } from './partitions.ts'

/**
 * The secret in the cookie, 36 bytes as 48 characters of base64url:
 * 1 byte version (3 bits) and region (5 bits), 2 bytes partition, 24 random bytes (192 bits, from the
 * operating system's generator), and the first 9 bytes of HMAC-SHA-256 over the 27 before. The MAC is
 * there so that made-up tokens are refused without asking Redis, not to keep the random part secret.
 */
export interface Token {
  readonly text: string
  readonly region: number
  readonly partition: number
  /** The random part; record keys of token-sealed sessions are derived from it. */
  readonly secret: Uint8Array
  readonly id: SessionId
  /** From another system's secret: no client holds its text, and no new one can be given. */
  readonly isDerived: boolean
  /** That it is signed with. */
  readonly key: Key
  /** The key of its records, once it has been derived: that costs as much as all the rest of a small record. */
  recordKey: DerivedKey | undefined
}

export interface DerivedKey {
  /** What it was derived from and for. */
  readonly root: SecretKey
  readonly purpose: number
  readonly key: Uint8Array
}

const VERSION = 1
const SECRET_OFFSET = 3
const MAC_OFFSET = 27
const TOKEN_BYTES = 36
export const TOKEN_LENGTH = 48
const TOKEN_SHAPE = /^[A-Za-z0-9_-]{48}$/

/**
 * A new token. Without a partition it is drawn at random, as for sessions of nobody yet.
 * @param region 0 to 7
 */
export function createToken(keyring: Keyring, partition?: number, region = 0): Token {
  const bytes = Buffer.alloc(TOKEN_BYTES)
  const random = randomBytes(MAC_OFFSET - SECRET_OFFSET + 2)
  bytes[0] = (VERSION << 5) | region
  bytes.writeUInt16BE(partition ?? random.readUInt16BE(0) % PARTITIONS, 1)
  bytes.set(random.subarray(2), SECRET_OFFSET)
  const { primary } = keyring
  bytes.set(mac(primary.token, bytes), MAC_OFFSET)
  return describe(bytes, primary)
}

/**
 * The token that belongs to a secret of another system, such as the id in its cookie: the same on every node and
 * under every key, so that two of them make one session of it. As hard to guess as the secret is.
 * @param origin tells systems apart that may have the same secrets
 */
export function deriveToken(keyring: Keyring, origin: string, secret: string, region = 0): Token {
  const digest = sha256(Buffer.from(`sojourn\0${origin}\0${secret}`))
  const bytes = Buffer.alloc(TOKEN_BYTES)
  bytes[0] = (VERSION << 5) | region
  bytes.writeUInt16BE(digest.readUInt16BE(0) % PARTITIONS, 1)
  bytes.set(digest.subarray(2, 2 + MAC_OFFSET - SECRET_OFFSET), SECRET_OFFSET)
  bytes.set(mac(keyring.primary.token, bytes), MAC_OFFSET)
  return describe(bytes, keyring.primary, true)
}

function looksLikeToken(text: string): boolean {
  return text.length === TOKEN_LENGTH && TOKEN_SHAPE.test(text)
}

/** Of a text that is no token: whether only its signature tells so. */
export function refusalOf(text: string): 'forged' | 'malformed' {
  return looksLikeToken(text) ? 'forged' : 'malformed'
}

/** The token, or nothing for everything that this keyring did not make. Costs no I/O. */
export function parseToken(keyring: Keyring, text: string): Token | undefined {
  if (!looksLikeToken(text)) return undefined
  return verifyToken(keyring, Buffer.from(text, 'base64url'))
}

/** As `parseToken`, from the 36 bytes themselves. */
export function verifyToken(keyring: Keyring, bytes: Buffer): Token | undefined {
  if (bytes.length !== TOKEN_BYTES) return undefined
  const given = bytes.subarray(MAC_OFFSET)
  // Every key is tried, so that the time does not tell which one fitted.
  let signer: Key | undefined
  for (const key of keyring.keys) if (equalBytes(mac(key.token, bytes), given)) signer = key
  if (signer === undefined || (bytes[0] ?? 0) >> 5 !== VERSION) return undefined
  if ((bytes[0] ?? 0) % 32 >= REGIONS) return undefined
  return bytes.readUInt16BE(1) < PARTITIONS ? describe(bytes, signer) : undefined
}

function mac(key: SecretKey, bytes: Uint8Array): Buffer {
  return hmacSha256(key, bytes.subarray(0, MAC_OFFSET)).subarray(0, TOKEN_BYTES - MAC_OFFSET)
}

/** The 36 bytes. */
export function tokenBytes(token: Token): Buffer {
  return Buffer.from(token.text, 'base64url')
}

function describe(bytes: Buffer, key: Key, isDerived = false): Token {
  const partition = bytes.readUInt16BE(1)
  const region = (bytes[0] ?? 0) & 31
  // A copy: tokens are kept, and a slice would keep the page of memory that it is cut from.
  const secret = new Uint8Array(bytes.subarray(SECRET_OFFSET, MAC_OFFSET))
  return {
    text: bytes.toString('base64url'),
    region,
    partition,
    secret,
    id: partitionTag(partition, region) + sha256(secret).toString('base64url', 0, 16),
    isDerived,
    key,
    recordKey: undefined,
  }
}

const ID_SHAPE = /^[A-Za-z0-9]{3}[A-Za-z0-9_-]{22}$/

/** Whether a text from outside can be a session id, and so part of a key. */
export function isSessionId(text: string): boolean {
  return ID_SHAPE.test(text) && partitionOf(text.slice(0, 3)) !== undefined
}
