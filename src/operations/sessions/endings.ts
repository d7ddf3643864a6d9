import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionId } from '../../core/engine.ts'
import type { Catalogue } from './catalogue.ts'

/** Which sessions; a set, or an IdSet of very many. */
export type SessionIds = Iterable<SessionId> & { readonly size: number }

export type EndingTarget =
  | { readonly ids: Iterable<SessionId> }
  | { readonly principal: string; readonly except?: SessionId | undefined }

export type EndingPhase = 'ending' | 'verifying'

export interface EndingOptions {
  /** Who does it, for the audit. */
  readonly operator: string
  readonly reason?: string | undefined
  /** By which the ids were chosen: then nobody asks again for each of them. */
  readonly filter?: string | undefined
  /** Asked of each right before it ends, for what has chosen it may hold no more. */
  readonly isWanted?: ((id: SessionId) => Promise<boolean>) | undefined
  /** Sessions a second that are ended, at most. Default 2,000. */
  readonly rate?: number | undefined
  /** Aborted: no further one is ended. */
  readonly signal?: AbortSignal | undefined
  /** Told of how many are done with. */
  readonly progress?: (phase: EndingPhase, done: number, total: number) => void
}

export interface Ended {
  /** How many there were. */
  readonly found: number
  readonly revoked: number
  /** Of those that were found, how many were not ended because they were not wanted any more. */
  readonly skipped: number
  /** Whether the primary was asked again, and has none of them any more. */
  readonly verified: boolean
  /** Milliseconds until then. */
  readonly took: number
  /** Why it is not more: what the store has said. */
  readonly problem: Error | undefined
  /** Whether the audit has been told how it went, as far as is known. */
  readonly isTold: boolean
}

/** Sessions that end in a second, whoever asks for it: others' requests wait the less for it. */
export const ENDED_A_SECOND = 2_000
/** Sessions that are asked for, or ended, at once. */
const AT_ONCE = 32
/** Of several that were named by their ids, how many the audit is told. */
const MOST_NAMED = 100
/** Of a principal's, what ends in one step: docs/decisions/0019. More are ended one by one, at that rate. */
const ONE_STEP = 500
/** Sessions a second that are asked for again. */
const VERIFIED_A_SECOND = 20_000
/** How long it is tried to tell the audit of what was done before the store failed, milliseconds. */
const PATIENCE = 10_000
const PAUSE = 500

/**
 * Those of them that are there, by the ids that they have now.
 * @throws OptionError without secrets for a principal's; StoreUnavailableError, StoreRefusedError
 */
export async function sessionsOf(
  catalogue: Catalogue,
  target: EndingTarget,
): Promise<Set<SessionId>> {
  if ('principal' in target) {
    const { principal, except } = target
    const spared = except === undefined ? undefined : await catalogue.find(except)
    const ids = (await catalogue.of(principal)).map(({ id }) => id)
    return new Set(ids.filter((id) => id !== spared))
  }
  const found = new Set<SessionId>()
  await forEach(target.ids, async (asked) => {
    const id = await catalogue.find(asked)
    if (id !== undefined) found.add(id)
  })
  return found
}

/** How many `sessionsOf` would find. Of very many of one principal they are counted, not read: then it is about so many. */
export async function countOf(catalogue: Catalogue, target: EndingTarget): Promise<number> {
  if (!('principal' in target)) return (await sessionsOf(catalogue, target)).size
  const { principal, except } = target
  const spared = except === undefined ? undefined : await catalogue.find(except)
  const { sessions, total } = await catalogue.some(principal, ONE_STEP)
  const isSpared =
    spared !== undefined && (total > sessions.length || sessions.some(({ id }) => id === spared))
  return isSpared ? total - 1 : total
}

/**
 * Ends them on every node. The audit is told before: where it cannot be, nothing ends. And it is told after, whatever
 * has come between.
 * @param found as `sessionsOf` has counted them, or whoever has chosen them
 * @throws OptionError for secrets that are not theirs, StoreUnavailableError, StoreRefusedError: nothing has ended
 */
