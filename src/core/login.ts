import { type Change as AttributeChange, applyDelta, type Delta } from './attributes.ts'
import { SessionConflictError } from './errors.ts'
import type { Live } from './live.ts'
import { loginMeta } from './meta.ts'
import type { PrincipalName } from './principal.ts'
import { rebase } from './rebase.ts'
import type { RecordHeader } from './record.ts'
import { backOff, MOST_ATTEMPTS, type Repository } from './repository.ts'
import { createToken } from './token.ts'
import { makeSuperseded } from './trail.ts'
import { equalValues } from './values.ts'

/**
 * How long the former id remembers that a login has superseded it: longer than a request that
 * carries the former token can still be on its way.
 */
const SUPERSEDED_FOR = 5 * 60_000

export interface LoginPlan {
  readonly name: PrincipalName
  /** Names of the attributes that go along. */
  readonly keep: readonly string[]
  readonly device: string | undefined
  readonly address: string | undefined
  readonly persistent: boolean
  readonly idleTimeout: number
  readonly absoluteTimeout: number
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
): Promise<Live> {
  const { engine, keyring, schema } = repository.settings
  const now = Math.floor(engine.now())
  const header: RecordHeader = {
    revision: 1,
    createdAt: now,
    deadline: now + plan.absoluteTimeout,
    idleTimeout: plan.idleTimeout,
    schema: Math.max(schema.version, before?.header.schema ?? 0),
    ownerTag: plan.name.tag,
  }
  const meta = loginMeta({
    principal: plan.name.principal,
    authenticatedAt: now,
    device: plan.device,
    address: plan.address,
    persistent: plan.persistent,
  })
  const base = before?.attributes() ?? new Map<string, unknown>()
  const kept = pick(applyDelta(base, pending), plan.keep)
  const token = createToken(keyring, plan.name.partition)
  const live = await repository.create(token, header, kept, meta)
  return before === undefined ? live : supersede(repository, before, pending, plan.keep, live)
}

/** Ends the session before the login, carrying over what parallel requests stored there meanwhile. */
async function supersede(
  repository: Repository,
  before: Live,
  pending: Delta,
  keep: readonly string[],
  created: Live,
): Promise<Live> {
  const { engine, merges } = repository.settings
  let old = before
  let delta = pending
  let live = created
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const ownerTag = old.header.ownerTag
    const result = await engine.destroy(old.token.id, {
      base: old.stamp,
      trail: { record: makeSuperseded(), ttl: SUPERSEDED_FOR },
      ...(ownerTag === undefined ? {} : { ownerTag }),
    })
    if (result.status !== 'conflict') return live
    const theirs = await repository.reader.follow(old.token, result.stored)
    if (theirs.status === 'none') return live
    delta = rebase(delta, old.attributes(), theirs.live.attributes(), merges)
    old = theirs.live
    const kept = pick(applyDelta(old.attributes(), delta), keep)
    const stored = await repository.store(live, { delta: difference(live.attributes(), kept) })
    // The new token is known to nobody yet: only a revocation of everything can have ended it.
    if (stored.status === 'ended') return live
    live = stored.live
    await backOff(attempt)
  }
  throw new SessionConflictError(MOST_ATTEMPTS)
}

function pick(
  attributes: ReadonlyMap<string, unknown>,
  names: readonly string[],
): Map<string, unknown> {
  return new Map([...attributes].filter(([name]) => names.includes(name)))
}

function difference(from: ReadonlyMap<string, unknown>, to: ReadonlyMap<string, unknown>): Delta {
  const delta = new Map<string, AttributeChange>()
  for (const name of from.keys()) if (!to.has(name)) delta.set(name, { value: undefined })
  for (const [name, value] of to) {
    if (!equalValues(value, from.get(name))) delta.set(name, { value })
  }
  return delta
}
