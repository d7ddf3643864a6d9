import { deriveKey, type SecretKey, secretKey } from './crypto.ts'
import { OptionError } from './errors.ts'

/** What one secret is used for; each use has a subkey of its own (HKDF, see protocol/README.md). */
export interface Key {
  /** Names the key in records without saying anything about the secret; unsigned 16 bit. */
  readonly id: number
  /** Signs tokens. */
  readonly token: SecretKey
  /** Root of the per-session sealing keys. */
  readonly seal: SecretKey
}

/** The ordered secrets: the first signs and seals, the others still verify and open. */
export interface Keyring {
  readonly primary: Key
  readonly keys: readonly Key[]
  /** Of all of them; none where there are no secrets yet. */
  readonly ids: readonly number[]
}

const SHORTEST_SECRET = 32

/**
 * @param secrets each at least 32 bytes, the current one first
 * @throws OptionError when there is none, one is short or given twice, or two have the same key id
 */
export function createKeyring(secrets: readonly (string | Uint8Array)[]): Keyring {
  const keys: Key[] = []
  for (const [index, secret] of secrets.entries()) {
    const option = `secrets[${index}]`
    if (typeof secret !== 'string' && !(secret instanceof Uint8Array)) {
      throw new OptionError(option, 'takes a string or bytes; is the environment variable set?')
    }
    const bytes = Buffer.from(secret)
    if (bytes.length < SHORTEST_SECRET) {
      throw new OptionError(
        option,
        `has ${bytes.length} bytes and needs at least ${SHORTEST_SECRET}; ` +
          'make one with `openssl rand -base64 32`',
      )
    }
    const key: Key = {
      id: deriveKey(bytes, 'sojourn/1/key-id').readUInt16BE(0),
      token: secretKey(deriveKey(bytes, 'sojourn/1/token')),
      seal: secretKey(deriveKey(bytes, 'sojourn/1/seal')),
    }
    if (keys.some(({ token }) => token.equals(key.token))) {
      throw new OptionError(option, 'is given twice')
    }
    // Records name the key by it: which of the two they need, and so which may be taken out, could not be told.
    const place = keys.findIndex(({ id }) => id === key.id)
    if (place !== -1) {
      throw new OptionError(
        option,
        `has the same key id as secrets[${place}], by chance: make another (\`npx sojourn keys --new\`)`,
      )
    }
    keys.push(key)
  }
  const primary = keys[0]
  if (primary === undefined) {
    throw new OptionError('secrets', 'takes at least one secret: [current, ...former]')
  }
  return { primary, keys, ids: keys.map(({ id }) => id) }
}
