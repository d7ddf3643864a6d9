import { createHmac, KeyObject } from 'node:crypto'
import { OptionError } from '../../core/errors.ts'
import { borrowedSecrets } from '../node/borrowed-secrets.ts'

/** As express-session takes it: the first signs, all open. */
export type CompatSecret = string | NodeJS.ArrayBufferView | KeyObject

/**
 * Secrets of ours out of those of express-session.
 * @throws OptionError
 */
export function secretsFrom(secret: unknown): Uint8Array[] {
  if (Array.isArray(secret) && secret.length === 0) {
    throw new OptionError('secret', 'secret option array must contain one or more strings')
  }
  const given: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  const secrets = given.map((one, index) => {
    const bytes = bytesOf(one)
    if (bytes !== undefined && bytes.length > 0) return bytes
    throw new OptionError(
      Array.isArray(secret) ? `secret[${index}]` : 'secret',
      'takes a text or bytes, or a list; is the environment variable set?',
    )
  })
  return borrowedSecrets(secrets, 'secret', 'express-compat')
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

function bytesOf(secret: unknown): Uint8Array | undefined {
  if (typeof secret === 'string') return Buffer.from(secret)
  if (secret instanceof Uint8Array) return secret
  if (ArrayBuffer.isView(secret)) {
    return new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
  }
  if (secret instanceof KeyObject && secret.type === 'secret') return secret.export()
  return undefined
}