export async function endSessions(
  catalogue: Catalogue,
  target: EndingTarget,
  found: SessionIds,
  options: EndingOptions,
): Promise<Ended> {
  const { operator, reason, filter, isWanted, signal, progress = () => undefined } = options
  await catalogue.requireOwnSecrets(found)
  const { rate = ENDED_A_SECOND } = options
  const started = performance.now()
  const principal = 'principal' in target ? target.principal : undefined
  const named = principal === undefined ? firstOf(found, MOST_NAMED) : []
  const isOne = found.size === 1
  const about = {
    id: isOne ? named[0] : undefined,
    ids: isOne || principal !== undefined || filter !== undefined ? undefined : named,
    ...{ operator, reason, principal, filter, found: found.size },
  }
  await catalogue.begin({ ...about, action: 'revoke' })
  let [revoked, skipped, verified, done] = [0, 0, false, 0]
  let problem: Error | undefined
  try {
    if (signal?.aborted === true) {
      // The audit has that it was begun.
    } else if ('principal' in target && found.size <= ONE_STEP) {
      revoked = (await catalogue.revokeAllOf(target.principal, target.except)).count
    } else {
      const end = async (each: SessionId): Promise<void> => {
        if (isWanted !== undefined && !(await isWanted(each))) skipped++
        else if (await catalogue.revoke(each, principal)) revoked++
        progress('ending', ++done, found.size)
      }
      await forEach(found, end, { rate, signal })
    }
    if (filter === undefined && signal?.aborted !== true) {
      const asked = (count: number): void => progress('verifying', count, found.size)
      verified = !(await isAnyThere(catalogue, found, asked, signal))
    }
  } catch (error) {
    problem = error instanceof Error ? error : new Error(String(error))
  }
  const isAsked = filter === undefined
  const told = {
    ...about,
    action: 'revoked',
    revoked,
    verified: isAsked ? verified : undefined,
  } as const
  const isTold = problem === undefined ? await tell(catalogue, told) : await insist(catalogue, told)
  const took = performance.now() - started
  return { found: found.size, revoked, skipped, verified, took, problem, isTold }
}

type Told = Parameters<Catalogue['end']>[0]

async function tell(catalogue: Catalogue, told: Told): Promise<boolean> {
  await catalogue.end(told)
  return true
}

/** The store may be back in a moment. @returns whether it has been told */
async function insist(catalogue: Catalogue, told: Told): Promise<boolean> {
  const until = performance.now() + PATIENCE
  for (;;) {
    try {
      await catalogue.begin(told)
      return true
    } catch {
      if (performance.now() >= until) return false
      await sleep(PAUSE)
    }
  }
}

async function isAnyThere(
  catalogue: Catalogue,
  ids: SessionIds,
  asked: (count: number) => void,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let isThere = false
  let count = 0
  const ask = async (id: SessionId): Promise<void> => {
    if (!isThere && (await catalogue.find(id)) !== undefined) isThere = true
    asked(++count)
  }
  await forEach(ids, ask, { rate: VERIFIED_A_SECOND, signal })
  // Who was not asked may be there.
  return isThere || count < ids.size
}

function firstOf(ids: SessionIds, most: number): SessionId[] {
  const first: SessionId[] = []
  for (const id of ids) if (first.push(id) === most) break
  return first
}

/** A bounded number at once, and not more a second than that. After the first that fails no further one is begun. */
async function forEach<Item>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
  { rate, signal }: Pick<EndingOptions, 'rate' | 'signal'> = {},
): Promise<void> {
  const left = items[Symbol.iterator]()
  let [begun, hasFailed] = [0, false]
  const started = performance.now()
  const isStopped = (): boolean => signal?.aborted === true || hasFailed
  const one = async (): Promise<void> => {
    while (!isStopped()) {
      const next = left.next()
      if (next.done === true) return
      const at = begun++
      const ahead = rate === undefined ? 0 : (at / rate) * 1_000 - (performance.now() - started)
      if (ahead > 0) await sleep(ahead, undefined, { signal }).catch(() => undefined)
      if (isStopped()) return
      try {
        await work(next.value)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
  const all = await Promise.allSettled(Array.from({ length: AT_ONCE }, one))
  for (const result of all) if (result.status === 'rejected') throw result.reason
}
