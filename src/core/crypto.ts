import * as crypto from 'node:crypto'

/** Random bytes are drawn by the page: one call of the generator costs more than the copying. */
const POOL_BYTES = 4096
let pool: Buffer = Buffer.alloc(0)
let taken = 0

/** Bytes from the operating system's generator (a CSPRNG); no byte is handed out twice. */
export function randomBytes(length: number): Buffer {
  if (length > POOL_BYTES) return crypto.randomBytes(length)
  const bytes = Buffer.allocUnsafe(length)
  fillRandom(bytes, 0, length)
  return bytes
}

/** The same, at most 4,096, written into `target` from `offset` on. */
export function fillRandom(target: Buffer, offset: number, length: number): void {
  if (taken + length > pool.length) {
    pool = crypto.randomBytes(POOL_BYTES)
    taken = 0
  }
  // A copy, so that what is kept does not hold the page, and the page keeps no secret that was used.
  for (let i = 0; i < length; i++) {
    target[offset + i] = pool[taken] as number
    pool[taken++] = 0
  }
}

// One-shot hashing is faster where the runtime has it (Node 20.12 and later).
export const sha256: (data: Uint8Array) => Buffer =
  typeof crypto.hash === 'function'
    ? (data) => crypto.hash('sha256', data, 'buffer')
    : (data) => crypto.createHash('sha256').update(data).digest()

/** A key that is kept. Unlike bytes it shows nothing of itself, however it is printed. */
export type SecretKey = crypto.KeyObject

/** A copy: the bytes may be overwritten afterwards. */
export function secretKey(bytes: Uint8Array): SecretKey {
  return crypto.createSecretKey(bytes)
}

export function hmacSha256(key: Uint8Array | SecretKey, ...parts: readonly Uint8Array[]): Buffer {
  const mac = crypto.createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** HKDF-SHA-256 (RFC 5869) with an empty salt, 32 bytes. */
export function deriveKey(secret: Uint8Array, info: string): Buffer {
  return Buffer.from(crypto.hkdfSync('sha256', secret, new Uint8Array(0), info, 32))
}

/** Takes the same time wherever the difference is. Lengths are public. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && crypto.timingSafeEqual(a, b)
}

export const GCM_TAG_BYTES = 16

/** AES-256-GCM: ciphertext followed by the 16-byte tag. */
export function gcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  plain: Uint8Array,
): Buffer {
  const sealed = Buffer.allocUnsafe(plain.length + GCM_TAG_BYTES)
  gcmSealInto(sealed, 0, key, nonce, additional, plain)
  return sealed
}

/** The same, written into `target` from `offset` on. */
export function gcmSealInto(
  target: Uint8Array,
  offset: number,
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  plain: Uint8Array,
): void {
  const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce, { authTagLength: GCM_TAG_BYTES })
  cipher.setAAD(additional)
  target.set(cipher.update(plain), offset)
  cipher.final()
  target.set(cipher.getAuthTag(), offset + plain.length)
}

/** The plaintext, or nothing when anything was changed. */
export function gcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  additional: Uint8Array,
  sealed: Uint8Array,
): Buffer | undefined {
  if (sealed.length < GCM_TAG_BYTES) return undefined
  const end = sealed.length - GCM_TAG_BYTES
  const decipher = crypto.createDecipheriv('aes-256-gcm', key, nonce, {
    authTagLength: GCM_TAG_BYTES,
  })
  decipher.setAAD(additional)
  decipher.setAuthTag(sealed.subarray(end))
  const plain = decipher.update(sealed.subarray(0, end))
  try {
    decipher.final()
    return plain
  } catch {
    return undefined
  }
}
