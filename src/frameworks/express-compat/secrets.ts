import { createHmac, hkdfSync, KeyObject, scryptSync } from 'node:crypto'
import { OptionError } from '../../core/errors.ts'

/** As express-session takes it: the first signs, all open. */
export type CompatSecret = string | Uint8Array | KeyObject

const ENOUGH_BYTES = 32
const PURPOSE = 'sojourn/express-compat/1/secret'
let isWarned = false

/**
 * Secrets of ours out of those of express-session, whose length nobody checks. For no other use: what
 * else is signed with them says nothing about these.
 * @throws OptionError
 */
export function secretsFrom(secret: unknown): Uint8Array[] {
  if (Array.isArray(secret) && secret.length === 0) {
    throw new OptionError('secret', 'secret option array must contain one or more strings')
  }
  const given: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  return given.map((one, index) =>
    derive(one, Array.isArray(secret) ? `secret[${index}]` : 'secret'),
  )
}

/**
 * express-session's form, `s:value.signature`: what takes the signature off, such as cookie-parser, gets the token.
 * It is not checked here, for nobody can guess a token.
 * @param secrets that `secretsFrom` has taken
 */
export function signerWith(secrets: unknown): (token: string) => string {
  const key = (Array.isArray(secrets) ? secrets[0] : secrets) as CompatSecret
  return (token) => {
    const signature = createHmac('sha256', key).update(token).digest('base64').replace(/=+$/, '')
    return `s:${token}.${signature}`
  }
}

function derive(secret: unknown, option: string): Uint8Array {
  const bytes = bytesOf(secret)
  if (bytes === undefined || bytes.length === 0) {
    throw new OptionError(
      option,
      'takes a text or bytes, or a list; is the environment variable set?',
    )
  }
  if (bytes.length >= ENOUGH_BYTES) {
    return new Uint8Array(hkdfSync('sha256', bytes, new Uint8Array(0), PURPOSE, ENOUGH_BYTES))
  }
  if (!isWarned) {
    isWarned = true
    process.emitWarning(
      `option \`${option}\` has ${bytes.length} bytes: who can read Redis may guess it. Put one of 32 random ` +
        'bytes in front of it (`openssl rand -base64 32`), and take this one away when the sessions made ' +
        'with it have ended: secret: [new, old].',
      { code: 'SOJOURN_SHORT_SECRET' },
    )
  }
  // Slow, for what can be guessed; at the start only.
  return scryptSync(bytes, PURPOSE, ENOUGH_BYTES)
}

function bytesOf(secret: unknown): Uint8Array | undefined {
  if (typeof secret === 'string') return Buffer.from(secret)
  if (secret instanceof Uint8Array) return secret
  if (secret instanceof KeyObject && secret.type === 'secret') return secret.export()
  return undefined
}
