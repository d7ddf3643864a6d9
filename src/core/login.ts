import { type Change as AttributeChange, applyDelta, type Delta } from './attributes.ts'
import { publishLifetime } from './diagnostics.ts'
import { Confirmation } from './durability.ts'
import type { Limit } from './engine.ts'
import { SessionEndedError, StoreUnavailableError } from './errors.ts'
import type { EventHub } from './events.ts'
import type { Live } from './live.ts'
import {
  loginMeta,
  type Meta,
  NO_META,
  principalOf,
  withBound,
  withNote,
  withPersistent,
} from './meta.ts'
import type { PrincipalName } from './principal.ts'
import { isPrivateName } from './private-names.ts'
import { rebase } from './rebase.ts'
import type { RecordHeader } from './record.ts'
import type { Repository } from './repository.ts'
import { createToken } from './token.ts'
import { makeSuperseded, SUPERSEDED_FOR } from './trail.ts'
import { equalValues } from './values.ts'

const NOTHING: ReadonlyMap<string, unknown> = new Map()

/**
 * So often the session before is ended only as it was read, and what others wrote is carried over
 * first. Then whatever stands there is ended and carried over afterwards: a writer that never rests
 * cannot keep anybody from signing in.
 */
const CAREFUL_ATTEMPTS = 6

export interface LoginPlan {
  /** Absent: who was signed in has left, and what is kept is nobody's from now on. */
  readonly name: PrincipalName | undefined
  /** The attributes that go along: by their names, or all of the application's. */
  readonly keep: readonly string[] | 'all'
  readonly level: number | undefined
  readonly kind: string | undefined
  readonly limit: Limit | undefined
  readonly device: string | undefined
  readonly address: string | undefined
  readonly persistent: boolean
  readonly idleTimeout: number
  readonly absoluteTimeout: number
  /** See `noteOf`. */
  readonly note: unknown
  /** See `boundOf`. */
  readonly bound?: Readonly<Record<string, unknown>> | undefined
  /** Nobody has authenticated: where the session before has been ended meanwhile there is no login. */
  readonly follows?: boolean
  /**
   * What is stored has said before this request whose session it is: who comes with the former token was as good as signed in,
   * and is led to the new one.
   */
  readonly isKnown?: boolean
  /** Asked where the session before is gone, and this is one more than there was. Rejects where there may not be. */
  readonly permit?: () => Promise<void>
}

export interface SignedIn {
  readonly live: Live
  /** Where a parallel request has signed the same session in: the names of what was added to that one's. */
  readonly joined?: readonly string[]
}

/**
 * A new session for the principal, in the principal's partition, and the end of the one before.
 * The new one is written first and the old one ended by compare-and-set, so that neither a failure
 * between the two nor a parallel request's acknowledged change loses what is kept.
 */
export async function login(
  repository: Repository,
  before: Live | undefined,
  pending: Delta,
  plan: LoginPlan,
  region: number,
): Promise<SignedIn> {
  const { engine, keyring, schema } = repository.settings
  const now = Math.floor(engine.now())
  const header: RecordHeader = {
    revision: 1,
    createdAt: now,
    deadline: now + plan.absoluteTimeout,
    idleTimeout: plan.idleTimeout,
    schema: Math.max(schema.version, before?.header.schema ?? 0),
    ownerTag: plan.name?.tag,
  }
  const meta = metaOf(plan, now)
  const base = before?.attributes() ?? NOTHING
  const kept = pick(applyDelta(base, pending), plan.keep)
  const token = createToken(keyring, plan.name?.partition, region)
  // The same principal's, which this login ends, is not one too many.
  const isReplaced = before !== undefined && before.header.ownerTag === plan.name?.tag
  const limit = isReplaced && plan.limit ? { ...plan.limit, replaces: before.token.id } : plan.limit
  const leave = (error: unknown): void => {
    // Nobody's session counts for no limit and stands in no list: it ends by itself.
    if (plan.name === undefined) return
    repository.leftovers.end(token.id, plan.name.tag, plan.idleTimeout, error)
  }
  let created: Live
  try {
    created = await repository.create(token, header, kept, meta, limit)
  } catch (error) {
    if (error instanceof StoreUnavailableError && error.indeterminate) leave(error)
    throw error
  }
  if (before === undefined) return { live: created }
  try {
    return await supersede(repository, before, pending, plan, created)
  } catch (error) {
    // Signed in, and its token given to nobody.
    await repository.destroy(created).catch(leave)
    throw error
  }
}

/** Enters a login that is done, or whose session was left by it. */
export async function tellOfLogin(
  { settings }: Repository,
  events: EventHub,
  before: Live | undefined,
  { name, kind, level, device, address }: LoginPlan,
  { live, joined }: SignedIn,
): Promise<void> {
  const { id } = live.token
  if (name === undefined) {
    if (before === undefined) return
    publishLifetime('logout', before.header.createdAt, settings.engine.now())
    const left = { id: before.token.id, principal: principalOf(before.meta) }
    await events.record('logout', left)
  } else if (joined === undefined) {
    const about = { principal: name.principal, kind, level, device, address }
    await events.record('login', { id, previousId: before?.token.id, ...about })
  } else if (joined.length > 0) {
    // Who has signed it in has told of that.
    await events.record('changed', { id, attributes: joined })
  }
}

