import { type Signal, signal } from '@preact/signals'
import type { RevokeRequest } from '../../../src/operations/console/api.ts'
import { about } from '../state/api.ts'

export interface Revocation {
  readonly target: RevokeRequest['target']
  /** What ends, as a heading: “All sessions of ada”. */
  readonly title: string
  /** Of those of this page. */
  readonly number: number
}

/** What the person is about to end. */
export const revoking: Signal<Revocation | undefined> = signal(undefined)
/** Counts what was ended from this page: lists are asked for anew. */
export const revocations: Signal<number> = signal(0)
/** Ids that are known to be gone. */
export const gone: Signal<ReadonlySet<string>> = signal(new Set())

export const mayRevoke = (): boolean => about.value?.access === 'write'

let asked = 0

/** Asks about it; nothing ends before it is confirmed. */
export function revoke(target: RevokeRequest['target'], title: string): void {
  revoking.value = { target, title, number: ++asked }
}

export const revokeSession = (id: string): void => revoke({ ids: [id] }, 'End this session')
