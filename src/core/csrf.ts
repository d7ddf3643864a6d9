import { equalBytes, hmacSha256, randomBytes } from './crypto.ts'
import type { Key, Keyring } from './keyring.ts'

/**
 * Tokens against forged requests (S32): 16 random bytes and 16 of HMAC-SHA-256 over them and the session's id, with the
 * seal key of a secret. Nothing is stored. Each is another one, so that compression of an answer tells nothing of it
 * (BREACH).
 */

/** Keeps it apart from what else is made with the seal key: protocol/README.md has all of them. */
const PURPOSE = 0x07
const RANDOM_BYTES = 16
const MAC_BYTES = 16
const SHAPE = /^[A-Za-z0-9_-]{43}$/

/** @param id of a session that is not stored: '' */
export function makeCsrfToken(keyring: Keyring, id: string): string {
  const random = randomBytes(RANDOM_BYTES)
  return Buffer.concat([random, mac(keyring.primary, random, id)]).toString('base64url')
}

/** @param ids the session's, and that of before a rotation */
export function isCsrfToken(keyring: Keyring, ids: readonly string[], text: string): boolean {
  if (!SHAPE.test(text)) return false
  const bytes = Buffer.from(text, 'base64url')
  const [random, given] = [bytes.subarray(0, RANDOM_BYTES), bytes.subarray(RANDOM_BYTES)]
  // All of them are tried, so that the time does not tell which one fitted.
  let isOne = false
  for (const key of keyring.keys) {
    for (const id of ids) isOne = equalBytes(mac(key, random, id), given) || isOne
  }
  return isOne
}

function mac(key: Key, random: Uint8Array, id: string): Buffer {
  return hmacSha256(key.seal, Uint8Array.of(PURPOSE), random, Buffer.from(id)).subarray(
    0,
    MAC_BYTES,
  )
}
