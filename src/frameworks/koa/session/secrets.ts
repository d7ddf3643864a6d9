import { OptionError } from '../../../core/errors.ts'
import { borrowedSecrets } from '../../node/borrowed-secrets.ts'

/**
 * Secrets of Sojourn from Koa's `app.keys`, of any length: the first one seals, all of them open.
 * @returns nothing where there are no keys
 * @throws OptionError for a Keygrip, which does not show its keys, and for what is no key
 */
export function secretsFrom(keys: unknown): readonly Uint8Array[] | undefined {
  if (keys === undefined || keys === null) return undefined
  if (!Array.isArray(keys)) {
    throw new OptionError(
      'secrets',
      'must be given where app.keys is no list: a Keygrip keeps its keys to itself',
    )
  }
  if (keys.length === 0 || !keys.every(isKey)) {
    throw new OptionError('app.keys', 'takes keys: each a text or bytes, and none of them empty')
  }
  return borrowedSecrets(keys as (string | Uint8Array)[], 'app.keys', 'koa-session')
}

/** An empty one, or none, is an environment variable that is not set: everybody would know it. */
function isKey(key: unknown): boolean {
  return (typeof key === 'string' || key instanceof Uint8Array) && key.length > 0
}
