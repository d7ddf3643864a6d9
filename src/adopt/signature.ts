import { createHmac, timingSafeEqual } from 'node:crypto'
import { OptionError } from '../core/errors.ts'

/** Of the other application: the first signs, all verify. */
export interface SecretOptions {
  readonly secret?: string | undefined
  readonly secrets?: readonly string[] | undefined
}

/** @throws OptionError */
export function secretsOf({ secret, secrets }: SecretOptions): readonly string[] {
  const all: unknown = secrets ?? (secret === undefined ? [] : [secret])
  const isList = Array.isArray(all) && all.length > 0
  if (isList && all.every((each) => typeof each === 'string' && each !== '')) return all as string[]
  throw new OptionError('secrets', 'takes the secrets of the other application, at least one')
}

/** Takes the same time wherever the difference is. */
export function equalTexts(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** `value.signature`, as of the packages cookie-signature and @fastify/cookie. */
export function sign(value: string, secret: string): string {
  return `${value}.${mac(value, secret)}`
}

/** The value, if one of the secrets has signed it. */
export function unsign(signed: string, secrets: readonly string[]): string | undefined {
  const dot = signed.lastIndexOf('.')
  if (dot < 1) return undefined
  const value = signed.slice(0, dot)
  const given = signed.slice(dot + 1)
  // All are tried, so that the time does not tell which one fitted.
  let valid = false
  for (const secret of secrets) valid = equalTexts(mac(value, secret), given) || valid
  return valid ? value : undefined
}

function mac(value: string, secret: string): string {
  return createHmac('sha256', secret).update(value).digest('base64').replaceAll('=', '')
}

/** As of the package keygrip: base64url of HMAC-SHA-1, by default. */
export function keygripSign(data: string, key: string, algorithm: string): string {
  return createHmac(algorithm, key).update(data).digest('base64url')
}

export function keygripVerify(
  data: string,
  signature: string,
  keys: readonly string[],
  algorithm: string,
): boolean {
  let valid = false
  for (const key of keys) valid = equalTexts(keygripSign(data, key, algorithm), signature) || valid
  return valid
}