function metaOf(plan: LoginPlan, now: number): Meta {
  const { name, level, kind, device, address, persistent, note, bound } = plan
  const meta =
    name === undefined
      ? withPersistent(NO_META, persistent)
      : loginMeta({
          ...{ principal: name.principal, authenticatedAt: now, level, kind },
          ...{ device, address, persistent },
        })
  const known = name === undefined ? meta : withBound(meta, bound)
  return note === undefined ? known : withNote(known, note)
}

/**
 * Ends the session before the login, carrying over what parallel requests stored there meanwhile.
 * @throws SessionEndedError when the new session was revoked meanwhile; the one before is ended too; and where
 * the plan needs that one and it was not there
 */
async function supersede(
  repository: Repository,
  before: Live,
  pending: Delta,
  { keep, name, limit, follows = false, isKnown = false, ...plan }: LoginPlan,
  created: Live,
): Promise<SignedIn> {
  const { engine, merges } = repository.settings
  const trail = isKnown
    ? repository.rotations.trail('forward', created.header, before.token, created.token)
    : { record: makeSuperseded(), ttl: SUPERSEDED_FOR }
  // With a limit the new one may have taken another's place by now: to refuse it would leave neither, and so many there are at most.
  const permit = limit === undefined ? plan.permit : undefined
  let old = before
  let base = before.attributes()
  let delta = pending
  let live = created
  const carryOver = async (theirs: ReadonlyMap<string, unknown>): Promise<void> => {
    delta = rebase(delta, base, theirs, merges)
    base = theirs
    const kept = pick(applyDelta(base, delta), keep)
    const missing = difference(live.attributes(), kept)
    if (missing.size === 0) return
    const stored = await repository.store(live, { delta: missing })
    if (stored.status === 'live') {
      live = stored.live
      return
    }
    // Its token is known to nobody yet: a revocation of all the principal's sessions has ended it.
    await repository.destroy(old, { trail })
    throw new SessionEndedError('login')
  }
  // Another has ended it: what it held ends with it, and only what this request has set itself goes along.
  const forget = async (): Promise<void> => {
    if (follows) throw new SessionEndedError('login')
    await permit?.()
    await carryOver(NOTHING)
  }
  for (let attempt = 1; attempt <= CAREFUL_ATTEMPTS; attempt++) {
    const ownerTag = old.header.ownerTag
    const owned = ownerTag === undefined ? {} : { ownerTag }
    const confirmation = new Confirmation()
    const how = { base: old.stamp, trail, ...owned, confirmation }
    const result = await engine.destroy(old.token.id, how)
    if (result.status !== 'conflict') {
      if (result.status === 'gone') await forget()
      else repository.missing('logout', old.token.id, confirmation)
      return { live }
    }
    const theirs = await repository.reader.follow(old.token, result.stored)
    if (theirs.status === 'none') {
      if (follows) throw new SessionEndedError('login')
      break
    }
    old = theirs.live
    // A parallel request has found out the same: all go on with the one session.
    const isTheirs = isKnown && old.token.id !== before.token.id
    if (isTheirs && old.header.ownerTag === name?.tag)
      return join(repository, created, old, base, delta)
    await carryOver(old.attributes())
  }
  const ended = await repository.destroy(old, { trail })
  if (ended.status === 'gone') await forget()
  else if (ended.status === 'superseded') {
    if (follows) throw new SessionEndedError('login')
    // Two logins at once: what is kept goes along with each.
    await permit?.()
  } else if (ended.status === 'done' && ended.last !== undefined) {
    await carryOver(ended.last.attributes())
  }
  return { live }
}

/** Instead of the session that was made, the one that another has made of the same one. @throws SessionEndedError */
async function join(
  repository: Repository,
  created: Live,
  theirs: Live,
  base: ReadonlyMap<string, unknown>,
  delta: Delta,
): Promise<SignedIn> {
  await repository.destroy(created)
  const changes = rebase(delta, base, theirs.attributes(), repository.settings.merges)
  if (changes.size === 0) return { live: theirs, joined: [] }
  const stored = await repository.store(theirs, { delta: changes })
  if (stored.status === 'live') return { live: stored.live, joined: [...changes.keys()] }
  throw new SessionEndedError('login')
}

function pick(
  attributes: ReadonlyMap<string, unknown>,
  keep: LoginPlan['keep'],
): Map<string, unknown> {
  const isKept = (name: string): boolean =>
    keep === 'all' ? !isPrivateName(name) : keep.includes(name)
  return new Map([...attributes].filter(([name]) => isKept(name)))
}

function difference(from: ReadonlyMap<string, unknown>, to: ReadonlyMap<string, unknown>): Delta {
  const delta = new Map<string, AttributeChange>()
  for (const name of from.keys()) if (!to.has(name)) delta.set(name, { value: undefined })
  for (const [name, value] of to) {
    if (!equalValues(value, from.get(name))) delta.set(name, { value })
  }
  return delta
}
