import { LONGEST_LIFETIME } from '../../core/duration.ts'
import type { SessionState } from '../../core/session-state.ts'

/** The time by which lifetimes are decided, milliseconds since the epoch. */
export function nowOf(state: SessionState): number {
  return state.repository.settings.engine.now()
}

/** @param ttl seconds; absent: as long as there is @returns milliseconds */
export function lifetimeOf(ttl: number | undefined): number {
  if (ttl === undefined || ttl === null || Number.isNaN(ttl)) return LONGEST_LIFETIME
  return Math.min(Math.ceil(ttl * 1000), LONGEST_LIFETIME)
}

/** It is to end then, whoever reads it meanwhile. @param ms from now, 1 or more */
export function endIn(state: SessionState, ms: number): void {
  const idleTimeout = Math.min(ms, LONGEST_LIFETIME)
  state.setLifetime({ idleTimeout, deadline: Math.floor(nowOf(state)) + idleTimeout })
}
