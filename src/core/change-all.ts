import { applyDelta, type Delta } from './attributes.ts'
import { Confirmation } from './durability.ts'
import { descriptorHead, isTrail, type SessionId, stampOf } from './engine.ts'
import { SessionConflictError } from './errors.ts'
import type { EventHub } from './events.ts'
import type { Settings } from './options.ts'
import type { PrincipalName } from './principal.ts'
import { encodeRecord, nextRevision, openRecord } from './record.ts'
import { backOff, MOST_ATTEMPTS } from './repository.ts'
import { migrateData, validateData } from './schema.ts'
import { successorOf } from './trail.ts'
import { equalValues } from './values.ts'

export interface ChangedSessions {
  /** How many hold the change now; those that held it before are among them. */
  readonly changed: number
  /** How many cannot be opened without their tokens (`seal: 'token'`), or cannot be opened at all. */
  readonly sealed: number
  /** How many had ended when their turn came. */
  readonly gone: number
}

/** What is to be done to these attributes. Runs again when another writer was first. */
export type DeltaOf = (attributes: ReadonlyMap<string, unknown>) => Delta

/** So many sessions of one principal are changed at a time: the store has others to serve. */
const AT_ONCE = 16

/**
 * Changes the attributes of all sessions that a principal has when it is called, without their
 * tokens. Their lifetimes stay: nobody was active.
 * @param told of each that has been changed, and waited for
 * @throws what the first failure says; those that were changed before stay changed
 */
export async function changeAll(
  settings: Settings,
  events: EventHub,
  name: PrincipalName,
  deltaOf: DeltaOf,
  told?: (id: SessionId) => Promise<void>,
): Promise<ChangedSessions> {
  const { engine } = settings
  const start = engine.now()
  const counts = { changed: 0, sealed: 0, gone: 0 }
  const taken = new Set<SessionId>()
  for (let isFirst = true; ; isFirst = false) {
    const listed = await engine.list(name.partitionTag, name.tag)
    // Once more, for one that is rotated while a long list is read may be missing in it. Who has
    // signed in since knows of the change.
    const missed = listed.filter(({ id, descriptor }) => {
      return !taken.has(id) && (isFirst || descriptorHead(descriptor).createdAt <= start)
    })
    if (missed.length === 0) return counts
    const ids = new Set(listed.map(({ id }) => id))
    if (!isFirst) await takeSuccessors(settings, taken, ids)
    await each(missed, AT_ONCE, async ({ id }) => {
      const outcome = await changeOne(settings, events, name, id, taken, deltaOf, told)
      if (outcome !== 'taken') counts[outcome]++
    })
  }
}

/** Of those that are not listed any more some have been rotated, and hold the change already. */
async function takeSuccessors(
  { engine }: Settings,
  taken: Set<SessionId>,
  listed: ReadonlySet<SessionId>,
): Promise<void> {
  // Grows as it is gone through: a successor may have one too.
  for (const id of taken) {
    if (listed.has(id)) continue
    const stored = await engine.load(id, { fresh: true })
    const successor = stored && successorOf(stored.record)
    if (successor !== undefined) taken.add(successor)
  }
}

async function changeOne(
  settings: Settings,
  events: EventHub,
  name: PrincipalName,
  asked: SessionId,
  taken: Set<SessionId>,
  deltaOf: DeltaOf,
  told: ((id: SessionId) => Promise<void>) | undefined,
): Promise<keyof ChangedSessions | 'taken'> {
  const { engine, keyring, record: format, schema } = settings
  if (taken.has(asked)) return 'taken'
  taken.add(asked)
  let id = asked
  let stored = await engine.load(id, { fresh: true })
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    if (stored === undefined) return 'gone'
    const { record } = stored
    if (isTrail(record)) {
      const successor = successorOf(record)
      if (successor === undefined) return 'gone'
      if (taken.has(successor)) return 'taken'
      taken.add(successor)
      id = successor
      stored = await engine.load(id, { fresh: true })
      continue
    }
    const context = { keyring, id, token: undefined }
    const opened = openRecord(record, context)
    if (opened.status === 'rejected' || format.seal === 2) return 'sealed'
    const { header, key, meta } = opened
    if (header.ownerTag !== name.tag || header.deadline <= engine.now()) return 'gone'
    const migrated = migrateData(schema, opened, header.schema)
    if (migrated === undefined) return 'sealed'
    const { attributes } = migrated
    const delta = changesOnly(attributes, deltaOf(attributes))
    if (delta.size === 0) return 'changed'
    const changed = applyDelta(attributes, delta)
    await validateData(schema, changed)
    const revision = nextRevision(header.revision)
    const next = { ...header, revision, schema: Math.max(header.schema, schema.version) }
    const encoded = encodeRecord(next, { attributes: changed, meta }, context, format, key)
    const confirmation = new Confirmation()
    const options = { confirmation }
    const result = await engine.commit(id, stampOf(record), encoded, undefined, options)
    if (result.status === 'gone') return 'gone'
    if (result.status === 'done') {
      events.missing('commit', id, confirmation)
      await events.record('changed', { id, attributes: [...delta.keys()] })
      await told?.(id)
      return 'changed'
    }
    // What was stored before a pause has been overtaken after it.
    const isPaused = await backOff(attempt)
    stored = isPaused ? await engine.load(id, { fresh: true }) : result.stored
  }
  throw new SessionConflictError(MOST_ATTEMPTS)
}

function changesOnly(attributes: ReadonlyMap<string, unknown>, delta: Delta): Delta {
  return new Map(
    [...delta].filter(([name, { value }]) => {
      return value === undefined ? attributes.has(name) : !equalValues(value, attributes.get(name))
    }),
  )
}

/** So many at a time; after a failure no further ones. */
async function each<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = (function* () {
    yield* items
  })()
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  // A loop that an exception ends closes the generator, for all of them.
  await Promise.all(Array.from({ length: atOnce }, worker))
}
