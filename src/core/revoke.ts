import type { Denials } from './denials.ts'
import { publishLifetime } from './diagnostics.ts'
import { Confirmation, type DurabilityOption, type Outcome, waitForOf } from './durability.ts'
import { LONGEST_LIFETIME } from './duration.ts'
import { type Engine, isTrail, type SessionId } from './engine.ts'
import { SessionConflictError, StoreRefusedError, StoreUnavailableError } from './errors.ts'
import type { EventHub } from './events.ts'
import type { PrincipalName } from './principal.ts'
import { readHeader } from './record.ts'
import { isSessionId } from './token.ts'
import { successorOf } from './trail.ts'

/** Rotations within one grace make a chain of forwards. */
const MOST_STEPS = 64

export interface RevokeByIdOptions {
  readonly ownerTag?: string | undefined
  readonly confirmation?: Confirmation | undefined
  /** As what its end counts; absent: whoever asks counts it. */
  readonly reason?: 'logout' | 'revoked'
}

/**
 * Ends a session by its public id, which may be that of before a rotation: a revocation that reaches
 * only the forward would leave the session alive at its successor.
 * @param options `ownerTag`: only if the session is this principal's
 * @returns the id under which the session was ended, or nothing when there is none
 * @throws SessionConflictError when rotations have led on 64 times: it may still be alive
 */
export async function revokeById(
  engine: Engine,
  asked: SessionId,
  options: RevokeByIdOptions = {},
): Promise<SessionId | undefined> {
  const { ownerTag, confirmation, reason } = options
  let id = asked
  if (!isSessionId(id)) return undefined
  let stored = await engine.load(id)
  for (let step = 0; step < MOST_STEPS && stored !== undefined; step++) {
    const { record } = stored
    if (isTrail(record)) {
      const successor = successorOf(record)
      if (successor === undefined) return undefined
      id = successor
      stored = await engine.load(id)
      continue
    }
    const header = readHeader(record)
    const owner = header?.ownerTag
    if (ownerTag !== undefined && owner !== ownerTag) return undefined
    // Whatever has been written meanwhile: an id keeps its owner. Of a rotation the forward is followed.
    const owned = owner === undefined ? {} : { ownerTag: owner }
    const result = await engine.destroy(id, { spareTrail: true, ...owned, confirmation })
    if (result.status === 'done') {
      if (reason !== undefined) publishLifetime(reason, header?.createdAt, engine.now())
      return id
    }
    stored = result.status === 'conflict' ? result.stored : undefined
  }
  if (stored !== undefined) throw new SessionConflictError(MOST_STEPS)
  return undefined
}

/** Whether the store could not do it, now or at all. */
export function isStoreError(error: unknown): boolean {
  return error instanceof StoreUnavailableError || error instanceof StoreRefusedError
}

export interface RevokeAsked extends DurabilityOption {
  /** Only a session of this principal's. */
  readonly name?: PrincipalName
  /** As it is told of, where it is not asked by `name`. */
  readonly principal?: string | undefined
  readonly denials: Denials
}

/**
 * Ends a session by its public id, and tells of it.
 * @returns false when there is none
 * @throws as `revokeById`, and OptionError
 */
export async function revoke(
  engine: Engine,
  events: EventHub,
  id: SessionId,
  { name, principal = name?.principal, denials, ...options }: RevokeAsked,
): Promise<Outcome | false> {
  const confirmation = new Confirmation(waitForOf(options))
  const ownerTag = name?.tag
  let ended: SessionId | undefined
  try {
    ended = await revokeById(engine, id, { ownerTag, confirmation, reason: 'revoked' })
  } catch (error) {
    const deadline = engine.now() + LONGEST_LIFETIME
    const denied = { id, ownerTag, deadline, event: 'revoked', principal } as const
    if (isStoreError(error) && isSessionId(id)) denials.add(denied, false)
    throw error
  }
  if (ended === undefined) return false
  events.missing('revoke', ended, confirmation)
  await events.record('revoked', { id: ended, principal })
  return confirmation.outcome
}
