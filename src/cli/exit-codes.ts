import { OptionError, StoreRefusedError, StoreUnavailableError } from '../core/errors.ts'

/** What scripts branch on: 0 all is well, 1 something was found, 2 usage, 3 not reachable, 4 not permitted. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OptionError) return 2
  if (error instanceof StoreUnavailableError) return 3
  if (error instanceof StoreRefusedError) return DENIED.has(error.reason) ? 4 : 3
  return 1
}

const DENIED = new Set(['NOPERM', 'NOAUTH', 'WRONGPASS'])

/** Whether the user of Redis lacks a permission. */
export function isForbidden(error: unknown): boolean {
  return error instanceof StoreRefusedError && error.reason === 'NOPERM'
}
