import { publishLifetime } from './diagnostics.ts'
import { Confirmation, type Outcome } from './durability.ts'
import { LONGEST_LIFETIME } from './duration.ts'
import { isTrail, type SessionId } from './engine.ts'
import type { EventHub } from './events.ts'
import type { Live } from './live.ts'
import { principalOf } from './meta.ts'
import { readHeader } from './record.ts'
import type { Destroyed, DestroyHow, Repository } from './repository.ts'
import { isStoreError } from './revoke.ts'
import type { Token } from './token.ts'

export interface SignedOut {
  readonly outcome: Outcome
  /** Its entry in the audit, to be waited for. */
  readonly entry?: Promise<void> | undefined
  /** Someone else has ended it before. */
  readonly isLate?: boolean
}

/**
 * Ends a session whose token the request has come with, on every node.
 * @returns `isSuperseded`: a login elsewhere had taken its place
 * @throws as `Repository.destroy`
 */
export async function signOut(
  repository: Repository,
  events: EventHub,
  live: Live,
  how: DestroyHow,
): Promise<SignedOut & { readonly isSuperseded: boolean }> {
  const destroyed = await destroy(repository, live, how)
  await repository.adoption?.release(live)
  if (destroyed.status === 'superseded') return { isSuperseded: true, outcome: 'uncertain' }
  const event = { id: live.token.id, principal: principalOf(live.meta) }
  const entry =
    destroyed.status === 'done'
      ? events.record('logout', { ...event, id: destroyed.id })
      : undefined
  if (destroyed.status === 'done') {
    publishLifetime('logout', live.header.createdAt, repository.settings.engine.now())
  }
  const isLate = destroyed.status === 'gone'
  return { isSuperseded: false, outcome: destroyed.outcome, entry, isLate }
}

/**
 * What has ended is ended once more: what its former end has not waited for can be waited for now.
 * @param id absent: there was none, and nobody knows whether an end has arrived everywhere
 */
export async function signOutAgain(
  { settings: { engine } }: Repository,
  events: EventHub,
  id: SessionId | undefined,
  { waitFor }: DestroyHow,
): Promise<SignedOut> {
  if (id === undefined) return { outcome: 'uncertain' }
  const confirmation = new Confirmation(waitFor)
  // Whom this process denies may stand there still.
  const record = (await engine.load(id))?.record
  const header = record && !isTrail(record) ? readHeader(record) : undefined
  const owned = header?.ownerTag === undefined ? {} : { ownerTag: header.ownerTag }
  const { status } = await engine.destroy(id, { spareTrail: true, confirmation, ...owned })
  if (status === 'done') {
    publishLifetime('logout', header?.createdAt, engine.now())
    await events.record('logout', { id, principal: undefined })
  }
  return { outcome: confirmation.outcome }
}

/** Whoever has a session's token may end it on this node, whatever it is. */
export function denyUnknown({ denials, settings }: Repository, { id }: Token): void {
  const deadline = settings.engine.now() + LONGEST_LIFETIME
  const of = { ownerTag: undefined, principal: undefined, deadline, event: 'logout' } as const
  denials.add({ id, ...of }, false)
}

/** What the store cannot write down ends on this node at least. */
async function destroy(repository: Repository, live: Live, how: DestroyHow): Promise<Destroyed> {
  // A rotation may have moved it, and the store may have failed only there.
  const ids = [live.token.id]
  try {
    return await repository.destroy(live, how, (id) => ids.push(id))
  } catch (error) {
    const { ownerTag, deadline } = live.header
    const principal = principalOf(live.meta)
    if (isStoreError(error)) {
      for (const id of ids) {
        repository.denials.add({ id, ownerTag, deadline, event: 'logout', principal }, true)
      }
    }
    throw error
  }
}
