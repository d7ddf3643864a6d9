import { createHash } from 'node:crypto'
import { OptionError } from '../../../core/errors.ts'

const SHORTEST = 32
let warned = false

/**
 * Secrets of Sojourn from Koa's `app.keys`, of any length: the first one seals, all of them open.
 * @returns nothing where there are no keys
 * @throws OptionError for a Keygrip, which does not show its keys
 */
export function secretsFrom(keys: unknown): readonly string[] | undefined {
  if (keys === undefined || keys === null) return undefined
  if (!Array.isArray(keys)) {
    throw new OptionError(
      'secrets',
      'must be given where app.keys is no list: a Keygrip keeps its keys to itself',
    )
  }
  const texts = keys as (string | Uint8Array)[]
  if (texts.some((key) => key.length < SHORTEST)) warnOnce()
  return texts.map((key) =>
    // Not the keys themselves: Koa signs with them, and a key has one use.
    createHash('sha256').update('sojourn\0koa-session\0').update(key).digest('base64url'),
  )
}

function warnOnce(): void {
  if (warned) return
  warned = true
  process.emitWarning(
    `app.keys has a key of less than ${SHORTEST} characters, from which the sessions' secrets are made: give ` +
      'longer ones, or secrets of 32 random bytes by the option secrets.',
    { code: 'SOJOURN_SHORT_SECRET' },
  )
}
