import { createHmac, KeyObject, timingSafeEqual } from 'node:crypto'
import { OptionError } from '../core/errors.ts'

/** As the other application has it: a text, or bytes, such as a Buffer or a secret KeyObject. */
export type OldSecret = string | Uint8Array | KeyObject

/** Of the other application: the first signs, all verify. */
export interface SecretOptions {
  /** One, or a list, as given to the other application. */
  readonly secret?: OldSecret | readonly OldSecret[] | undefined
  /** Another name of `secret`. */
  readonly secrets?: readonly OldSecret[] | undefined
}

/** What is signed with. Never empty. */
export type SigningKey = string | Uint8Array

/** @throws OptionError */
export function secretsOf({ secret, secrets }: SecretOptions): readonly SigningKey[] {
  const keys = signingKeys(secrets ?? (Array.isArray(secret) ? secret : [secret]))
  if (keys !== undefined) return keys
  const option = secret === undefined || secrets !== undefined ? 'secrets' : 'secret'
  throw new OptionError(
    option,
    'takes what the other application signs with: texts or bytes, at least one',
  )
}

/** @returns nothing where it is no list, or has something in it that nothing is signed with */
export function signingKeys(given: unknown): readonly SigningKey[] | undefined {
  if (!Array.isArray(given) || given.length === 0) return undefined
  const keys = given.map(signingKey)
  return keys.every((key) => key !== undefined && key.length > 0)
    ? (keys as SigningKey[])
    : undefined
}

function signingKey(secret: unknown): SigningKey | undefined {
  if (typeof secret === 'string' || secret instanceof Uint8Array) return secret
  return secret instanceof KeyObject && secret.type === 'secret' ? secret.export() : undefined
}

/** Takes the same time wherever the difference is. */
export function equalTexts(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** `value.signature`, as of the packages cookie-signature and @fastify/cookie. */
export function sign(value: string, secret: SigningKey, algorithm: string): string {
  return `${value}.${mac(value, secret, algorithm)}`
}

/** The value, if one of the secrets has signed it. */
export function unsign(
  signed: string,
  secrets: readonly SigningKey[],
  algorithm: string,
): string | undefined {
  const dot = signed.lastIndexOf('.')
  if (dot < 1) return undefined
  const value = signed.slice(0, dot)
  const given = signed.slice(dot + 1)
  // All are tried, so that the time does not tell which one fitted.
  let valid = false
  for (const secret of secrets) valid = equalTexts(mac(value, secret, algorithm), given) || valid
  return valid ? value : undefined
}

function mac(value: string, secret: SigningKey, algorithm: string): string {
  return createHmac(algorithm, secret).update(value).digest('base64').replaceAll('=', '')
}

/** As of the package keygrip: base64url of HMAC-SHA-1, by default. */
export function keygripSign(data: string, key: SigningKey, algorithm: string): string {
  return createHmac(algorithm, key).update(data).digest('base64url')
}

export function keygripVerify(
  data: string,
  signature: string,
  keys: readonly SigningKey[],
  algorithm: string,
): boolean {
  let valid = false
  for (const key of keys) valid = equalTexts(keygripSign(data, key, algorithm), signature) || valid
  return valid
}
