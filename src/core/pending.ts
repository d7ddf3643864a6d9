import type { Rebase } from './rebase.ts'
import type { Lifetime } from './repository.ts'
import type { Token } from './token.ts'

/**
 * What is to be stored beside the attributes. Most requests say nothing of it. Never changed in place: a write that
 * was under way knows by it what has been said since.
 */
export interface Pending {
  readonly lifetime?: Lifetime | undefined
  readonly note?: { readonly value: unknown } | undefined
  /** Instead of the usual one. */
  readonly rebase?: Rebase | undefined
  /** The token that a new session is to have, where it had to be known before. */
  readonly token?: Token | undefined
  /** A new session is to be stored though nothing has been set. */
  readonly wanted?: boolean
}

export const NOTHING_SAID: Pending = {}

/** What is still to be stored when something has been. */
export function saidSince(
  stored: Pending | undefined,
  now: Pending | undefined,
): Pending | undefined {
  if (now === stored || now === undefined) return undefined
  const { lifetime, note, rebase } = now
  return {
    lifetime: lifetime === stored?.lifetime ? undefined : lifetime,
    note: note === stored?.note ? undefined : note,
    rebase: rebase === stored?.rebase ? undefined : rebase,
  }
}
